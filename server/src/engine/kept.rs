//! Topics on which something was kept: what else is said there is kept too, on every host alike, and so it is said of each
//! message as it is put into the stream whether it is kept.
//!
//! Shared by publishers and the thread `engine-in`; locked for a look.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::limits::STREAM_KEPT_TOPICS_MAX;

#[derive(Default)]
pub(super) struct KeptTopics(Mutex<HashSet<Box<str>>>);

impl KeptTopics {
    /// Something is kept on a topic.
    pub(super) fn note(&self, topic: &str) {
        let mut topics = self.0.lock();
        if topics.len() < STREAM_KEPT_TOPICS_MAX && !topics.contains(topic) {
            topics.insert(topic.into());
        }
    }

    /// Whether what is said on a topic is kept. Of too many topics it is not known, and all are.
    pub(super) fn contains(&self, topic: &str) -> bool {
        let topics = self.0.lock();
        topics.len() >= STREAM_KEPT_TOPICS_MAX || topics.contains(topic)
    }
}
