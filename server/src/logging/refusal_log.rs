//! Log lines that a stranger can cause as often as he likes: refused requests, broken rules, failed
//! callbacks. A storm of them must not fill the disk, and must still be seen.
//!
//! Acceptors and connection threads note; the main thread tells once a second what was left out. The
//! lock is held for a little arithmetic.

use std::fmt::Arguments;
use std::sync::Arc;
use std::time::Instant;

use log::{Level, log_enabled, warn};
use parking_lot::Mutex;

use super::about::About;
use crate::counters::COUNTERS;
use crate::limits::{REFUSAL_LINES_AT_ONCE, REFUSAL_LINES_PER_SECOND};

/// Shared by all who refuse.
#[derive(Clone, Default)]
pub struct RefusalLog(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Up to when lines have been granted; none before the first.
    granted_until: Option<Instant>,
    /// Lines that may be written now.
    left: u64,
    /// Lines that were not, and of which nobody has told yet.
    left_out: u64,
}

impl RefusalLog {
    /// Logs `line`, or counts it where too many came before it.
    pub fn note(&self, level: Level, line: Arguments<'_>) {
        self.note_about(level, &About::default(), line);
    }

    /// As [`RefusalLog::note`], of a line that has fields of its own.
    pub fn note_about(&self, level: Level, about: &About<'_>, line: Arguments<'_>) {
        if log_enabled!(level) && self.0.lock().admits(Instant::now()) {
            about.log(level, module_path!(), line);
        }
    }

    /// Once a second: logs how many lines were left out.
    pub fn report_left_out(&self) {
        let left_out = std::mem::take(&mut self.0.lock().left_out);
        if left_out > 0 {
            COUNTERS.log.left_out.add(left_out);
            warn!("{left_out} refusals and faults of clients were left out: too many for the log");
        }
    }
}

impl State {
    fn admits(&mut self, now: Instant) -> bool {
        let until = *self.granted_until.get_or_insert_with(|| {
            self.left = REFUSAL_LINES_AT_ONCE;
            now
        });
        let seconds = now.saturating_duration_since(until).as_secs();
        if seconds > 0 {
            let granted = seconds.saturating_mul(REFUSAL_LINES_PER_SECOND);
            self.left = self.left.saturating_add(granted).min(REFUSAL_LINES_AT_ONCE);
            self.granted_until = Some(now);
        }
        let admits = self.left > 0;
        if admits {
            self.left -= 1;
        } else {
            self.left_out += 1;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::State;
    use crate::limits::{REFUSAL_LINES_AT_ONCE, REFUSAL_LINES_PER_SECOND};
    use std::time::{Duration, Instant};

    #[test]
    fn a_storm_costs_a_burst_and_then_a_few_lines_a_second() {
        let mut state = State::default();
        let start = Instant::now();
        // 10,000 a second for a minute.
        let times = (0..600_000).map(|number| start + Duration::from_micros(100 * number));
        let written = times.filter(|&time| state.admits(time)).count() as u64;
        assert!(written >= REFUSAL_LINES_AT_ONCE + 59 * REFUSAL_LINES_PER_SECOND);
        assert!(written <= REFUSAL_LINES_AT_ONCE + 60 * REFUSAL_LINES_PER_SECOND);
        assert_eq!(state.left_out, 600_000 - written);
    }

    #[test]
    fn a_calm_gives_the_burst_back_and_no_more() {
        let mut state = State::default();
        let start = Instant::now();
        while state.admits(start) {}
        let later = start + Duration::from_secs(3600);
        let written = (0..1000).filter(|_| state.admits(later)).count() as u64;
        assert_eq!(written, REFUSAL_LINES_AT_ONCE);
    }
}
