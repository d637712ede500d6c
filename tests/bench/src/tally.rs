//! What a load's clients heard: how much, how late, and what went wrong.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Latencies up to here are told apart; later ones count as this.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// Counts of one load on one server.
pub struct Tally {
    /// Messages since the last [`Tally::start`].
    pub heard: u64,
    /// Messages since the beginning.
    pub heard_in_all: u64,
    /// Messages that nobody said.
    pub wrong: u64,
    /// Messages that came again.
    pub doubled: u64,
    /// Messages that did not come.
    pub lost: u64,
    latency: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Tally {
        let highest = LATENCY_MAX.as_nanos() as u64;
        Tally {
            heard: 0,
            heard_in_all: 0,
            wrong: 0,
            doubled: 0,
            lost: 0,
            latency: Histogram::new_with_bounds(1, highest, 3).expect("valid bounds"),
        }
    }
}

impl Tally {
    /// Begins to count and to time anew; faults stay.
    pub fn start(&mut self) {
        self.heard = 0;
        self.latency.reset();
    }

    /// Takes note of message `number` where `expected` was due; says how many are accounted for by
    /// it, and moves `expected` on.
    pub fn hear(&mut self, expected: &mut u32, number: u32) -> u64 {
        if number < *expected {
            self.doubled += 1;
            return 0;
        }
        let skipped = number - *expected;
        self.lost += u64::from(skipped);
        *expected = number + 1;
        self.heard += 1;
        self.heard_in_all += 1;
        u64::from(skipped) + 1
    }

    /// Takes note of how late a message came.
    pub fn time(&mut self, from: Instant, to: Instant) {
        let latency = to.saturating_duration_since(from);
        self.latency.saturating_record(latency.as_nanos() as u64);
    }

    /// A latency that this share of the messages does not exceed, in microseconds.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// Everything that went wrong, and what is `missing` at the end.
    pub fn faults(&self, missing: u64) -> f64 {
        (self.wrong + self.doubled + self.lost + missing) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn losses_and_doubles_are_counted() {
        let (mut tally, mut expected) = (Tally::default(), 0);
        let accounted = [0, 1, 4, 3, 5].map(|number| tally.hear(&mut expected, number));
        assert_eq!(accounted, [1, 1, 3, 0, 1]);
        assert_eq!((tally.heard, tally.lost, tally.doubled), (4, 2, 1));
        assert_eq!(tally.faults(2), 5.0);
    }
}
