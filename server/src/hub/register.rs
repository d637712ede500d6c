//! The routes that the hub serves: each is opened once, and with the last one the hub ends.
//!
//! The main thread opens and ends; the hub forgets those that have ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::event::Event;
use super::intake::Intake;
use super::queue::Queue;
use crate::ids::RouteId;
use crate::outbox::cause::Cause;

/// Shared by the main thread and the hub.
pub(super) struct Register {
    intake: Arc<Intake<Queue>>,
    routes: Mutex<Routes>,
    /// No further route is taken, and the hub ends with the last one. Set under the lock of `routes`.
    is_ending: AtomicBool,
}

/// The routes that have not ended.
#[derive(Default)]
struct Routes {
    queues: HashMap<RouteId, Arc<Queue>>,
    farewell: Option<Cause>,
}

impl Register {
    /// None yet.
    pub(super) fn new() -> Arc<Register> {
        Arc::new(Register {
            intake: Intake::new(),
            routes: Mutex::default(),
            is_ending: AtomicBool::new(false),
        })
    }

    /// Where the queues of its routes are listed.
    pub(super) fn intake(&self) -> &Intake<Queue> {
        &self.intake
    }

    /// The queue of a new route.
    pub(super) fn open(&self, route: RouteId) -> Arc<Queue> {
        let queue = Arc::new(Queue::new(route, self.intake.clone()));
        let mut routes = self.routes.lock();
        if self.is_ending.load(Ordering::Relaxed) {
            queue.end();
            return queue;
        }
        if let Some(cause) = routes.farewell.clone() {
            queue.alert();
            queue.post(Event::Farewell { cause });
        }
        routes.queues.insert(route, queue.clone());
        queue
    }

    /// Closes every client of every route, and who comes later.
    pub(super) fn farewell(&self, cause: &Cause) {
        let mut routes = self.routes.lock();
        routes.farewell = Some(cause.clone());
        for queue in routes.queues.values() {
            queue.alert();
            let cause = cause.clone();
            queue.post(Event::Farewell { cause });
        }
    }

    /// Ends every route, and with the last one the hub.
    pub(super) fn end(&self) {
        let routes = self.routes.lock();
        self.is_ending.store(true, Ordering::Release);
        for queue in routes.queues.values() {
            queue.post(Event::End);
        }
        drop(routes);
        self.intake.ring();
    }

    /// The hub: the route has ended.
    pub(super) fn forget(&self, route: RouteId) {
        self.routes.lock().queues.remove(&route);
    }

    /// The hub: whether it is to end.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending.load(Ordering::Acquire) && self.routes.lock().queues.is_empty()
    }
}
