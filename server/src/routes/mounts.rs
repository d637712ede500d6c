//! Which plugin serves which path: from settings and libraries to routes, at the start and at each
//! reload.
//!
//! Main thread. A reload changes everything that concerns the settings, or nothing; a library that
//! was replaced moves each of its routes by itself, and where that fails the old code goes on.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

use log::{error, info, warn};

use super::engines::Engines;
use super::options::OptionChanges;
use super::stores::Stores;
use super::wanted::{Before, Unusable, Wanted, demands, wanted};
use crate::config::Settings;
use crate::counters::COUNTERS;
use crate::ids::RouteId;
use crate::limits::{LIBRARY_LOADS_LOW, SWEEPS_PER_TIDYING};
use crate::outbox::cause::{Cause, GOING_AWAY};
use crate::plugin::{Found, HandOver, HandOverError, Libraries, Replaced, Route, Services};
use crate::roster::capacity::Machine;
use crate::routes::table::{Mounted, RouteTable, Site, Sites};
use crate::routes::watchdog;

/// What a reload did.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// What has changed, in words.
    pub changes: Vec<String>,
    /// Why libraries and routes cannot be used, each a line in the log too.
    pub unusable: Vec<String>,
}

impl Reloaded {
    fn cannot_use(&mut self, why: String) {
        error!("reload: {why}");
        self.unusable.push(why);
    }
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.changes.as_slice() {
            [] => f.write_str("nothing has changed")?,
            changes => f.write_str(&changes.join(", "))?,
        }
        match self.unusable.len() {
            0 => Ok(()),
            1 => f.write_str("; one library or route cannot be used, see above"),
            many => write!(f, "; {many} libraries or routes cannot be used, see above"),
        }
    }
}

/// The routes that are served now, each with what is wanted of it.
type Served<'w> = Vec<(Arc<Route>, &'w Wanted<'w>)>;

/// What is mounted where, and what is needed to change it.
pub struct Mounts {
    libraries: Libraries,
    machine: Arc<Machine>,
    services: Services,
    sites: Sites,
    next_id: u32,
    /// Routes that are served no more and still have clients, or threads that are about to call.
    leaving: Vec<Arc<Route>>,
    /// Replacements of code since the start.
    replacements: u64,
    /// Seconds since the start.
    sweeps: u64,
    stores: Stores,
    engines: Engines,
}

