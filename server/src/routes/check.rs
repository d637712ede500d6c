//! What stands in the way of serving what settings ask for, found without serving anything.
//!
//! Main thread. The libraries are opened and the plugins asked as at a start: by their own check of
//! options where they offer one, which touches nothing, and else by an instance on a host that does
//! nothing: what it sends goes nowhere, no timer of it runs, and it ends when all have been made.

use std::io;
use std::sync::Arc;

use super::wanted::{Wanted, demands, wanted};
use crate::config::Settings;
use crate::hub::Hub;
use crate::ids::RouteId;
use crate::journal::store;
use crate::plugin::{Checked, Folders, Libraries, Route, Services};
use crate::roster::Roster;
use crate::roster::capacity::Machine;

/// Clients that the host of a check has room for; none comes.
const CLIENTS: usize = 1;

/// Everything that is wrong, a sentence each. Blocks as long as the plugins do.
///
/// # Errors
/// The folder cannot be read, or there is no thread for the host.
pub fn problems(settings: &Settings, machine: &Machine) -> io::Result<Vec<String>> {
    let promised = machine.connections(&settings.limits, 0);
    let loads = machine.loads(settings.library_loads_max, promised.connections);
    let found = Libraries::default().scan(&settings.plugins, &demands(settings, loads))?;
    let (wanted, unusable) = wanted(settings, &found, None);
    let mut problems = found.problems;
    problems.extend(unusable.into_iter().map(|unusable| unusable.text));
    // Asks and tells of members go to it, and there are none.
    let hub = Hub::start(|_| {})?;
    let services = Services {
        roster: Arc::new(Roster::new(CLIENTS)),
        hub: hub.handle(),
        folders: Arc::new(Folders {
            config: settings.folder(),
            state: settings.state_dir.clone(),
            makes_state: false,
        }),
    };
    problems.extend(wrong_files(&wanted));
    let mut routes = Vec::new();
    for (id, wanted) in (0..).zip(&wanted) {
        match try_out(RouteId(id), wanted, &services) {
            Ok(route) => routes.extend(route),
            Err(problem) => problems.push(problem),
        }
    }
    routes.iter().for_each(|route| route.end());
    hub.end();
    if wanted.is_empty() && problems.is_empty() {
        problems.push(nothing_to_serve(settings, found.libraries.is_empty()));
    }
    Ok(problems)
}

/// What is wrong with files of journals; two names may lead to one of them.
fn wrong_files(wanted: &[Wanted<'_>]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for wanted in wanted {
        let Some(file) = wanted.journal_file() else {
            continue;
        };
        let shown = file.display();
        match store::check(&file) {
            Err(wrong) => problems.push(wanted.refused(&format!("journal file {shown}: {wrong}"))),
            Ok(()) => {
                let file = file.canonicalize().unwrap_or_else(|_| file.clone());
                if files.contains(&file) {
                    let wrong = format!("journal file {shown} is that of another route, too");
                    problems.push(wanted.refused(&wrong));
                }
                files.push(file);
            }
        }
    }
    problems
}

/// A route that was made where its plugin could not tell otherwise.
fn try_out(
    id: RouteId,
    wanted: &Wanted<'_>,
    services: &Services,
) -> Result<Option<Arc<Route>>, String> {
    let library = &wanted.library;
    match library.check(&wanted.config) {
        Ok(Checked::Done) => Ok(None),
        Ok(Checked::ByCreate) => {
            let (config, services) = (&wanted.config, services.clone());
            let route = Route::create(library.clone(), id, &wanted.path, config, services);
            route.map(Some).map_err(|error| wanted.refused(&error))
        }
        Err(error) => Err(wanted.refused(&error)),
    }
}

fn nothing_to_serve(settings: &Settings, is_empty: bool) -> String {
    let folder = settings.plugins.display();
    if is_empty {
        return format!(
            "plugins folder {folder}: there is no library (*.so) in it, so that every path would answer \
             404: put the plugin libraries there, or name the folder where they are"
        );
    }
    "no route is left to serve, so that every path would answer 404: add a [[route]], or leave \
     default_routes at true"
        .to_owned()
}
