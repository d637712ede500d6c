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
    /// From when to when the last message took; so many more in a row took as long.
    last: Option<(Instant, Instant)>,
    repeats: u64,
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
            last: None,
            repeats: 0,
        }
    }
}

impl Tally {
    /// Begins to count and to time anew; faults stay.
    pub fn start(&mut self) {
        self.heard = 0;
        self.latency.reset();
        (self.last, self.repeats) = (None, 0);
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

    /// Takes note of how late a message came. Those of a run were said and heard at one time: they
    /// cost one look into the histogram.
    pub fn time(&mut self, from: Instant, to: Instant) {
        if self.last == Some((from, to)) {
            self.repeats += 1;
            return;
        }
        self.record();
        (self.last, self.repeats) = (Some((from, to)), 0);
    }

    fn record(&mut self) {
        if let Some((from, to)) = self.last.take() {
            let latency = to.saturating_duration_since(from).as_nanos() as u64;
            self.latency.saturating_record_n(latency, self.repeats + 1);
        }
    }

    /// A latency that this share of the messages does not exceed, in microseconds.
    pub fn quantile_us(&mut self, quantile: f64) -> f64 {
        self.record();
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// Everything that went wrong, and what is `missing` at the end.
    pub fn faults(&self, missing: u64) -> f64 {
        (self.wrong + self.doubled + self.lost + missing) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Tally;

    #[test]
    fn every_message_counts_in_the_quantiles() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        for (milliseconds, count) in [(1, 6), (2, 1), (1, 1), (3, 2)] {
            let end = start + Duration::from_millis(milliseconds);
            for _ in 0..count {
                tally.time(start, end);
            }
        }
        let in_ms = |share| (tally.quantile_us(share) / 1000.0).round();
        let quantiles = [0.1, 0.7, 0.75, 0.85, 1.0].map(in_ms);
        assert_eq!(quantiles, [1.0, 1.0, 2.0, 3.0, 3.0]);
        tally.start();
        assert_eq!(tally.quantile_us(1.0), 0.0);
    }

    #[test]
    fn losses_and_doubles_are_counted() {
        let (mut tally, mut expected) = (Tally::default(), 0);
        let accounted = [0, 1, 4, 3, 5].map(|number| tally.hear(&mut expected, number));
        assert_eq!(accounted, [1, 1, 3, 0, 1]);
        assert_eq!((tally.heard, tally.lost, tally.doubled), (4, 2, 1));
        assert_eq!(tally.faults(2), 5.0);
    }
}
