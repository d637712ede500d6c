//! The files of journals, by route: opened, changed at a reload, closed when a route ends.
//!
//! Main thread. Each file has a thread of its own, which is joined here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use log::warn;

use crate::hub::Message;
use crate::ids::RouteId;
use crate::journal::Bounds;
use crate::journal::store::Store;
use crate::plugin::Route;

/// How often it is looked whether a thread has ended.
const LOOK: Duration = Duration::from_millis(2);

/// The threads of all files.
#[derive(Default)]
pub(super) struct Stores {
    of_routes: HashMap<RouteId, Store<Message>>,
    /// Of routes that have left their file: they write what they have.
    ending: Vec<Store<Message>>,
}

impl Stores {
    /// The journals of a route are in this file from now on, or in memory without one. Waits for the disk where that
    /// is another one than before, some seconds at most.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(super) fn set(
        &mut self,
        route: &Arc<Route>,
        file: Option<PathBuf>,
        bounds: Bounds,
    ) -> Result<(), String> {
        let before = self.of_routes.get(&route.id()).map(Store::path);
        if before == file.as_deref() {
            return Ok(());
        }
        self.let_go(route);
        if let Some(file) = file {
            let shown = file.display().to_string();
            let store = route
                .keep_in_file(file, bounds)
                .map_err(|error| format!("route {}: journal {shown}: {error}", route.path()))?;
            self.of_routes.insert(route.id(), store);
        }
        Ok(())
    }

    /// A route leaves its file, which others may use soon.
    pub(super) fn let_go(&mut self, route: &Route) {
        if let Some(store) = self.of_routes.remove(&route.id()) {
            route.leave_file();
            self.ending.push(store);
        }
    }

    /// Joins threads that have ended.
    pub(super) fn sweep(&mut self) {
        for store in self.ending.extract_if(.., |store| store.has_ended()) {
            store.join();
        }
        for (_, store) in self.of_routes.extract_if(|_, store| store.has_ended()) {
            // Its route was given up before it served anybody.
            store.join();
        }
    }

    /// Ends all of them; what is not written by `deadline` is left to the next run.
    pub(super) fn end(self, deadline: Instant) {
        let stores: Vec<_> = self
            .of_routes
            .into_values()
            .chain(self.ending)
            .inspect(Store::end)
            .collect();
        for store in stores {
            while !store.has_ended() && Instant::now() < deadline {
                thread::park_timeout(LOOK);
            }
            if store.has_ended() {
                store.join();
            } else {
                let file = store.path().display();
                warn!("not waited for: the disk, to close the journal {file}");
            }
        }
    }
}
