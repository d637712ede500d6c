//! The ways of shared routes to other hosts, by route: begun with the route, ended behind it.
//!
//! Main thread. Each has threads of its own, which are joined here.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use log::warn;

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
}

impl Engines {
    /// A route that nobody knows yet is shared with other hosts. Waits for Redis, some seconds at most.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(super) fn begin(&mut self, route: &Arc<Route>, terms: &Terms) -> Result<(), String> {
        let engine = route
            .share(terms)
            .map_err(|error| format!("route {}: {}: {error}", route.path(), terms.address))?;
        let entry = (Arc::downgrade(route), engine);
        self.of_routes.insert(route.id(), entry);
        Ok(())
    }

    /// A route has ended.
    pub(super) fn let_go(&mut self, route: &Route) {
        if let Some((_, engine)) = self.of_routes.remove(&route.id()) {
            engine.end();
            self.ending.push(engine);
        }
    }

    /// Joins threads that have ended.
    pub(super) fn sweep(&mut self) {
        // Given up before it served anybody: the settings were refused.
        let is_gone =
            |_: &RouteId, (route, _): &mut (Weak<Route>, Engine)| route.strong_count() == 0;
        for (_, (_, engine)) in self.of_routes.extract_if(is_gone) {
            engine.end();
            self.ending.push(engine);
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
        for engine in engines {
            while !engine.has_ended() && Instant::now() < deadline {
                thread::park_timeout(LOOK);
            }
            if engine.has_ended() {
                engine.join();
            } else {
                warn!("not waited for: Redis, to take what was said last");
            }
        }
    }
}
