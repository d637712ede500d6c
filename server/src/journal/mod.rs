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
//!
//! # Where a file is
//!
//! The hub holds the last messages in memory as well and gives them out from there; what was evicted is asked of the
//! file's thread, piece by piece, and who gets it becomes live at the head as everybody does. So each topic has two
//! floors: everything behind one is in memory, everything behind the other is kept at all.

mod chain;
mod forgotten;
mod held;
mod in_file;
mod kept;
mod position;
mod reading;
mod start;
pub mod store;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use chain::Chain;
use forgotten::Forgotten;
use held::Held;
use in_file::{InFile, Topics};
pub use kept::Entry;
use kept::Kept;
#[cfg(any(test, fuzzing))]
pub(crate) use position::holds as position_holds;
pub use position::{Epoch, POSITION_BYTES, Position};
pub use start::{Absent, Cursor, Gap, Outcome, Since, Start};
use store::{Confirm, Line, Opened, StoreError};

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

/// The journals of one route.
pub struct Journals<M> {
    epoch: Epoch,
    /// Offset of the last message that got one.
    last: u64,
    /// Up to where topics of which nothing is known may have lost something: see [`Gap::Hole`].
    hole: u64,
    /// Topics that have no journal.
    forgotten: Forgotten,
    topics: Topics<M>,
    bounds: Bounds,
    /// Moments at which something was kept.
    moments: u64,
    held: Held,
    file: Option<InFile<M>>,
    /// Where a stream counts, which others write too.
    chain: Option<Chain>,
}

impl<M: Line> Journals<M> {
    /// None is kept yet; counts in an epoch of its own.
    pub fn new(bounds: Bounds) -> Journals<M> {
        Journals {
            epoch: Epoch::random(),
            last: 0,
            hole: 0,
            forgotten: Forgotten::default(),
            topics: Topics::new(),
            bounds,
            moments: 0,
            held: Held::default(),
            file: None,
            chain: None,
        }
    }

    /// Those of a file.
    pub fn in_file(opened: Opened<M>, bounds: Bounds) -> Journals<M> {
        let mut journals = Journals {
            epoch: opened.epoch,
            last: opened.last,
            hole: opened.hole,
            ..Journals::new(bounds)
        };
        journals.forgotten.begin_at(opened.rest);
        let held = &mut journals.held;
        let (mut file, mut topics, forgotten) = in_file::take_in(opened, held);
        file.evict(&mut topics, held);
        for (name, last) in forgotten {
            journals.forgotten.add(&name, last);
        }
        file.writer.bound(bounds);
        journals.file = Some(file);
        journals.topics = topics;
        journals
    }

    /// Nothing follows: the file says so.
    pub fn close(&mut self) {
        if let Some(file) = self.file.take() {
            file.writer.close(self.last);
        }
    }

