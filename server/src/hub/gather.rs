//! When the hub waits for a moment before it sends: in a busy room, for others to speak too.
//!
//! To walk a large room costs the same however many messages the run holds. While many speak at
//! once, a short wait brings what half of them are just saying into this walk instead of the next, as a
//! database gathers transactions for one write to the disk. Whether many do, the last round tells;
//! a room with one speaker never waits. A busy room of 1,000 gets half as many messages again, for
//! half of the processor time each.

use std::time::Duration;

use crate::limits::{GATHER_MAX, GATHER_MESSAGES_LEAST, GATHER_SHARE};

/// What the last round was like.
#[derive(Default)]
pub(super) struct Gathering {
    /// Messages that were sent, counted once for each member.
    deliveries: usize,
    /// Outboxes that they left by.
    sends: usize,
    /// How long that took.
    walk: Duration,
}

impl Gathering {
    /// Takes note of a round.
    pub(super) fn note(&mut self, deliveries: usize, sends: usize, walk: Duration) {
        *self = Gathering {
            deliveries,
            sends,
            walk,
        };
    }

    /// How long to wait for more before this round sends; none where few spoke in the last one, or
    /// where the walk is so short that the wait would be longer than meant.
    pub(super) fn wait(&self) -> Option<Duration> {
        let is_busy = self.deliveries >= self.sends.saturating_mul(GATHER_MESSAGES_LEAST);
        let wait = self.walk / GATHER_SHARE;
        (is_busy && wait >= GATHER_MAX / 10).then(|| wait.min(GATHER_MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Gathering;

    fn wait_after(deliveries: usize, sends: usize, walk_us: u64) -> Option<u128> {
        let mut gathering = Gathering::default();
        gathering.note(deliveries, sends, Duration::from_micros(walk_us));
        gathering.wait().map(|wait| wait.as_micros())
    }

    #[test]
    fn a_busy_room_waits_for_a_share_of_its_walk() {
        assert_eq!(wait_after(45_000, 1000, 3600), Some(900));
        assert_eq!(wait_after(8000, 1000, 2000), Some(500));
        assert_eq!(wait_after(450_000, 10_000, 60_000), Some(1000), "bounded");
    }

    #[test]
    fn nobody_waits_where_few_speak_or_little_is_to_be_won() {
        assert_eq!(Gathering::default().wait(), None);
        assert_eq!(wait_after(1000, 1000, 3600), None, "one speaker");
        assert_eq!(wait_after(7999, 1000, 3600), None, "few speakers");
        assert_eq!(wait_after(4500, 100, 399), None, "a small room");
        assert_eq!(wait_after(0, 0, 0), None, "an empty round");
    }
}
