//! `--check`: what can be found wrong about settings and plugins without running the server.
//!
//! Main thread only; starts nothing and binds nothing.

use crate::config::Settings;
use crate::routes::mounts;

/// Every problem of settings that are valid by themselves, each a line that names what is wrong and
/// what to do; empty where the server can start with them.
pub fn check(settings: &Settings) -> Vec<String> {
    let folder = settings.plugins.display();
    mounts::problems(settings).unwrap_or_else(|error| {
        vec![format!(
            "plugins folder {folder}: {error}: put the plugin libraries there, or name the folder \
             where they are"
        )]
    })
}
