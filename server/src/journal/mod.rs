//! Journals: what was said on a topic is kept, so that who was away gets it.
//!
//! Everything here is plain memory of one route, which the hub's thread owns ([`Journals`]), but for the file, which a
//! thread of its own writes. Knows neither members nor outboxes nor what a message is: it is generic over `M`.
//!
//! # No gap and no double, by construction
//!
//! Each message that is kept gets the next number of its route, its *offset*. The hub gives it, in the same step
//! in which it takes the message for the members, so that the order of offsets is the order in which all members see
//! the messages. Who joins from a position has a *cursor*, which is an offset: everything of the topic up to it is
//! done with. It is fed what is kept behind the cursor, piece by piece, and what is said meanwhile is kept behind that;
//! it becomes a member in the moment in which nothing is kept behind its cursor. What was missed, and what is said, is
//! so one list that is read from one place to its end.
//!
//! # What can be recovered
//!
//! A position is an offset and the epoch in which it counts. From it on everything can be had where
//! the epoch is the one of now, where nothing behind it was let go (the topic's *floor* is not behind it), and where
//! nothing behind it was lost (the *hole*). Everything else is a gap, and is told with its [`Gap`]. What was let go
//! while somebody is being fed ends its connection, with the word to come back: it is told of the gap then.
//!
//! Offsets count for the route and not for each topic: a topic that is forgotten, since there are too many, leaves
//! a number behind, under which nobody finds all of it any more.

mod forgotten;
mod kept;
mod position;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use forgotten::Forgotten;
pub use kept::Entry;
use kept::Kept;
#[cfg(any(test, fuzzing))]
pub(crate) use position::holds as position_holds;
pub use position::{Epoch, POSITION_BYTES, Position};

use crate::counters::JournalFigures;
use crate::ids::ClientId;
use crate::limits::settings as limits;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages of one topic.
    pub messages: u64,
    /// Bytes of one topic.
    pub bytes: u64,
    /// For so long; none for any time.
    pub age: Option<Duration>,
    /// Topics of the route that are kept; past it the one goes that was silent the longest.
    pub topics: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        let age = limits::JOURNAL_AGE.default;
        Bounds {
            messages: limits::JOURNAL_MESSAGES.default,
            bytes: limits::JOURNAL_BYTES.default,
            age: (!age.is_zero()).then_some(age),
            topics: limits::JOURNAL_TOPICS.default as usize,
        }
    }
}

/// From where on a client wants to hear a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// What is said from now on.
    Now,
    /// So many of the last messages, and then what is said.
    Last(u64),
    /// What came behind a position, and then what is said.
    After {
        /// None where what was given is no position: that is a gap.
        position: Option<Position>,
        /// Where there is a gap: so many of the last messages that it cannot have.
        or_last: u64,
    },
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It asked for nothing that it has missed.
    Fresh,
    /// It gets everything behind its position.
    Recovered,
    /// Something behind its position cannot be had.
    Gap(Gap),
}

/// Why something cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// It is kept no more.
    TooOld,
    /// The position is of a counting that is over, or is none.
    OtherEpoch,
    /// It was lost: the server ended before it was written down, or the disk did not take it.
    Hole,
}

/// Where a client begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// How it went.
    pub outcome: Outcome,
    /// Everything of the topic behind this offset is to come.
    pub cursor: u64,
}

/// What is behind a cursor was let go in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// The journals of one route.
pub struct Journals<M> {
    epoch: Epoch,
    /// Offset of the last message that got one.
    last: u64,
    /// No message up to this offset is whole with what was said behind it: see [`Gap::Hole`].
    hole: u64,
    /// Topics that have no journal.
    forgotten: Forgotten,
    topics: HashMap<Box<str>, Kept<M>>,
    bounds: Bounds,
    /// Moments at which something was kept.
    moments: u64,
    /// What all topics hold together, and what was let go.
    held: Held,
}

/// What the topics of one route hold together.
#[derive(Default)]
struct Held {
    messages: u64,
    bytes: u64,
    /// Messages that were let go.
    let_go: u64,
}

impl Held {
    /// Lets go what is past the bounds of one topic.
    fn trim<M>(&mut self, kept: &mut Kept<M>, bounds: &Bounds, now: u64) {
        let before = (kept.len() as u64, kept.bytes());
        kept.trim(bounds, now);
        self.lose(before.0 - kept.len() as u64, before.1 - kept.bytes());
    }

    fn lose(&mut self, messages: u64, bytes: u64) {
        self.messages -= messages;
        self.bytes -= bytes;
        self.let_go += messages;
    }
}

impl<M> Journals<M> {
    /// None is kept yet; counts in an epoch of its own.
    pub fn new(bounds: Bounds) -> Journals<M> {
        Journals {
            epoch: Epoch::random(),
            last: 0,
            hole: 0,
            forgotten: Forgotten::default(),
            topics: HashMap::new(),
            bounds,
            moments: 0,
            held: Held::default(),
        }
    }

    /// Other bounds hold from now on.
    pub fn set_bounds(&mut self, bounds: Bounds, now: u64) {
        self.bounds = bounds;
        self.tidy(now);
        while self.topics.len() > bounds.topics {
            self.forget_one(|_| false);
        }
    }

