//! When the clients of a script speak: in a closed loop as soon as they have heard, in an open one at
//! a pace.

use std::time::Instant;

use crate::pace::Pace;

/// Whose turn it is, and from when a message's latency counts.
pub(super) struct Turns {
    /// None in a closed loop.
    pace: Option<Pace>,
    is_stopped: bool,
}

impl Turns {
    /// An open loop of so many messages a second in all; a closed one where there is no rate.
    pub(super) fn new(per_second: Option<f64>) -> Turns {
        Turns {
            pace: per_second.map(Pace::new),
            is_stopped: false,
        }
    }

    /// Begins the clock of a pace. True in a closed loop, in which everyone has to speak first.
    pub(super) fn begin(&mut self) -> bool {
        if let Some(pace) = &mut self.pace {
            pace.begin();
        }
        self.pace.is_none()
    }

    /// When the next message is due; none in a closed loop, and where there is none any more.
    pub(super) fn due(&self) -> Option<Instant> {
        let pace = self.pace.as_ref().filter(|_| !self.is_stopped);
        pace.map(Pace::due)
    }

    /// Takes the next message's index; none in a closed loop.
    pub(super) fn take(&mut self) -> Option<u64> {
        self.pace.as_mut().map(Pace::take)
    }

    /// From when the latency of message `index` counts: when it was due, or in a closed loop when it
    /// was said.
    pub(super) fn start_of(&self, index: u64, said_at: Instant) -> Instant {
        self.pace
            .as_ref()
            .map_or(said_at, |pace| pace.due_of(index))
    }

    /// Whether who has heard what it waited for speaks again.
    pub(super) fn has_next(&self) -> bool {
        self.pace.is_none() && !self.is_stopped
    }

    /// No more messages.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Turns;

    #[test]
    fn in_a_closed_loop_all_begin_and_go_on_until_they_are_stopped() {
        let mut turns = Turns::new(None);
        assert!(turns.begin() && turns.has_next());
        assert_eq!((turns.due(), turns.take()), (None, None));
        let said_at = Instant::now();
        assert_eq!(turns.start_of(7, said_at), said_at);
        turns.stop();
        assert!(!turns.has_next());
    }

    #[test]
    fn at_a_pace_messages_are_due_by_the_clock_that_begins_with_the_script() {
        let mut turns = Turns::new(Some(1000.0));
        assert_eq!(turns.take(), Some(0));
        let before = Instant::now();
        assert!(!turns.begin() && !turns.has_next());
        let first = turns.due().expect("the clock runs");
        assert!(before <= first && first <= Instant::now());
        assert_eq!((turns.take(), turns.take()), (Some(0), Some(1)));
        let third = first + Duration::from_millis(2);
        assert_eq!(turns.due(), Some(third));
        assert_eq!(turns.start_of(2, before), third, "whenever it was said");
        turns.stop();
        assert_eq!(turns.due(), None);
    }
}
