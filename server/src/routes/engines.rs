//! The ways of shared routes to other hosts, by route: begun with the route, ended behind it.
//!
//! Main thread. Each has threads of its own, which are joined here.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use log::warn;

use crate::engine::hosts::Hosts;
use crate::engine::{Engine, Terms};
use crate::ids::RouteId;
use crate::plugin::Route;

/// How often it is looked whether a thread has ended.
const LOOK: Duration = Duration::from_millis(2);

/// The threads of all of them.
#[derive(Default)]
pub(super) struct Engines {
    of_routes: HashMap<RouteId, (Weak<Route>, Engine)>,
    /// Of routes that have ended: they send what they have.
    ending: Vec<Engine>,
    /// What hosts know of each other, as long as anything is shared.
    hosts: Option<Hosts>,
    /// Those that are over and tell the others.
    leaving: Vec<Hosts>,
}

impl Engines {
    /// A route that nobody knows yet is shared with other hosts. Waits for Redis, some seconds at most.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(super) fn begin(&mut self, route: &Arc<Route>, terms: &Terms) -> Result<(), String> {
        let wrong = |error| format!("route {}: {}: {error}", route.path(), terms.address);
        let hosts = match &mut self.hosts {
            Some(hosts) => hosts,
            none => none.insert(Hosts::start(terms).map_err(wrong)?),
        };
        let shared = route.share(terms, hosts);
        let engine = shared.map_err(|error| {
            self.forget(route.id());
            wrong(error)
        })?;
        let entry = (Arc::downgrade(route), engine);
        self.of_routes.insert(route.id(), entry);
        Ok(())
    }

    /// A route has ended.
    pub(super) fn let_go(&mut self, route: &Route) {
        if let Some((_, engine)) = self.of_routes.remove(&route.id()) {
            engine.end();
            self.ending.push(engine);
            self.forget(route.id());
        }
    }

    /// Other hosts hear no more of who is on a route.
    fn forget(&mut self, route: RouteId) {
        if let Some(hosts) = &self.hosts {
            hosts.remove(route);
        }
        if let Some(idle) = self.hosts.take_if(|hosts| hosts.is_idle()) {
            idle.end();
            self.leaving.push(idle);
        }
    }

    /// Joins threads that have ended.
    pub(super) fn sweep(&mut self) {
        // Given up before it served anybody: the settings were refused.
        let is_gone =
            |_: &RouteId, (route, _): &mut (Weak<Route>, Engine)| route.strong_count() == 0;
        let gone: Vec<_> = self.of_routes.extract_if(is_gone).collect();
        for (route, (_, engine)) in gone {
            engine.end();
            self.ending.push(engine);
            self.forget(route);
        }
        for hosts in self.leaving.extract_if(.., |hosts| hosts.has_ended()) {
            hosts.join();
        }
        for engine in self.ending.extract_if(.., |engine| engine.has_ended()) {
            engine.join();
        }
    }

    /// Ends all of them; what Redis has not taken by `deadline` is lost.
    pub(super) fn end(self, deadline: Instant) {
        let engines: Vec<_> = self
            .of_routes
            .into_values()
            .map(|(_, engine)| engine)
            .inspect(Engine::end)
            .chain(self.ending)
            .collect();
        let leaving = self.hosts.into_iter().inspect(Hosts::end);
        for hosts in leaving.chain(self.leaving) {
            // Redis forgets it by itself where it is not told.
            if wait_for(deadline, || hosts.has_ended()) {
                hosts.join();
            }
        }
        for engine in engines {
            if wait_for(deadline, || engine.has_ended()) {
                engine.join();
            } else {
                warn!("not waited for: Redis, to take what was said last");
            }
        }
    }
}

/// Waits until something is so; whether it is by `deadline`.
fn wait_for(deadline: Instant, is_so: impl Fn() -> bool) -> bool {
    while !is_so() && Instant::now() < deadline {
        thread::park_timeout(LOOK);
    }
    is_so()
}
