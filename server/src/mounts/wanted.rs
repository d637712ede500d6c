//! The routes that the settings and the libraries in the folder ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Settings;
use crate::limits::LIBRARY_LOADS_MAX;
use crate::plugin::{Demands, Found, Library};

/// A route as it should be.
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) library: Arc<Library>,
    /// Options of its plugin, as JSON.
    pub(super) config: String,
}

/// What the settings ask of a library's file.
pub(super) fn demands(_settings: &Settings) -> Demands {
    Demands {
        strict_modes: true,
        loads_max: LIBRARY_LOADS_MAX,
    }
}

/// The routes that can be served, and why others cannot.
pub(super) fn wanted(settings: &Settings, found: &Found) -> (Vec<Wanted>, Vec<String>) {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut problems = Vec::new();
    for library in found.libraries.values() {
        let path = library.default_path.clone();
        if let Some(other) = wanted.get(&path) {
            let (file, other) = (library.file_name(), other.library.file_name());
            problems.push(format!(
                "{file}: serves {path}, which {other} serves already: remove one of the two"
            ));
            continue;
        }
        let route = Wanted {
            path: path.clone(),
            library: library.clone(),
            config: settings.options.json(&library.name),
        };
        wanted.insert(path, route);
    }
    for name in settings.options.plugins() {
        if !found.libraries.contains_key(name) {
            problems.push(format!("--set {name}: no plugin of that name is loaded"));
        }
    }
    (wanted.into_values().collect(), problems)
}
