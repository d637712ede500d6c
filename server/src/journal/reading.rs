//! What a client gets of what is kept: where it begins, what comes behind its cursor, and what it cannot have.

use super::Journals;
use super::chain::Placed;
use super::kept::{Entry, Kept};
use super::position::Position;
use super::start::{Absent, Cursor, Gap, Outcome, Since, Start};
use super::store::{Deliver, Fetched, From, Line};

impl<M: Line> Journals<M> {
    /// Where a client begins that wants to hear a topic.
    pub fn start(&mut self, topic: &str, since: Since, now: u64) -> Start {
        self.trim(topic, now);
        let (from, hole, _) = self.floors(topic);
        let (outcome, from) = match since {
            Since::Now => (Outcome::Fresh, From::Offset(self.head())),
            Since::Last(count) => (Outcome::Fresh, self.before_last(topic, count, 0)),
            Since::After { position, or_last } => {
                let of_now = position.and_then(|of| self.offset_of(of));
                let offset = of_now.unwrap_or(0);
                let gap = match of_now {
                    None => Some(Gap::OtherEpoch),
                    Some(_) if offset < from => Some(Gap::TooOld),
                    Some(_) if offset < hole => Some(Gap::Hole),
                    Some(_) => None,
                };
                match gap {
                    None => (Outcome::Recovered, From::Offset(offset)),
                    Some(gap) => {
                        let from = self.before_last(topic, or_last, offset);
                        (Outcome::Gap(gap), from)
                    }
                }
            }
        };
        Start {
            outcome,
            from,
            hole,
        }
    }

    /// Where one stands who is to get the last `count` messages, but none up to `behind`.
    fn before_last(&self, topic: &str, count: u64, behind: u64) -> From {
        let Some(kept) = self.topics.get(topic).filter(|_| count > 0) else {
            return From::Offset(self.head());
        };
        let is_here = kept.from() >= kept.floor() || kept.len() as u64 >= count;
        if is_here {
            let before = kept.before_last(count).unwrap_or(self.head());
            From::Offset(before.max(behind))
        } else if count == u64::MAX {
            From::Offset(kept.from().max(behind))
        } else {
            From::Last { count, behind }
        }
    }

    fn trim(&mut self, topic: &str, now: u64) {
        let (bounds, held) = (self.bounds, &mut self.held);
        match (self.topics.get_mut(topic), &mut self.file) {
            (Some(kept), Some(file)) => file.change(kept, held, |kept| kept.trim(&bounds, now)),
            (Some(kept), None) => held.change(kept, |kept| kept.trim(&bounds, now)),
            (None, _) => {}
        }
    }

    /// Behind which offsets of a topic everything is kept, nothing was lost, and everything is in memory.
    fn floors(&self, topic: &str) -> (u64, u64, u64) {
        match self.topics.get(topic) {
            Some(kept) => (kept.from(), kept.hole(), kept.floor()),
            None => (self.forgotten.floor(topic), self.hole, 0),
        }
    }

    /// What is kept of a topic behind a cursor, the oldest first.
    ///
    /// # Errors
    /// It is not all in memory: see [`Absent`].
    pub fn after(
        &self,
        topic: &str,
        cursor: Cursor,
    ) -> Result<impl Iterator<Item = &Entry<M>>, Absent> {
        let (from, hole, floor) = self.floors(topic);
        let offset = cursor.offset;
        if offset < from || (offset < hole && cursor.hole < hole) {
            return Err(Absent::LetGo);
        }
        if offset < floor {
            return Err(Absent::InFile);
        }
        let kept = self.topics.get(topic);
        Ok(kept.into_iter().flat_map(move |kept| kept.after(offset)))
    }

    /// Behind which offset everything that is kept of a topic is in memory.
    pub fn in_memory_from(&self, topic: &str) -> u64 {
        self.topics.get(topic).map_or(self.last, Kept::floor)
    }

    /// Asks the file's thread for what is behind a place; never waits.
    pub fn fetch(&self, topic: &str, from: From, most: (usize, usize), deliver: Deliver<M>) {
        match (&self.file, self.topics.get(topic)) {
            (Some(file), Some(kept)) => {
                file.writer.fetch(kept.name.clone(), from, most, deliver);
            }
            _ => deliver(Fetched::LetGo),
        }
    }

    /// How far one is who was given what the file had up to `through`, of which `last` is the last message.
    pub fn fetched_to(&self, topic: &str, last: Option<u64>, begin: u64, through: u64) -> u64 {
        // What is in memory may not be in the file.
        let (.., floor) = self.floors(topic);
        last.unwrap_or(begin).max(through.min(floor))
    }

    /// Whether nothing of a topic is kept behind a cursor.
    pub fn is_at_head(&self, topic: &str, cursor: u64) -> bool {
        self.topics
            .get(topic)
            .is_none_or(|kept| kept.last() <= cursor)
    }

    /// The offset of a position that counts here.
    fn offset_of(&self, position: Position) -> Option<u64> {
        match &self.chain {
            None => (position.epoch == self.epoch && position.offset <= self.last)
                .then_some(position.offset),
            Some(chain) => match chain.place(position) {
                Placed::Here(offset) => Some(offset),
                Placed::Ahead | Placed::Elsewhere => None,
            },
        }
    }
}
