//! The routes that the settings and the libraries in the folder ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::config::{ClientSettings, RouteSettings, Settings};
use crate::plugin::{Demands, Found, Library};

/// A route as it should be.
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) library: Arc<Library>,
    /// Options of its plugin, as JSON.
    pub(super) config: String,
    pub(super) client: Arc<ClientSettings>,
    pub(super) subprotocols: Option<Vec<String>>,
    /// Where it is asked for, in front of what is wrong with it.
    pub(super) place: String,
}

/// What the settings ask of a library's file.
pub(super) fn demands(settings: &Settings) -> Demands {
    Demands {
        strict_modes: settings.strict_modes,
        loads_max: settings.library_loads_max,
    }
}

/// The routes that can be served, and why others cannot: each `[[route]]`, and every plugin that
/// none of them names on its own path.
pub(super) fn wanted(settings: &Settings, found: &Found) -> (Vec<Wanted>, Vec<String>) {
    let mut wanted = BTreeMap::new();
    let mut problems = Vec::new();
    for route in &settings.routes {
        match configured(settings, route, found) {
            Ok(route) => drop(wanted.insert(route.path.clone(), route)),
            Err(problem) => problems.push(problem),
        }
    }
    let is_named = |name: &String| settings.routes.iter().any(|route| route.plugin == *name);
    for (name, library) in &found.libraries {
        if settings.default_routes
            && !is_named(name)
            && let Err(problem) = add_default(&mut wanted, settings, library)
        {
            problems.push(problem);
        }
    }
    for name in settings.options.plugins() {
        if !found.libraries.contains_key(name) {
            problems.push(format!("--set {name}: no plugin of that name is loaded"));
        }
    }
    (wanted.into_values().collect(), problems)
}

/// A `[[route]]` with the library of its plugin.
fn configured(settings: &Settings, route: &RouteSettings, found: &Found) -> Result<Wanted, String> {
    let place = settings.place(route);
    let name = &route.plugin;
    let Some(library) = found.libraries.get(name) else {
        let names: Vec<&str> = found.libraries.keys().map(String::as_str).collect();
        return Err(format!(
            "{place}: route {}: no plugin `{name}` is loaded: put its library into the plugins \
             folder, or name one of those that are: {}",
            route.path,
            names.join(", ")
        ));
    };
    let mut offered = route.subprotocols.iter().flatten();
    if let Some(unknown) = offered.find(|name| !library.subprotocols.contains(name)) {
        return Err(format!(
            "{place}: route {}: plugin `{name}` does not speak subprotocol `{unknown}`: it speaks {}",
            route.path,
            match library.subprotocols.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            }
        ));
    }
    Ok(Wanted {
        path: route.path.clone(),
        library: library.clone(),
        config: Value::Object(route.options.clone()).to_string(),
        client: route.client.clone(),
        subprotocols: route.subprotocols.clone(),
        place,
    })
}

fn add_default(
    wanted: &mut BTreeMap<String, Wanted>,
    settings: &Settings,
    library: &Arc<Library>,
) -> Result<(), String> {
    let (path, place) = (&library.default_path, library.file_name());
    if let Some(other) = wanted.get(path) {
        let other = &other.place;
        return Err(format!(
            "{place}: serves {path}, which {other} serves already: remove one of the two"
        ));
    }
    let route = Wanted {
        path: path.clone(),
        library: library.clone(),
        config: settings.options.json(&library.name),
        client: settings.client.clone(),
        subprotocols: None,
        place,
    };
    wanted.insert(path.clone(), route);
    Ok(())
}