    /// How much is kept.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Whether they are in a file.
    pub fn are_in_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether these are of the opening of a file of this number.
    pub fn is_of_opening(&self, opening: u64) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|file| file.writer.opening() == opening)
    }

    /// Whether no further message can get a position: the file has not said for too long that more may be given out.
    pub fn is_used_up(&self) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|file| self.last >= file.writer.reserved())
    }

    /// Other bounds hold from now on.
    pub fn set_bounds(&mut self, bounds: Bounds, now: u64) {
        self.bounds = bounds;
        if let Some(file) = &self.file {
            file.writer.bound(bounds);
        }
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
        let name: Arc<str> = topic.into();
        let mut kept = Kept::new(name.clone(), self.forgotten.remove(topic), self.hole);
        if let Some(file) = &mut self.file {
            file.begin(&mut kept);
        }
        self.topics.insert(name, kept);
    }

    /// Keeps a message where the topic has a journal, and gives its position; `make` makes the message with it, of so
    /// many bytes. `confirm` is told when it is stored, or will not be.
    pub fn append(
        &mut self,
        topic: &str,
        now: u64,
        except: Option<ClientId>,
        bytes: usize,
        confirm: Option<Confirm>,
        make: impl FnOnce(Position) -> Arc<M>,
    ) -> Option<Position> {
        let kept = self.topics.get_mut(topic)?;
        self.last += 1;
        self.moments += 1;
        kept.used = self.moments;
        let offset = self.last;
        let position = Position {
            epoch: self.epoch,
            offset,
        };
        let (held, bounds) = (&mut self.held, self.bounds);
        let Some(file) = &mut self.file else {
            if let Some(confirm) = confirm {
                confirm(Err(StoreError::Closed));
            }
            let entry = Entry::new(offset, now, except, make(position), bytes);
            held.change(kept, |kept| kept.push(entry));
            held.change(kept, |kept| kept.trim(&bounds, now));
            return Some(position);
        };
        file.note(kept, offset);
        let entry = Entry::new(offset, now, except, make(position), bytes);
        let copy = entry.clone();
        file.change(kept, held, |kept| kept.push(entry));
        file.write(kept, copy, confirm);
        file.change(kept, held, |kept| kept.trim(&bounds, now));
        file.evict(&mut self.topics, held);
        Some(position)
    }

    /// A message of a topic is kept next, with `offset`, or is behind one for which this was said just before; true where it is
    /// noted so, and then the next [`settle`](Journals::settle) writes it down before it is kept.
    ///
    /// Messages that come at once cost one call to the kernel so, and not one each. Whoever said one is rid of it: where a crash
    /// comes between, it is as lost as one that somebody has heard.
    pub fn note_ahead(&mut self, topic: &str, offset: u64) -> bool {
        match (&mut self.file, self.topics.get(topic)) {
            (Some(file), Some(kept)) if offset <= file.writer.reserved() => {
                file.note(kept, offset);
                true
            }
            _ => false,
        }
    }

    /// What was kept may be seen from now on: before that nobody may get it, or hear of its position.
    pub fn settle(&mut self) {
        if let Some(file) = &mut self.file {
            file.settle();
        }
    }

    /// Of a topic nothing up to `from` is in the file any more.
    pub fn note_let_go(&mut self, topic: &str, from: u64) {
        if let (Some(kept), Some(file)) = (self.topics.get_mut(topic), &mut self.file) {
            file.change(kept, &mut self.held, |kept| kept.let_go(from));
        }
    }

    /// Messages of a topic between two offsets, both included, are not in the file.
    pub fn note_lost(&mut self, topic: &str, first: u64, last: u64) {
        if let Some(kept) = self.topics.get_mut(topic) {
            kept.lose(first, last);
        }
    }

    /// The position of an offset.
    pub fn position(&self, offset: u64) -> Position {
        let epoch = match &self.chain {
            None => self.epoch,
            Some(chain) => chain.epoch_of(offset),
        };
        Position { epoch, offset }
    }

    /// Offset of the last message that was kept on the route.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Offset behind which nothing is known of: what is said next on the route comes behind it.
    pub fn head(&self) -> u64 {
        let top = self.chain.as_ref().map_or(0, Chain::top);
        self.last.max(top)
    }

    /// What is kept in memory of all topics together.
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
        let (bounds, held) = (self.bounds, &mut self.held);
        for kept in self.topics.values_mut() {
            match &mut self.file {
                Some(file) => file.change(kept, held, |kept| kept.trim(&bounds, now)),
                None => held.change(kept, |kept| kept.trim(&bounds, now)),
            }
        }
        if let Some(file) = &self.file {
            file.writer.tidy();
        }
        let empty: Vec<_> = self
            .topics
            .extract_if(|_, kept| kept.is_empty())
            .map(|(_, kept)| kept)
            .collect();
        empty.iter().for_each(|kept| self.forget(kept));
    }

    /// Looks at all of them.
    fn forget_one(&mut self, is_heard: impl Fn(&str) -> bool) {
        let silent = self
            .topics
            .iter()
            .min_by_key(|(topic, kept)| (is_heard(topic), kept.used));
        if let Some(topic) = silent.map(|(topic, _)| topic.clone())
            && let Some(kept) = self.topics.remove(&topic)
        {
            self.forget(&kept);
        }
    }

    /// A topic that was taken out has no journal any more.
    fn forget(&mut self, kept: &Kept<M>) {
        self.forgotten.add(&kept.name, kept.last());
        self.held.forget(kept);
        if let Some(file) = &mut self.file {
            file.end(kept);
        }
    }
}

#[cfg(test)]
mod tests;
