//! Which plugin serves which path: from settings and libraries to routes, at the start and at each
//! reload.
//!
//! Main thread. A reload changes everything that concerns the settings, or nothing; a library that
//! was replaced moves each of its routes by itself, and where that fails the old code goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use log::{LevelFilter, error, info};

use super::options::OptionChanges;
use super::wanted::{Wanted, demands, wanted};
use crate::config::Settings;
use crate::ids::RouteId;
use crate::outbox::cause::{Cause, GOING_AWAY};
use crate::plugin::{HandOver, HandOverError, Libraries, Replaced, Route, Services};
use crate::routes::table::{Mounted, RouteTable, Site, Sites};
use crate::routes::watchdog;

/// The routes that are served now, and what has changed, in words.
type Remounted = (Vec<Arc<Route>>, Vec<String>);

/// What is mounted where, and what is needed to change it.
pub struct Mounts {
    libraries: Libraries,
    services: Services,
    sites: Sites,
    next_id: u32,
    /// Routes that are served no more and still have clients, or threads that are about to call.
    leaving: Vec<Arc<Route>>,
    /// Replacements of code since the start.
    replacements: u64,
}

impl Mounts {
    /// Loads the plugins and makes the routes. What cannot be used is one sentence in the second
    /// value; the others are served all the same.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn start(settings: &Settings, services: Services) -> io::Result<(Mounts, Vec<String>)> {
        let mut mounts = Mounts {
            libraries: Libraries::default(),
            services,
            sites: Sites::default(),
            next_id: 0,
            leaving: Vec::new(),
            replacements: 0,
        };
        let found = mounts
            .libraries
            .scan(&settings.plugins, demands(settings))?;
        let mut problems = found.problems.clone();
        let (wanted, unusable) = wanted(settings, &found);
        problems.extend(unusable);
        let mut served = Vec::new();
        for wanted in &wanted {
            match mounts.create(wanted) {
                Ok(route) => served.push(wanted.mount(route)),
                Err(problem) => problems.push(problem),
            }
        }
        let table = RouteTable::new(served).map_err(io::Error::other)?;
        table.iter().for_each(Route::start);
        mounts.sites.replace(Site::new(table, settings));
        Ok((mounts, problems))
    }

    /// The way to what is served now.
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    /// Tells every library which level of the log holds.
    pub fn set_log_level(&self, level: LevelFilter) {
        self.libraries.set_log_level(level);
        // Code that a refused replacement has left at work, or whose file is gone.
        for route in self.all() {
            route.library().set_log_level(level);
        }
    }

    /// Every route that may still be called: those that are served, and those that are leaving.
    pub fn all(&self) -> Vec<Arc<Route>> {
        let site = self.sites.current();
        site.routes.iter().chain(&self.leaving).cloned().collect()
    }

    /// Puts new settings and changed libraries into force: first all that concerns the settings, in
    /// one step, then each route whose library has changed. Gives what has changed, in words.
    /// Blocks for the plugins' `create` and the like, and for running callbacks of routes that are
    /// handed over.
    ///
    /// # Errors
    /// Everything that stands in the way, as sentences; nothing has changed then.
    pub fn reload(&mut self, settings: &Settings) -> Result<Vec<String>, Vec<String>> {
        let folder = &settings.plugins;
        let found = self.libraries.scan(folder, demands(settings));
        let found = found.map_err(|error| vec![format!("{}: {error}", folder.display())])?;
        for problem in &found.problems {
            error!("reload: {problem}");
        }
        let (wanted, problems) = wanted(settings, &found);
        if !problems.is_empty() {
            return Err(problems);
        }
        let before = self.sites.current();
        let (now, mut changes) = self.remount(&before.routes, &wanted, settings)?;
        changes.extend(self.retire(&before.routes, &now));
        for (route, wanted) in now.iter().zip(&wanted) {
            if route.return_to_service() {
                changes.push(format!("route {} is in service again", route.path()));
            }
            changes.extend(self.replace_library(route, wanted));
        }
        Ok(changes)
    }

    /// Makes the routes that are new and hands changed options over; publishes the table when all
    /// of it has worked.
    fn remount(
        &mut self,
        before: &RouteTable,
        wanted: &[Wanted],
        settings: &Settings,
    ) -> Result<Remounted, Vec<String>> {
        let mut made = Made::default();
        let mut now = Vec::with_capacity(wanted.len());
        let mut kept = Vec::new();
        for wanted in wanted {
            let same = before
                .by_path(&wanted.path)
                .filter(|route| route.library().name == wanted.library.name);
            let route = match same {
                Some(route) => {
                    kept.push((route.clone(), wanted));
                    route.clone()
                }
                None => made.add(self.create(wanted).map_err(|problem| vec![problem])?),
            };
            now.push(route);
        }
        let mounted = wanted.iter().zip(&now);
        let mounted = mounted.map(|(wanted, route)| wanted.mount(route.clone()));
        let table = RouteTable::new(mounted.collect()).map_err(|error| vec![error.to_string()])?;
        let options = OptionChanges::prepare(&kept);
        let options = options.map_err(|(route, error)| vec![self.explain(&route, &error)])?;
        let mut changes = Vec::new();
        for (path, replaced) in options.commit() {
            changes.push(format!("options of route {path}"));
            replaced.into_iter().for_each(Replaced::destroy_old);
        }
        for route in made.keep() {
            changes.push(format!("route {} added", route.path()));
            route.start();
        }
        self.sites.replace(Site::new(table, settings));
        Ok((now, changes))
    }

    /// Closes the clients of routes that are served no more; the routes end with the last of them.
    fn retire(&mut self, before: &RouteTable, now: &[Arc<Route>]) -> Vec<String> {
        let mut changes = Vec::new();
        let is_served = |route: &&Arc<Route>| now.iter().any(|of| of.id() == route.id());
        for route in before.iter().filter(|route| !is_served(route)) {
            changes.push(format!("route {} removed", route.path()));
            let cause = Cause::server(GOING_AWAY, "the route was removed");
            route.close_clients(cause);
            route.stop_timers();
            self.leaving.push(route.clone());
        }
        changes
    }

    /// Ends routes that nobody can call any more. Once a second.
    pub fn sweep(&mut self) {
        // A connection thread that is on the route, or on its way there, holds a reference.
        let is_over = |route: &mut Arc<Route>| Arc::strong_count(route) == 1;
        for route in self.leaving.extract_if(.., is_over) {
            // Counting does not wait for what others did before they let go; this does.
            fence(Ordering::Acquire);
            route.end();
        }
    }

    /// Moves a route to the library that its plugin's file holds now, if that is another.
    fn replace_library(&mut self, route: &Arc<Route>, wanted: &Wanted) -> Option<String> {
        let (old, new) = (route.library(), &wanted.library);
        if Arc::ptr_eq(&old, new) {
            return None;
        }
        let path = route.path();
        match HandOver::prepare(route, new.clone(), &wanted.config) {
            Ok(hand_over) => {
                let replaced = hand_over.commit();
                self.replacements += 1;
                info!(
                    "route {path}: plugin {} {} replaced by {}: {replaced} (replacement {})",
                    old.name, old.version, new.version, self.replacements
                );
                replaced.destroy_old();
                Some(format!("code of route {path}"))
            }
            Err(error) => {
                error!(
                    "reload: {}; the old code goes on",
                    self.explain(route, &error)
                );
                None
            }
        }
    }

    /// A hand-over that did not happen, with who was in the way.
    fn explain(&self, route: &Route, error: &HandOverError) -> String {
        let mut text = format!("{}: route {}: {error}", route.library().name, route.path());
        if matches!(error, HandOverError::Busy) {
            let all = self.all();
            let busy = watchdog::running(&self.services.roster, &all);
            let of_route = busy
                .iter()
                .filter(|(_, running)| running.route == route.id());
            for (who, running) in of_route.take(3) {
                text += &format!("; {} ({who})", watchdog::describe(&all, running));
            }
        }
        text
    }

    fn create(&mut self, wanted: &Wanted) -> Result<Arc<Route>, String> {
        let id = RouteId(self.next_id);
        self.next_id += 1;
        let (library, services) = (wanted.library.clone(), self.services.clone());
        Route::create(library, id, &wanted.path, &wanted.config, services)
            .map_err(|error| format!("{}: route {}: {error}", wanted.place, wanted.path))
    }
}

impl Wanted {
    fn mount(&self, route: Arc<Route>) -> Mounted {
        Mounted {
            route,
            client: self.client.clone(),
            subprotocols: self.subprotocols.clone(),
        }
    }
}

/// What stands in the way of serving what `settings` ask for, as far as it can be told without
/// making an instance of a plugin: the libraries are opened, no `create` is called.
///
/// # Errors
/// The folder cannot be read.
pub fn problems(settings: &Settings) -> io::Result<Vec<String>> {
    let found = Libraries::default().scan(&settings.plugins, demands(settings))?;
    let (_, unusable) = wanted(settings, &found);
    Ok(found.problems.into_iter().chain(unusable).collect())
}

/// Routes of which nobody knows yet; dropping it ends them.
#[derive(Default)]
struct Made(Vec<Arc<Route>>);

impl Made {
    fn add(&mut self, route: Arc<Route>) -> Arc<Route> {
        self.0.push(route.clone());
        route
    }

    fn keep(mut self) -> Vec<Arc<Route>> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.0.iter().for_each(|route| route.end());
    }
}
