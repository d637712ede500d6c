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

/// Where no hub works: takes what is listed once the test is over, since a queue and the list that it stands in hold each other.
#[cfg(test)]
pub(super) struct Emptied<Q>(pub(super) Arc<Intake<Q>>);

#[cfg(test)]
impl<Q> Drop for Emptied<Q> {
    fn drop(&mut self) {
        self.0.take(&mut Vec::new());
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::{self, Receiver};
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::thread::gettid;

    use super::{Bell, Intake};

    const DEADLINE: Duration = Duration::from_secs(20);
    const LONG: Duration = Duration::from_secs(3600);

    type Sleep = fn(&Intake<()>);

    /// A thread that lies down as the hub does: the path of what the kernel says of it, and the word that it has got up.
    fn lie_down(intake: &Arc<Intake<()>>, sleep: Sleep) -> (String, Receiver<()>) {
        let (number, told) = mpsc::channel();
        let (get_up, is_up) = mpsc::channel();
        let intake = intake.clone();
        thread::spawn(move || {
            number.send(gettid()).expect("the test waits for it");
            sleep(&intake);
            get_up.send(()).ok();
        });
        let number = told.recv().expect("it begins").as_raw_nonzero();
        (format!("/proc/self/task/{number}/stat"), is_up)
    }

    fn is_asleep(path: &str) -> bool {
        let stat = fs::read_to_string(path).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, state)| state);
        state.is_some_and(|state| state.starts_with('S'))
    }

    /// Cause: mutants survived in which the hub never slept: all was heard, and a processor was used up.
    #[test]
    fn where_nothing_is_to_be_done_the_hub_sleeps_until_the_bell_rings() {
        let ways: [Sleep; 2] = [
            |intake| intake.sleep(|| false),
            |intake| intake.sleep_at_most(LONG, || false),
        ];
        for way in ways {
            let intake = Intake::new();
            let (path, is_up) = lie_down(&intake, way);
            let deadline = Instant::now() + DEADLINE;
            while !is_asleep(&path) {
                assert!(is_up.try_recv().is_err(), "it does not sleep");
                assert!(Instant::now() < deadline, "it never sleeps");
                thread::yield_now();
            }
            intake.list(Arc::new(()));
            intake.ring();
            is_up.recv_timeout(DEADLINE).expect("the bell wakes it");
        }
    }

    #[test]
    fn the_hub_does_not_lie_down_where_something_is_listed_or_all_is_over() {
        let ways: [(bool, Sleep); 4] = [
            (true, |intake| intake.sleep(|| false)),
            (false, |intake| intake.sleep(|| true)),
            (true, |intake| intake.sleep_at_most(LONG, || false)),
            (false, |intake| intake.sleep_at_most(LONG, || true)),
        ];
        for (is_listed, way) in ways {
            let intake = Intake::new();
            if is_listed {
                intake.list(Arc::new(()));
            }
            let (_, is_up) = lie_down(&intake, way);
            is_up.recv_timeout(DEADLINE).expect("it does not sleep");
            let says_so = intake.bell.is_asleep.load(Ordering::Relaxed);
            assert!(!says_so, "who posts would wake it for nothing");
        }
    }

    #[test]
    fn of_all_who_ring_the_first_wakes_the_hub() {
        let bell = Bell::default();
        bell.lie_down();
        bell.ring();
        let says_so = bell.is_asleep.load(Ordering::Relaxed);
        assert!(!says_so, "the next one would wake it too");
    }
}
