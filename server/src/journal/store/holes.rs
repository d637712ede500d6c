//! What the file has not got and has not been told of: the last lost offset of each topic.
//!
//! Put in by the hub's thread where the queue is full, and by the file's thread where the disk takes nothing. Bounded:
//! of too many topics all share the last offset, and everyone who comes back to what is older is told of a hole.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::JOURNAL_FORGOTTEN_MAX;

/// See the module.
#[derive(Default)]
pub(super) struct Holes {
    topics: HashMap<Arc<str>, u64>,
    all: u64,
}

impl Holes {
    /// A message of the topic is lost.
    pub(super) fn add(&mut self, topic: &Arc<str>, offset: u64) {
        let last = self.topics.entry(topic.clone()).or_default();
        *last = offset.max(*last);
        if self.topics.len() > JOURNAL_FORGOTTEN_MAX {
            let last = self.topics.drain().map(|(_, last)| last).max();
            self.all = self.all.max(last.unwrap_or(0));
        }
    }

    /// Those of another are lost too.
    pub(super) fn merge(&mut self, more: &Holes) {
        self.all = self.all.max(more.all);
        for (topic, offset) in &more.topics {
            self.add(topic, *offset);
        }
    }

    /// Each topic that is known, with its last lost offset.
    pub(super) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        self.topics.iter().map(|(topic, &last)| (topic, last))
    }

    /// Every topic may have lost something up to this offset.
    pub(super) fn all(&self) -> u64 {
        self.all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.all == 0
    }

    pub(super) fn clear(&mut self) {
        *self = Holes::default();
    }
}

#[cfg(test)]
mod tests {
    use super::Holes;
    use crate::limits::JOURNAL_FORGOTTEN_MAX;

    #[test]
    fn a_topic_has_its_last_and_too_many_share_one() {
        let mut holes = Holes::default();
        holes.add(&"a".into(), 3);
        holes.add(&"a".into(), 2);
        let mut more = Holes::default();
        more.add(&"b".into(), 7);
        holes.merge(&more);
        let mut topics: Vec<_> = holes.topics().collect();
        topics.sort_unstable();
        assert_eq!(topics, [(&"a".into(), 3), (&"b".into(), 7)]);
        assert_eq!(holes.all(), 0);
        for offset in 10..10 + 3 * JOURNAL_FORGOTTEN_MAX as u64 {
            holes.add(&offset.to_string().into(), offset);
            assert!(holes.topics().count() <= JOURNAL_FORGOTTEN_MAX);
        }
        let last = 9 + 3 * JOURNAL_FORGOTTEN_MAX as u64;
        let has = |offset| offset <= holes.all() || holes.topics().any(|(_, last)| last == offset);
        assert!((1..=last).all(|offset| offset < 10 || has(offset)));
        holes.clear();
        assert!(holes.is_empty());
    }
}
