//! What one address may still write to the log: a burst, and then so many lines a second.
//!
//! Pure arithmetic on instants. Knows neither addresses nor lines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How many lines one address may cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRate {
    /// Lines a second, in the long run; 0 for no limit. A long line counts once for each KiB that it begins.
    pub per_second: u64,
    /// Lines at once.
    pub burst: u64,
}

/// What an address has left; held by the table of addresses and by the threads of its connections.
pub(super) type Share = Arc<Mutex<Allowance>>;

/// What one address may still write.
#[derive(Default)]
pub(super) struct Allowance {
    /// When what was written is paid off; none or past where the whole burst is left.
    paid_at: Option<Instant>,
    /// Lines that were left out, and of which nobody has told yet.
    pub(super) left_out: u64,
}

impl Allowance {
    /// Whether a line of so many units may be written; counts it where not.
    pub(super) fn admits(&mut self, now: Instant, units: u64, rate: ClientRate) -> bool {
        let time = |units: u64| Duration::from_secs(units) / per_second(rate);
        let start = self.paid_at.map_or(now, |paid_at| paid_at.max(now));
        // A line that is longer than the whole burst can be written after a calm.
        let paid_at = start + time(units.min(rate.burst));
        let admits = paid_at.saturating_duration_since(now) <= time(rate.burst);
        if admits {
            self.paid_at = Some(paid_at);
        } else {
            self.left_out += 1;
        }
        admits
    }

    /// Whether it has its whole burst again.
    pub(super) fn is_whole(&self, now: Instant) -> bool {
        self.paid_at.is_none_or(|paid_at| paid_at <= now)
    }
}

/// The settings end far below what does not fit.
fn per_second(rate: ClientRate) -> u32 {
    u32::try_from(rate.per_second.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Allowance, ClientRate};
    use std::time::{Duration, Instant};

    const RATE: ClientRate = ClientRate {
        per_second: 100,
        burst: 500,
    };

    fn written(allowance: &mut Allowance, at: Instant, units: u64) -> u64 {
        (0..10_000)
            .filter(|_| allowance.admits(at, units, RATE))
            .count() as u64
    }

    #[test]
    fn a_burst_and_then_so_many_a_second_and_each_other_is_counted() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        assert_eq!(written(&mut allowance, start, 1), 500);
        assert_eq!(allowance.left_out, 9500);
        let second = Duration::from_secs(1);
        assert_eq!(written(&mut allowance, start + second, 1), 100);
        assert!(!allowance.is_whole(start + second));
        // A calm gives the burst back, and no more.
        let later = start + Duration::from_secs(3600);
        assert!(allowance.is_whole(later));
        assert_eq!(written(&mut allowance, later, 1), 500);
    }

    #[test]
    fn long_lines_count_more_and_none_is_too_long_for_ever() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        assert_eq!(written(&mut allowance, start, 8), 62);
        let later = start + Duration::from_secs(3600);
        assert_eq!(written(&mut allowance, later, 501), 1);
    }
}
