//! `--check`: what can be found wrong about settings without running the server.
//!
//! Main thread only; starts nothing and binds nothing.

use std::fs;

use crate::config::Settings;

/// Every problem of settings that are valid by themselves, each a line that names what is wrong and
/// what to do; empty where the server can start with them.
pub fn check(settings: &Settings) -> Vec<String> {
    let folder = settings.plugins.display();
    match fs::read_dir(&settings.plugins) {
        Ok(_) => Vec::new(),
        Err(error) => vec![format!(
            "plugins folder {folder}: {error}: put the plugin libraries there, or name the folder \
             where they are"
        )],
    }
}