    /// Whether what is said on the topic is kept.
    pub fn keeps(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// From now on what is said on the topic is kept. Where there are too many, one is forgotten
    /// that was silent the longest; if there is any, one that nobody hears, as `is_heard` has it.
    pub fn begin(&mut self, topic: &str, is_heard: impl Fn(&str) -> bool) {
        if self.keeps(topic) {
            return;
        }
        if self.topics.len() >= self.bounds.topics {
            self.forget_one(is_heard);
        }
        let floor = self.forgotten.remove(topic);
        self.topics.insert(topic.into(), Kept::new(floor));
    }

    /// Keeps a message where the topic has a journal, and gives its position; `make` makes the message with it, of so
    /// many bytes.
    pub fn append(
        &mut self,
        topic: &str,
        now: u64,
        except: Option<ClientId>,
        bytes: usize,
        make: impl FnOnce(Position) -> Arc<M>,
    ) -> Option<Position> {
        let kept = self.topics.get_mut(topic)?;
        self.last += 1;
        self.moments += 1;
        kept.used = self.moments;
        let position = Position {
            epoch: self.epoch,
            offset: self.last,
        };
        let entry = Entry::new(self.last, now, except, make(position), bytes);
        self.held.messages += 1;
        self.held.bytes += entry.bytes();
        kept.push(entry);
        self.held.trim(kept, &self.bounds, now);
        Some(position)
    }

    /// Where a client begins that wants to hear a topic.
    pub fn start(&mut self, topic: &str, since: Since, now: u64) -> Start {
        let (last, hole, bounds) = (self.last, self.hole, self.bounds);
        let kept = self.topics.get_mut(topic).map(|kept| {
            self.held.trim(kept, &bounds, now);
            &*kept
        });
        let before_last = |count| {
            kept.and_then(|kept| kept.before_last(count))
                .unwrap_or(last)
        };
        let floor = kept.map_or_else(|| self.forgotten.floor(topic), Kept::floor);
        match since {
            Since::Now => Start::fresh(last),
            Since::Last(count) => Start::fresh(before_last(count)),
            Since::After { position, or_last } => {
                let of_now = position.filter(|of| of.epoch == self.epoch && of.offset <= last);
                let Some(Position { offset, .. }) = of_now else {
                    return Start::gap(Gap::OtherEpoch, before_last(or_last));
                };
                if offset < floor {
                    Start::gap(Gap::TooOld, before_last(or_last).max(offset))
                } else if offset < hole {
                    Start::gap(Gap::Hole, before_last(or_last).max(offset))
                } else {
                    Start {
                        outcome: Outcome::Recovered,
                        cursor: offset,
                    }
                }
            }
        }
    }

    /// What is kept of a topic behind a cursor, the oldest first.
    ///
    /// # Errors
    /// Something behind it was let go.
    pub fn after(&self, topic: &str, cursor: u64) -> Result<impl Iterator<Item = &Entry<M>>, Lost> {
        let kept = self.topics.get(topic);
        if cursor < kept.map_or_else(|| self.forgotten.floor(topic), Kept::floor) {
            return Err(Lost);
        }
        Ok(kept.into_iter().flat_map(move |kept| kept.after(cursor)))
    }

    /// Whether nothing of a topic is kept behind a cursor.
    pub fn is_at_head(&self, topic: &str, cursor: u64) -> bool {
        self.topics
            .get(topic)
            .is_none_or(|kept| kept.last() <= cursor)
    }

    /// The position of an offset.
    pub fn position(&self, offset: u64) -> Position {
        Position {
            epoch: self.epoch,
            offset,
        }
    }

    /// Offset of the last message that was kept on the route.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// What is kept of all topics together.
    pub fn figures(&self) -> JournalFigures {
        JournalFigures {
            topics: self.topics.len() as u64,
            messages: self.held.messages,
            bytes: self.held.bytes,
            position: self.last,
            let_go: self.held.let_go,
        }
    }

    /// Lets go what is too old at `now`, and forgets topics of which nothing is left.
    pub fn tidy(&mut self, now: u64) {
        let (bounds, forgotten, held) = (self.bounds, &mut self.forgotten, &mut self.held);
        self.topics.retain(|topic, kept| {
            held.trim(kept, &bounds, now);
            if kept.is_empty() {
                forgotten.add(topic, kept.last());
            }
            !kept.is_empty()
        });
    }

    fn forget_one(&mut self, is_heard: impl Fn(&str) -> bool) {
        let silent = self
            .topics
            .iter()
            .min_by_key(|(topic, kept)| (is_heard(topic), kept.used));
        if let Some(topic) = silent.map(|(topic, _)| topic.clone())
            && let Some(kept) = self.topics.remove(&topic)
        {
            self.held.lose(kept.len() as u64, kept.bytes());
            self.forgotten.add(&topic, kept.last());
        }
    }
}

impl Start {
    fn fresh(cursor: u64) -> Start {
        Start {
            outcome: Outcome::Fresh,
            cursor,
        }
    }

    fn gap(gap: Gap, cursor: u64) -> Start {
        Start {
            outcome: Outcome::Gap(gap),
            cursor,
        }
    }
}

#[cfg(test)]
mod tests;