impl Mounts {
    /// Loads the plugins and makes the routes. What cannot be used is one sentence in the second
    /// value; the others are served all the same.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn start(
        settings: &Settings,
        machine: Arc<Machine>,
        services: Services,
    ) -> io::Result<(Mounts, Vec<String>)> {
        let mut mounts = Mounts {
            libraries: Libraries::default(),
            machine,
            services,
            sites: Sites::default(),
            next_id: 0,
            leaving: Vec::new(),
            replacements: 0,
            sweeps: 0,
            stores: Stores::default(),
            engines: Engines::default(),
        };
        let promised = mounts.promise(settings);
        let found = mounts.scan(settings, promised)?;
        let mut problems = found.problems.clone();
        let (wanted, unusable) = wanted(settings, &found, None);
        problems.extend(unusable.into_iter().map(|unusable| unusable.text));
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

    /// Tells every library what it may log now.
    pub fn tell_log_levels(&self) {
        self.libraries.tell_log_levels();
        // Code that a refused replacement has left at work, or whose file is gone.
        for route in self.all() {
            route.library().tell_log_level();
        }
    }

    /// Every route that may still be called: those that are served, and those that are leaving.
    pub fn all(&self) -> Vec<Arc<Route>> {
        let site = self.sites.current();
        site.routes.iter().chain(&self.leaving).cloned().collect()
    }

    /// Puts new settings and changed libraries into force: first all that concerns the settings, in
    /// one step, then each route whose library has changed. What is wrong with a library is a line in
    /// the log, and holds up nothing else. Blocks for the plugins' `create` and the like, and for
    /// running callbacks of routes that are handed over.
    ///
    /// # Errors
    /// Everything that stands in the way of the settings, as sentences; nothing has changed then.
    pub fn reload(&mut self, old: &Settings, settings: &Settings) -> Result<Reloaded, Vec<String>> {
        let folder = &settings.plugins;
        // Should the reload be given up, the old limit of connections goes on to hold.
        let promised = self
            .promise(settings)
            .max(self.services.roster.limit() as u64);
        let found = self.scan(settings, promised);
        let found = found.map_err(|error| vec![format!("{}: {error}", folder.display())])?;
        for problem in &found.problems {
            error!("reload: {problem}");
        }
        let site = self.sites.current();
        let before = Before {
            settings: old,
            routes: &site.routes,
        };
        let (wanted, unusable) = wanted(settings, &found, Some(before));
        let (wrong, passed_over): (Vec<_>, Vec<_>) =
            unusable.into_iter().partition(|unusable| unusable.is_news);
        if !wrong.is_empty() {
            return Err(wrong.into_iter().map(|unusable| unusable.text).collect());
        }
        let mut reloaded = Reloaded {
            changes: Vec::new(),
            unusable: found.problems.clone(),
        };
        for Unusable { text, .. } in passed_over {
            reloaded.cannot_use(text);
        }
        let served = self.remount(&site.routes, &wanted, settings, &mut reloaded)?;
        let retired = self.retire(&site.routes, &served);
        reloaded.changes.extend(retired);
        for (route, wanted) in &served {
            if route.return_to_service() {
                let text = format!("route {} is in service again", route.path());
                reloaded.changes.push(text);
            }
            self.replace_library(route, wanted, &mut reloaded);
        }
        Ok(reloaded)
    }

    /// Connections that `settings` promise.
    fn promise(&self, settings: &Settings) -> u64 {
        self.machine.connections(&settings.limits, 0).connections
    }

    /// Libraries that were loaded so far, those that were replaced included.
    pub fn loads(&self) -> u64 {
        self.libraries.loads() as u64
    }

    /// Loads what is new, as far as it leaves room for so many connections, and tells when there is not
    /// much left.
    fn scan(&mut self, settings: &Settings, connections: u64) -> io::Result<Found> {
        let before = self.libraries.loads();
        let (most, limit) = self.machine.loads(settings.library_loads_max, connections);
        let demands = demands(settings, (most, limit.clone()));
        let found = self.libraries.scan(&settings.plugins, &demands)?;
        let loads = self.libraries.loads();
        let left = most.saturating_sub(loads);
        if loads > before && left <= LIBRARY_LOADS_LOW {
            warn!(
                "{left} more libraries can be loaded, then the server has to be restarted: {loads} were, of {most} that {limit} allows"
            );
        }
        Ok(found)
    }

    /// Makes the routes that are new and hands changed options over; publishes the table when all
    /// of it has worked.
    fn remount<'w>(
        &mut self,
        before: &RouteTable,
        wanted: &'w [Wanted<'w>],
        settings: &Settings,
        reloaded: &mut Reloaded,
    ) -> Result<Served<'w>, Vec<String>> {
        let mut made = Made::default();
        let mut served = Served::with_capacity(wanted.len());
        let mut kept = Served::new();
        for wanted in wanted {
            let same = before
                .by_path(&wanted.path)
                .filter(|route| route.library().name == wanted.library.name);
            let route = match same {
                Some(route) => {
                    kept.push((route.clone(), wanted));
                    route.clone()
                }
                None => match self.create(wanted) {
                    Ok(route) => made.add(route),
                    Err(problem) if wanted.is_news => return Err(vec![problem]),
                    Err(problem) => {
                        reloaded.cannot_use(problem);
                        continue;
                    }
                },
            };
            served.push((route, wanted));
        }
        let mounted = served.iter();
        let mounted = mounted.map(|(route, wanted)| wanted.mount(route.clone()));
        let table = RouteTable::new(mounted.collect()).map_err(|error| vec![error.to_string()])?;
        let options = OptionChanges::prepare(&kept);
        let options = options.map_err(|(route, wanted, error)| {
            vec![wanted.refused(&self.explain(&route, &error))]
        })?;
        for (path, replaced) in options.commit() {
            reloaded.changes.push(format!("options of route {path}"));
            replaced.into_iter().for_each(Replaced::destroy_old);
        }
        for route in made.keep() {
            reloaded
                .changes
                .push(format!("route {} added", route.path()));
            route.start();
        }
        for (route, wanted) in &served {
            route.set_compression(wanted.client.compression_effort);
            route.bound_journals(wanted.journal());
            let problem = self
                .stores
                .set(route, wanted.journal_file(), wanted.journal());
            if let Err(problem) = problem {
                reloaded.cannot_use(problem);
            }
        }
        self.sites.replace(Site::new(table, settings));
        Ok(served)
    }

    /// Closes the clients of routes that are served no more; the routes end with the last of them.
    fn retire(&mut self, before: &RouteTable, now: &Served<'_>) -> Vec<String> {
        let mut changes = Vec::new();
        let is_served = |route: &&Arc<Route>| now.iter().any(|(of, _)| of.id() == route.id());
        for route in before.iter().filter(|route| !is_served(route)) {
            changes.push(format!("route {} removed", route.path()));
            let cause = Cause::server(GOING_AWAY, "the route was removed");
            route.close_clients(cause);
            route.stop_timers();
            self.stores.let_go(route);
            self.leaving.push(route.clone());
        }
        changes
    }

    /// Ends routes that nobody can call any more, and has journals looked through now and then. Once a second.
    pub fn sweep(&mut self) {
        self.sweeps += 1;
        self.stores.sweep();
        self.engines.sweep();
        if self.sweeps.is_multiple_of(SWEEPS_PER_TIDYING) {
            self.all().iter().for_each(|route| route.tidy_journals());
        }
        // A connection thread that is on the route, or on its way there, holds a reference.
        let is_over = |route: &mut Arc<Route>| Arc::strong_count(route) == 1;
        for route in self.leaving.extract_if(.., is_over) {
            // Counting does not wait for what others did before they let go; this does.
            fence(Ordering::Acquire);
            route.end();
            self.engines.let_go(&route);
        }
    }

    /// Moves a route to the library that its plugin's file holds now, if that is another.
    fn replace_library(
        &mut self,
        route: &Arc<Route>,
        wanted: &Wanted<'_>,
        reloaded: &mut Reloaded,
    ) {
        let (old, new) = (route.library(), &wanted.library);
        if Arc::ptr_eq(&old, new) {
            return;
        }
        let path = route.path();
        match HandOver::prepare(route, new.clone(), &wanted.config) {
            Ok(hand_over) => {
                let replaced = hand_over.commit();
                self.replacements += 1;
                COUNTERS.main.swaps_done.add(1);
                info!(
                    "route {path}: plugin {} {} replaced by {}: {replaced} (replacement {})",
                    old.name, old.version, new.version, self.replacements
                );
                replaced.destroy_old();
                reloaded.changes.push(format!("code of route {path}"));
            }
            Err(error) => {
                let why = wanted.refused(&self.explain(route, &error));
                COUNTERS.main.swaps_refused.add(1);
                reloaded.cannot_use(format!("{why}; the old code goes on"));
            }
        }
    }

    /// Why a hand-over did not happen, with who was in the way.
    fn explain(&self, route: &Route, error: &HandOverError) -> String {
        let mut text = error.to_string();
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

    fn create(&mut self, wanted: &Wanted<'_>) -> Result<Arc<Route>, String> {
        let id = RouteId(self.next_id);
        self.next_id += 1;
        let (library, services) = (wanted.library.clone(), self.services.clone());
        let route = Route::create(library, id, &wanted.path, &wanted.config, services)
            .map_err(|error| wanted.refused(&error))?;
        route.set_compression(wanted.client.compression_effort);
        route.bound_journals(wanted.journal());
        let file = wanted.journal_file();
        self.stores
            .set(&route, file, wanted.journal())
            .inspect_err(|_| route.end())?;
        if let Some(terms) = wanted.shared() {
            let begun = self.engines.begin(&route, &terms);
            begun.inspect_err(|_| route.end())?;
        }
        Ok(route)
    }

    /// What was said last goes to other hosts: behind the end of the routes. Waits for Redis, until `deadline` at most.
    pub fn end_engines(&mut self, deadline: Instant) {
        std::mem::take(&mut self.engines).end(deadline);
    }

    /// The files of journals are closed: behind the end of the hub, which has told them what there was. Waits for the
    /// disk, until `deadline` at most; where the hub goes on, what it says is not taken any more.
    pub fn end_stores(self, deadline: Instant) {
        self.stores.end(deadline);
    }
}

impl Wanted<'_> {
    fn mount(&self, route: Arc<Route>) -> Mounted {
        Mounted {
            route,
            more_paths: self.more_paths.clone(),
            client: self.client.clone(),
            subprotocols: self.subprotocols.clone(),
            has_event_stream: self.has_event_stream,
        }
    }
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
