//! Which plugin serves which path: made once at start, then only read.
//!
//! Main thread builds it; connection threads look paths up in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::PluginOptions;
use crate::ids::RouteId;
use crate::plugin::{Instance, Library, Loader, Services};

/// All routes, by path.
#[derive(Default)]
pub struct RouteTable {
    routes: BTreeMap<String, Arc<Instance>>,
}

impl RouteTable {
    /// The route that serves exactly `path`.
    pub fn find(&self, path: &str) -> Option<&Arc<Instance>> {
        self.routes.get(path)
    }

    /// All routes in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.routes.values()
    }

    /// The route of a client.
    pub fn by_id(&self, id: RouteId) -> Option<&Arc<Instance>> {
        self.iter().find(|route| route.id() == id)
    }
}

/// Loads every plugin of `folder` and makes a route of each on its default path. What cannot be
/// used is one line in the second value; the others are in the table all the same.
///
/// # Errors
/// The folder cannot be read.
pub fn load(
    folder: &Path,
    options: &PluginOptions,
    services: &Services,
) -> std::io::Result<(RouteTable, Vec<String>)> {
    let mut loader = Loader::default();
    let mut table = RouteTable::default();
    let mut problems = Vec::new();
    let mut names = Vec::new();
    for file in Loader::find(folder)? {
        let file_name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match loader.load(&file) {
            Ok(library) => {
                names.push(library.name.clone());
                if let Err(problem) = add(&mut table, library, options, services) {
                    problems.push(format!("{file_name}: {problem}"));
                }
            }
            Err(error) => problems.push(format!("{file_name}: {error}")),
        }
    }
    for name in options
        .plugins()
        .filter(|name| !names.iter().any(|of| of == name))
    {
        problems.push(format!("--set {name}: no plugin of that name is loaded"));
    }
    Ok((table, problems))
}

fn add(
    table: &mut RouteTable,
    library: Arc<Library>,
    options: &PluginOptions,
    services: &Services,
) -> Result<(), String> {
    let path = library.default_path.clone();
    if let Some(other) = table.find(&path) {
        let other = other.library().file_name();
        return Err(format!(
            "serves {path}, which {other} serves already: remove one of the two"
        ));
    }
    let id = RouteId(table.routes.len() as u32);
    let config = options.json(&library.name);
    let route = Instance::create(library, id, &path, config, services.clone())
        .map_err(|error| format!("route {path}: {error}"))?;
    table.routes.insert(path, route);
    Ok(())
}
