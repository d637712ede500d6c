//! How long the callbacks of one route take, and how they went.
//!
//! Added to by whatever thread has run one, read by the admin listener. Times are only there where somebody
//! measures ([`is_measured`]), and are sampled.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;

use super::activity::Callback;
use crate::counters::{Count, Histogram, Times, is_measured, nanoseconds_since};
use crate::limits::{CALL_SECONDS_COUNTED, CALLS_SAMPLED, CALLS_TIMED_FIRST, MESSAGES_SAMPLED};

/// Shares of the threads that run callbacks, so that busy ones rarely meet in a cache line.
const SHARES: usize = 8;

/// Of one route, over all instances that serve it one after the other.
#[derive(Debug, Default)]
pub struct CallbackTimes {
    /// Made when the first is measured.
    shares: OnceLock<Box<[CachePadded<[Histogram; Callback::ALL.len()]>; SHARES]>>,
    /// Calls that have begun where somebody measures, but for those of `on_message`.
    begun: [AtomicU32; Callback::ALL.len()],
    /// Callbacks that answered with an error.
    pub failed: Count,
    /// Callbacks that panicked.
    pub panicked: Count,
    /// Callbacks that were reported since they ran for long.
    pub long: Count,
    /// Whoever runs the server has put the route out of service.
    pub is_held_out: AtomicBool,
}

/// A call that is under way.
pub struct Timing {
    callback: Callback,
    /// When it began, where its time is taken, and how many calls it stands for.
    began: Option<Instant>,
    count: u32,
    tick: u64,
}

impl CallbackTimes {
    /// A call begins, at this tick of the roster's clock. Costs a look where no times are taken, and one more where this
    /// call is one of those that another one stands for.
    #[inline(always)]
    pub fn begin(&self, callback: Callback, tick: u64) -> Timing {
        let count = match callback {
            _ if !is_measured() => 0,
            Callback::Message => OWN.with(Own::next_call),
            _ => self.next_call(callback),
        };
        Timing {
            callback,
            began: (count > 0).then(Instant::now),
            count,
            tick,
        }
    }

    /// One more call of a callback that comes with no message: as [`Own::next_call`].
    fn next_call(&self, callback: Callback) -> u32 {
        let before = self.begun[callback.index()].fetch_add(1, Ordering::Relaxed);
        match before.checked_sub(CALLS_TIMED_FIRST) {
            None => 1,
            Some(more) if more % CALLS_SAMPLED == CALLS_SAMPLED - 1 => CALLS_SAMPLED,
            Some(_) => 0,
        }
    }

    /// A call has returned, at this tick.
    #[inline(always)]
    pub fn end(&self, timing: &Timing, tick: u64) {
        let ticks = tick.wrapping_sub(timing.tick);
        if timing.began.is_some() || ticks >= CALL_SECONDS_COUNTED {
            self.note(timing, ticks);
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&self, timing: &Timing, ticks: u64) {
        let nanoseconds = match timing.began {
            Some(began) => nanoseconds_since(began),
            None if is_measured() => ticks.saturating_mul(1_000_000_000),
            None => return,
        };
        // Every one that is so long is counted, and stands for itself.
        let is_long = ticks >= CALL_SECONDS_COUNTED;
        let count = if is_long { 1 } else { timing.count };
        let shares = self.shares.get_or_init(Box::default);
        shares[OWN.with(Own::share)][timing.callback.index()].add_for(nanoseconds, count.into());
    }

    /// What was measured of `callback`; none where nothing ever was.
    pub fn of(&self, callback: Callback) -> Option<Times> {
        let shares = self.shares.get()?;
        let of_shares = shares.iter().map(|share| share[callback.index()].times());
        Some(of_shares.fold(Times::default(), |sum, times| sum.with(&times)))
    }
}

/// What one thread that runs callbacks keeps of them.
struct Own {
    /// Its share; none before its first call.
    share: Cell<usize>,
    /// Calls of `on_message` whose time was taken, and those to come whose time is not.
    timed: Cell<u32>,
    left: Cell<u32>,
}

thread_local! {
    static OWN: Own = const { Own {
        share: Cell::new(usize::MAX),
        timed: Cell::new(0),
        left: Cell::new(0),
    } };
}

impl Own {
    /// Threads take shares in turn.
    fn share(&self) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        if self.share.get() == usize::MAX {
            self.share
                .set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARES);
        }
        self.share.get()
    }

    /// One more call of `on_message`: how many the time of this one stands for, those behind the last one that was
    /// timed and itself; 0 where its time is not taken.
    #[inline(always)]
    fn next_call(&self) -> u32 {
        let left = self.left.get();
        if left > 0 {
            self.left.set(left - 1);
            return 0;
        }
        self.sample()
    }

    #[cold]
    #[inline(never)]
    fn sample(&self) -> u32 {
        let timed = self.timed.get();
        if timed < CALLS_TIMED_FIRST {
            self.timed.set(timed + 1);
            if timed + 1 == CALLS_TIMED_FIRST {
                self.left.set(MESSAGES_SAMPLED - 1);
            }
            return 1;
        }
        self.left.set(MESSAGES_SAMPLED - 1);
        MESSAGES_SAMPLED
    }
}

#[cfg(test)]
mod tests {
    use super::CallbackTimes;
    use crate::counters::{measure, measure_alone};
    use crate::limits::{CALL_SECONDS_COUNTED, CALLS_SAMPLED, CALLS_TIMED_FIRST, MESSAGES_SAMPLED};
    use crate::roster::activity::Callback;

    /// One test, since whether times are taken is said for the whole process.
    #[test]
    fn what_threads_measure_is_added_up_and_of_many_some_are_measured() {
        let _alone = measure_alone();
        let times = CallbackTimes::default();
        let call = |callback, ticks| {
            let timing = times.begin(callback, 1);
            times.end(&timing, 1 + ticks);
        };
        call(Callback::Message, CALL_SECONDS_COUNTED);
        assert_eq!(times.of(Callback::Message), None);
        measure(true);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| call(Callback::Message, 0));
            }
        });
        call(Callback::Close, 0);
        let of = |callback| times.of(callback).map(|times| times.count());
        assert_eq!(of(Callback::Message), Some(3));
        assert_eq!(of(Callback::Close), Some(1));
        assert_eq!(of(Callback::Timer), Some(0));
        let first = u64::from(CALLS_TIMED_FIRST);
        let sampled = u64::from(MESSAGES_SAMPLED);
        // Those of one callback are no others', and other threads have had messages of their own.
        for (callback, sampled, before) in [
            (Callback::Message, sampled, 3),
            (Callback::Open, u64::from(CALLS_SAMPLED), 0),
            (Callback::Upgrade, u64::from(CALLS_SAMPLED), 0),
        ] {
            for count in 1..=first + 3 * sampled {
                call(callback, 0);
                let told = of(callback).map(|told| told - before);
                let expected = match count {
                    _ if count <= first => count,
                    _ => first + (count - first) / sampled * sampled,
                };
                assert_eq!(told, Some(expected), "never more than there were");
            }
        }
        // One that nobody has looked at the clock for, and one that others were to be told by.
        let before = of(Callback::Message).expect("there are some");
        (0..sampled).for_each(|_| call(Callback::Message, CALL_SECONDS_COUNTED));
        assert_eq!(of(Callback::Message), Some(before + sampled));
        let seconds = times.of(Callback::Message).map(|times| times.seconds());
        let least = ((sampled - 1) * CALL_SECONDS_COUNTED) as f64;
        assert!(
            seconds.is_some_and(|seconds| seconds >= least),
            "{seconds:?}"
        );
        measure(false);
    }
}
