//! How long things took: numbers of them by bounds, and whether anybody measures at all.
//!
//! A clock costs more than what it would measure in some places, so that times are only taken where
//! somebody looks at them ([`is_measured`]), and what comes with each message is sampled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Count;

/// Upper bounds in nanoseconds, one behind them for what takes longer: from a callback that only counts to one
/// that hangs.
const BOUNDS: [u64; 16] = [
    1_000,
    3_000,
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
    300_000_000,
    1_000_000_000,
    3_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// How many bounds are below each power of two. Between one and the next there is one at most, so that a look here and
/// one comparison find the place of a time: the hub does that for each of its turns.
const BELOW: [u8; 64] = {
    let mut below = [0; 64];
    let mut power = 0;
    while power < 64 {
        let mut place = 0;
        while place < BOUNDS.len() && BOUNDS[place] < 1 << power {
            place += 1;
        }
        below[power] = place as u8;
        power += 1;
    }
    below
};

const _: () = {
    let mut place = 1;
    while place < BOUNDS.len() {
        assert!(BOUNDS[place - 1] * 2 < BOUNDS[place]);
        place += 1;
    }
};

/// Nanoseconds since `start`; they come round after 584 years.
#[inline]
pub fn nanoseconds_since(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}

#[inline]
fn place(nanoseconds: u64) -> usize {
    let least = usize::from(BELOW[(nanoseconds | 1).ilog2() as usize]);
    let is_above = BOUNDS.get(least).is_some_and(|&bound| bound < nanoseconds);
    least + usize::from(is_above)
}

static IS_MEASURED: AtomicBool = AtomicBool::new(false);

/// Whether times are taken from now on. Only the main thread says so.
pub fn measure(is_measured: bool) {
    IS_MEASURED.store(is_measured, Ordering::Relaxed);
}

/// Held by each test that says whether times are taken, which holds for the whole process.
#[cfg(test)]
pub fn measure_alone() -> parking_lot::MutexGuard<'static, ()> {
    static ALONE: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
    ALONE.lock()
}

/// Whether times are taken.
#[inline]
pub fn is_measured() -> bool {
    IS_MEASURED.load(Ordering::Relaxed)
}

/// Times of one kind. Any thread may add and read at any time.
#[derive(Debug)]
pub struct Histogram {
    counts: [Count; BOUNDS.len() + 1],
    nanoseconds: Count,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl Histogram {
    /// Empty.
    pub const fn new() -> Histogram {
        Histogram {
            counts: [const { Count::new() }; BOUNDS.len() + 1],
            nanoseconds: Count::new(),
        }
    }

    /// One took so many nanoseconds.
    #[inline]
    pub fn add(&self, nanoseconds: u64) {
        self.add_for(nanoseconds, 1);
    }

    /// One of so many took so many nanoseconds, and stands for all of them.
    #[inline]
    pub fn add_for(&self, nanoseconds: u64, count: u64) {
        self.counts[place(nanoseconds)].add(count);
        self.nanoseconds.add(nanoseconds.saturating_mul(count));
    }

    /// What there was so far.
    pub fn times(&self) -> Times {
        Times {
            counts: std::array::from_fn(|place| self.counts[place].get()),
            nanoseconds: self.nanoseconds.get(),
        }
    }
}

/// A histogram as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    counts: [u64; BOUNDS.len() + 1],
    nanoseconds: u64,
}

impl Times {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all of them took together.
    pub fn seconds(&self) -> f64 {
        self.nanoseconds as f64 / 1e9
    }

    /// How many there were up to each bound, in seconds, and above the one before; the last bound is infinite.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().map(|&bound| bound as f64 / 1e9);
        bounds.chain([f64::INFINITY]).zip(self.counts)
    }

    /// A bound in seconds that so large a share of them has not passed; infinite where it has passed the
    /// largest, none where there were none.
    pub fn bound_of(&self, share: f64) -> Option<f64> {
        let wanted = (self.count() as f64 * share).ceil();
        let mut passed = 0;
        let mut buckets = self.buckets();
        buckets.find_map(|(bound, count)| {
            passed += count;
            (passed > 0 && passed as f64 >= wanted).then_some(bound)
        })
    }

    /// These and `more` together.
    pub fn with(mut self, more: &Times) -> Times {
        for (count, more) in self.counts.iter_mut().zip(more.counts) {
            *count += more;
        }
        self.nanoseconds += more.nanoseconds;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Histogram, Times, place};

    #[test]
    fn every_time_has_the_place_that_a_search_finds() {
        let near = |bound: u64| [bound - 1, bound, bound + 1];
        let powers = (0..64).map(|power| 1_u64 << power);
        let times = BOUNDS.into_iter().chain(powers).flat_map(near);
        for nanoseconds in times.chain([0, u64::MAX]) {
            let searched = BOUNDS.partition_point(|&bound| bound < nanoseconds);
            assert_eq!(place(nanoseconds), searched, "{nanoseconds}");
        }
    }

    #[test]
    fn a_time_counts_up_to_the_bound_that_it_does_not_pass() {
        let histogram = Histogram::new();
        for nanoseconds in [0, 1000, 1001, 3000, 30_000_000_001] {
            histogram.add(nanoseconds);
        }
        let times = histogram.times();
        let found: Vec<_> = times.buckets().filter(|bucket| bucket.1 > 0).collect();
        assert_eq!(found, [(0.000_001, 2), (0.000_003, 2), (f64::INFINITY, 1)]);
        assert_eq!(times.count(), 5);
        assert!((times.seconds() - 30.000_005_002).abs() < 1e-9);
        assert_eq!(times.bound_of(0.5), Some(0.000_003));
        assert_eq!(times.bound_of(0.99), Some(f64::INFINITY));
        assert_eq!(Times::default().bound_of(0.5), None);
    }
}
