//! Where the hub hears that a route has something, and the bell that wakes it.
//!
//! Any thread lists and rings; only the hub takes and sleeps. Why no wake-up is lost stands in the module
//! above.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;

use super::event::Event;
use super::queue::Queue;
use crate::ids::RouteId;
use crate::limits::settings;
use crate::outbox::cause::Cause;

/// Shared by all who post, and the hub.
pub(super) struct Intake {
    /// Queues that the hub did not know to have something: each at most once.
    listed: Mutex<Vec<Arc<Queue>>>,
    /// Whether `listed` holds something; looked at between two sends.
    has_listed: AtomicBool,
    bell: Bell,
    queue_bytes: AtomicU64,
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

impl Intake {
    pub(super) fn new() -> Arc<Intake> {
        Arc::new(Intake {
            listed: Mutex::default(),
            has_listed: AtomicBool::new(false),
            bell: Bell::default(),
            queue_bytes: AtomicU64::new(settings::ROUTE_QUEUE_BYTES.default),
            routes: Mutex::default(),
            is_ending: AtomicBool::new(false),
        })
    }

    /// The bound of each queue, in bytes.
    pub(super) fn queue_bytes(&self) -> u64 {
        self.queue_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_queue_bytes(&self, bytes: u64) {
        self.queue_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The queue of a new route.
    pub(super) fn open(self: &Arc<Self>, route: RouteId) -> Arc<Queue> {
        let queue = Arc::new(Queue::new(route, self.clone()));
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
        self.ring();
    }

    /// The hub: the route has ended.
    pub(super) fn forget(&self, route: RouteId) {
        self.routes.lock().queues.remove(&route);
    }

    /// The hub: whether it is to end.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending.load(Ordering::Acquire) && self.routes.lock().queues.is_empty()
    }

    /// Called by who has put something into a queue that the hub does not know to have any.
    pub(super) fn list(&self, queue: Arc<Queue>) {
        let mut listed = self.listed.lock();
        listed.push(queue);
        self.has_listed.store(true, Ordering::Release);
    }

    /// Called behind [`Intake::list`].
    pub(super) fn ring(&self) {
        self.bell.ring();
    }

    /// The hub: whether some other route has something.
    #[inline(always)]
    pub(super) fn has_listed(&self) -> bool {
        self.has_listed.load(Ordering::Relaxed)
    }

    /// The hub: the queues that were listed, put into the empty `taken`.
    pub(super) fn take(&self, taken: &mut Vec<Arc<Queue>>) {
        if self.has_listed() {
            let mut listed = self.listed.lock();
            std::mem::swap(&mut *listed, taken);
            self.has_listed.store(false, Ordering::Relaxed);
        }
    }

    /// The hub: sleeps until something is listed or all is to end, or for no reason.
    pub(super) fn sleep(&self) {
        self.bell.lie_down();
        // What was listed before the hub lay down has rung for nobody.
        if !self.has_listed() && !self.is_over() {
            thread::park();
        }
        self.bell.get_up();
    }

    /// The hub: as [`Intake::sleep`], for `time` at most.
    pub(super) fn sleep_at_most(&self, time: Duration) {
        self.bell.lie_down();
        if !self.has_listed() {
            thread::park_timeout(time);
        }
        self.bell.get_up();
    }
}

/// Wakes the hub where it sleeps.
#[derive(Default)]
struct Bell {
    is_asleep: AtomicBool,
    hub: OnceLock<Thread>,
}

impl Bell {
    fn ring(&self) {
        // Either this sees that the hub lies down, or the hub sees what was listed after it lay down.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed)
            && self.is_asleep.swap(false, Ordering::AcqRel)
            && let Some(hub) = self.hub.get()
        {
            hub.unpark();
        }
    }

    fn lie_down(&self) {
        self.hub.get_or_init(thread::current);
        self.is_asleep.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    fn get_up(&self) {
        self.is_asleep.store(false, Ordering::Release);
    }
}
