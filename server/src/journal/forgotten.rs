//! Topics that have a journal no more: up to where something was said on each of them.
//!
//! Plain memory of the hub's thread. Without it a topic that nobody has spoken on since would look as if something
//! had been lost of it, since offsets count for the whole route. Bounded: of too many, those that were silent the
//! longest share one number.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use crate::limits::JOURNAL_FORGOTTEN_MAX;

/// What is known of them.
#[derive(Default)]
pub(super) struct Forgotten {
    /// Their names as numbers, each with the offset of the last message.
    last: HashMap<u64, u64>,
    /// The same by offset, which belongs to one message and so to one topic.
    by_last: BTreeMap<u64, u64>,
    /// Nothing was said behind it on a topic that is not above.
    rest: u64,
    names: RandomState,
}

impl Forgotten {
    /// Nothing was said behind `rest` on any topic that is not added.
    pub(super) fn begin_at(&mut self, rest: u64) {
        self.rest = rest;
    }

    /// Nothing was said on a topic behind this offset.
    pub(super) fn floor(&self, topic: &str) -> u64 {
        let last = self.last.get(&self.names.hash_one(topic));
        last.map_or(self.rest, |&last| last)
    }

    /// A topic is forgotten whose last message had the offset `last`.
    pub(super) fn add(&mut self, topic: &str, last: u64) {
        if last <= self.rest {
            return;
        }
        let name = self.names.hash_one(topic);
        self.last.insert(name, last);
        self.by_last.insert(last, name);
        if self.last.len() > JOURNAL_FORGOTTEN_MAX
            && let Some((last, name)) = self.by_last.pop_first()
        {
            self.last.remove(&name);
            self.rest = last;
        }
    }

    /// A topic is kept again; gives its floor.
    pub(super) fn remove(&mut self, topic: &str) -> u64 {
        let last = self.last.remove(&self.names.hash_one(topic));
        if let Some(last) = last {
            self.by_last.remove(&last);
        }
        last.unwrap_or(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::Forgotten;
    use crate::limits::JOURNAL_FORGOTTEN_MAX;

    #[test]
    fn each_topic_has_its_own_end_and_those_that_are_silent_the_longest_share_one() {
        let mut forgotten = Forgotten::default();
        assert_eq!(forgotten.floor("new"), 0);
        let most = JOURNAL_FORGOTTEN_MAX as u64;
        for last in 1..=most + 2 {
            forgotten.add(&last.to_string(), last);
        }
        for (topic, floor) in [("new", 2), ("1", 2), ("2", 2), ("3", 3), ("9", 9)] {
            assert_eq!(forgotten.floor(topic), floor, "topic {topic}");
        }
        assert_eq!(forgotten.remove("9"), 9);
        assert_eq!(forgotten.floor("9"), 2, "the journal tells from now on");
        assert_eq!(forgotten.remove("never said"), 2);
        assert_eq!(forgotten.last.len(), forgotten.by_last.len());
    }
}
