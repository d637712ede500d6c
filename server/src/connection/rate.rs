//! How much one client may send: token buckets, one for messages and one for bytes.
//!
//! Used by the client's own thread; no clock is read where there is no limit.

use std::time::Instant;

/// A rate and how far a client may run ahead of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rate {
    /// Units per second; zero for no limit.
    pub(super) per_second: u64,
    /// Units that may come at once after a silence.
    pub(super) burst: u64,
}

/// What a client has left of a rate.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    left: f64,
    filled: Option<Instant>,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(rate: Rate) -> Bucket {
        Bucket {
            rate,
            left: rate.burst as f64,
            filled: None,
        }
    }

    /// Another rate holds from now on; what is left stays, up to the new burst.
    pub(super) fn set_rate(&mut self, rate: Rate) {
        if rate != self.rate {
            self.left = if self.rate.per_second == 0 {
                rate.burst as f64
            } else {
                self.left.min(rate.burst as f64)
            };
            self.rate = rate;
        }
    }

    /// Takes `units`; false where that is more than the client may send now.
    pub(super) fn take(&mut self, units: u64) -> bool {
        self.rate.per_second == 0 || self.take_at(units, Instant::now())
    }

    fn take_at(&mut self, units: u64, now: Instant) -> bool {
        let since = self.filled.replace(now).map_or(0.0, |filled| {
            now.saturating_duration_since(filled).as_secs_f64()
        });
        let filled = self.left + since * self.rate.per_second as f64;
        self.left = filled.min(self.rate.burst as f64) - units as f64;
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Rate};
    use std::time::{Duration, Instant};

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        let mut bucket = Bucket::new(rate);
        let start = Instant::now();
        assert!((0..3).all(|_| bucket.take_at(1, start)));
        assert!(!bucket.take_at(1, start), "the burst is used up");
        let mut bucket = Bucket::new(rate);
        let at = |step: u32| start + Duration::from_millis(100) * step;
        assert!(
            (0..100).all(|step| bucket.take_at(1, at(step))),
            "at its rate for ever"
        );
        assert!(bucket.take_at(3, at(200)), "a silence fills it");
        assert!(!bucket.take_at(1, at(200)), "but no more than to the burst");
    }

    /// What a reload changes holds for those who are here, and gives nobody a burst anew.
    #[test]
    fn another_rate_holds_from_then_on_and_the_same_changes_nothing() {
        let rate = |per_second, burst| Rate { per_second, burst };
        let start = Instant::now();
        let mut bucket = Bucket::new(rate(1, 3));
        assert!((0..3).all(|_| bucket.take_at(1, start)));
        bucket.set_rate(rate(1, 3));
        assert!(!bucket.take_at(1, start), "the burst is used up still");
        let mut bucket = Bucket::new(rate(1, 100));
        bucket.set_rate(rate(1, 2));
        assert!(bucket.take_at(2, start));
        assert!(!bucket.take_at(1, start), "the new burst is smaller");
        let mut bucket = Bucket::new(rate(1, 2));
        bucket.set_rate(rate(1, 100));
        assert!(bucket.take_at(2, start));
        assert!(!bucket.take_at(1, start), "a larger one fills at its rate");
        let mut bucket = Bucket::new(Rate::default());
        bucket.set_rate(rate(1, 2));
        assert!(
            bucket.take_at(2, start),
            "who had none begins with a whole one"
        );
        assert!(!bucket.take_at(1, start));
        assert!(
            !Bucket::new(rate(1, 2)).take(3),
            "more than a burst at once"
        );
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        assert!(Bucket::new(Rate::default()).take(u64::MAX));
    }
}
