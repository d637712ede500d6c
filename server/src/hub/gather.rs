//! When the hub waits for a moment before it sends: in a busy room, for others to speak too.
//!
//! To walk a large room costs the same however many messages the run holds. While many speak at
//! once, a short wait brings what half of them are just saying into this walk instead of the next, as a
//! database gathers transactions for one write to the disk. Whether many do, the last round tells;
//! a room in which one message is said at a time never waits. A busy room of 1,000 gets half as many messages again, for
//! half of the processor time each.

use std::time::Duration;

use crate::limits::{GATHER_MAX, GATHER_MESSAGES_LEAST, GATHER_SHARE, ROUND_EVENTS_MAX};

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
    /// Takes note of a round, whose walk took so many nanoseconds.
    pub(super) fn note(&mut self, deliveries: usize, sends: usize, walk: u64) {
        *self = Gathering {
            deliveries,
            sends,
            walk: Duration::from_nanos(walk),
        };
    }

    /// How long to wait for more before a round that has taken so many `events` sends; none where it may
    /// take no more, where little was said in the last one, or where the walk is so short that the wait
    /// would be longer than meant.
    pub(super) fn wait(&self, events: usize) -> Option<Duration> {
        let has_place = events < ROUND_EVENTS_MAX;
        let is_busy = self.deliveries >= self.sends.saturating_mul(GATHER_MESSAGES_LEAST);
        let wait = self.walk / GATHER_SHARE;
        (has_place && is_busy && wait >= GATHER_MAX / 10).then(|| wait.min(GATHER_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::{Gathering, ROUND_EVENTS_MAX};

    fn wait_after(deliveries: usize, sends: usize, walk_us: u64) -> Option<u128> {
        let mut gathering = Gathering::default();
        gathering.note(deliveries, sends, walk_us * 1000);
        gathering.wait(1).map(|wait| wait.as_micros())
    }

    #[test]
    fn a_busy_room_waits_for_a_share_of_its_walk() {
        assert_eq!(wait_after(45_000, 1000, 3600), Some(900));
        assert_eq!(wait_after(8000, 1000, 2000), Some(500));
        assert_eq!(wait_after(450_000, 10_000, 60_000), Some(1000), "bounded");
    }

    #[test]
    fn a_full_round_waits_for_nothing() {
        let mut gathering = Gathering::default();
        gathering.note(45_000, 1000, 4_000_000);
        assert!(gathering.wait(ROUND_EVENTS_MAX - 1).is_some());
        assert_eq!(gathering.wait(ROUND_EVENTS_MAX), None);
    }

    #[test]
    fn nobody_waits_where_little_is_said_or_little_is_to_be_won() {
        assert_eq!(Gathering::default().wait(1), None);
        assert_eq!(wait_after(1000, 1000, 3600), None, "one message at a time");
        assert_eq!(wait_after(7999, 1000, 3600), None, "few messages");
        assert_eq!(wait_after(4500, 100, 399), None, "a small room");
        assert_eq!(wait_after(0, 0, 0), None, "an empty round");
    }
}
