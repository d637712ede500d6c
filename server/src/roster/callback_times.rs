//! How long the callbacks of one route take, and how they went.
//!
//! Added to by whatever thread has run one, read by the admin listener. Times are only there where somebody
//! measures ([`begin`](crate::counters::begin)).

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::activity::Callback;
use crate::counters::{Count, Histogram, Times};

/// Shares of the threads that run callbacks, so that busy ones rarely meet in a cache line.
const SHARES: usize = 8;

/// Of one route, over all instances that serve it one after the other.
#[derive(Debug, Default)]
pub struct CallbackTimes {
    /// Made when the first is measured.
    shares: OnceLock<Box<[CachePadded<[Histogram; Callback::ALL.len()]>; SHARES]>>,
    /// Callbacks that answered with an error.
    pub failed: Count,
    /// Callbacks that panicked.
    pub panicked: Count,
    /// Callbacks that were reported since they ran for long.
    pub long: Count,
    /// Whoever runs the server has put the route out of service.
    pub is_held_out: AtomicBool,
}

impl CallbackTimes {
    /// One took so long.
    pub fn add(&self, callback: Callback, time: Duration) {
        let shares = self.shares.get_or_init(Box::default);
        shares[own_share()][callback.index()].add(time);
    }

    /// What was measured of `callback`; none where nothing ever was.
    pub fn of(&self, callback: Callback) -> Option<Times> {
        let shares = self.shares.get()?;
        let of_shares = shares.iter().map(|share| share[callback.index()].times());
        Some(of_shares.fold(Times::default(), |sum, times| sum.with(&times)))
    }
}

/// The share of this thread; threads take them in turn.
fn own_share() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    if OWN.get() == usize::MAX {
        OWN.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARES);
    }
    OWN.get()
}

#[cfg(test)]
mod tests {
    use super::CallbackTimes;
    use crate::roster::activity::Callback;
    use std::time::Duration;

    #[test]
    fn what_threads_measure_is_added_up() {
        let times = CallbackTimes::default();
        assert_eq!(times.of(Callback::Message), None);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| times.add(Callback::Message, Duration::from_millis(2)));
            }
        });
        times.add(Callback::Close, Duration::from_secs(1));
        let of = |callback| times.of(callback).map(|times| times.count());
        assert_eq!(of(Callback::Message), Some(3));
        assert_eq!(of(Callback::Close), Some(1));
        assert_eq!(of(Callback::Timer), Some(0));
    }
}
