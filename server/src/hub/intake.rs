//! Where the hub hears that a route has something, and the bell that wakes it.
//!
//! Any thread lists and rings; only the hub takes and sleeps. Why no wake-up is lost stands in the module
//! above. Knows nothing of what a queue is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;

use crate::limits::settings;

/// Of queues `Q`; shared by all who post, and the hub.
pub(super) struct Intake<Q> {
    /// Queues that the hub did not know to have something: each at most once.
    listed: Mutex<Vec<Arc<Q>>>,
    /// Whether `listed` holds something; looked at between two sends.
    has_listed: AtomicBool,
    bell: Bell,
    queue_bytes: AtomicU64,
}

impl<Q> Intake<Q> {
    pub(super) fn new() -> Arc<Intake<Q>> {
        Arc::new(Intake {
            listed: Mutex::default(),
            has_listed: AtomicBool::new(false),
            bell: Bell::default(),
            queue_bytes: AtomicU64::new(settings::ROUTE_QUEUE_BYTES.default),
        })
    }

    /// The bound of each queue, in bytes.
    pub(super) fn queue_bytes(&self) -> u64 {
        self.queue_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_queue_bytes(&self, bytes: u64) {
        self.queue_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Called by who has put something into a queue that the hub does not know to have any.
    pub(super) fn list(&self, queue: Arc<Q>) {
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
    pub(super) fn take(&self, taken: &mut Vec<Arc<Q>>) {
        if self.has_listed() {
            let mut listed = self.listed.lock();
            std::mem::swap(&mut *listed, taken);
            self.has_listed.store(false, Ordering::Relaxed);
        }
    }

    /// The hub: sleeps until something is listed or it rings because all `is_over`, or for no reason.
    pub(super) fn sleep(&self, is_over: impl Fn() -> bool) {
        self.bell.lie_down();
        // What was listed before the hub lay down has rung for nobody.
        if !self.has_listed() && !is_over() {
            thread::park();
        }
        self.bell.get_up();
    }

    /// The hub: as [`Intake::sleep`], for `time` at most, and not at all where it `has_enough`.
    pub(super) fn sleep_at_most(&self, time: Duration, has_enough: impl Fn() -> bool) {
        self.bell.lie_down();
        if !self.has_listed() && !has_enough() {
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
