//! The part of a route's journals that has to do with their file: what is held in memory of it, what was given out.
//!
//! Plain memory of the hub's thread, and the way to the file's own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::held::Held;
use super::kept::{Entry, Kept};
use super::store::{self, Confirm, Given, Line, Opened, Writer, Written};
use crate::limits::JOURNAL_TAIL_BYTES;

/// By name.
pub(super) type Topics<M> = HashMap<Arc<str>, Kept<M>>;

/// What there is beside the topics where they are in a file.
pub(super) struct InFile<M> {
    pub(super) writer: Writer<M>,
    given: Option<Given>,
    /// By the offset of the oldest message that is held of it: each topic of which any is.
    fronts: BTreeMap<u64, Arc<str>>,
}

impl<M: Line> InFile<M> {
    pub(super) fn new(writer: Writer<M>, given: Option<Given>) -> InFile<M> {
        InFile {
            writer,
            given,
            fronts: BTreeMap::new(),
        }
    }

    /// A topic begins to be kept.
    pub(super) fn begin(&mut self, kept: &mut Kept<M>) {
        if let Some(given) = &mut self.given {
            kept.slot = given.begin(self.writer.done());
            kept.hash = store::hash(&kept.name);
        }
    }

    /// A topic is forgotten.
    pub(super) fn end(&mut self, kept: &Kept<M>) {
        if let Some(front) = kept.front() {
            self.fronts.remove(&front);
        }
        if let Some(given) = &mut self.given {
            given.end(kept.slot);
        }
        self.writer.forget(kept.name.clone());
    }

    /// What was noted is written down: it may be given out.
    pub(super) fn settle(&mut self) {
        if let Some(given) = &mut self.given {
            given.write();
        }
    }

    /// A message is about to be pushed, and given out once it is settled.
    pub(super) fn note(&mut self, kept: &Kept<M>, offset: u64) {
        if let Some(given) = &mut self.given {
            given.note(kept.slot, kept.hash, offset);
        }
    }

    /// The last message of a topic goes into the file.
    pub(super) fn write(&self, kept: &mut Kept<M>, entry: Entry<M>, confirm: Option<Confirm>) {
        let written = self.writer.write(
            Written {
                topic: kept.name.clone(),
                offset: entry.offset,
                at: entry.at,
                except: entry.except,
                message: entry.message,
                confirm: None,
            }
            .telling(confirm),
        );
        if written.is_err() {
            kept.lose_last();
        }
    }

    /// Changes what is held of a topic.
    pub(super) fn change<T>(
        &mut self,
        kept: &mut Kept<M>,
        held: &mut Held,
        change: impl FnOnce(&mut Kept<M>) -> T,
    ) -> T {
        let front = kept.front();
        let result = held.change(kept, change);
        if front != kept.front() {
            front.map(|front| self.fronts.remove(&front));
            if let Some(front) = kept.front() {
                self.fronts.insert(front, kept.name.clone());
            }
        }
        result
    }

    /// Holds no more than it may: the oldest messages go, which are in the file.
    pub(super) fn evict(&mut self, topics: &mut Topics<M>, held: &mut Held) {
        let let_go = held.let_go;
        while held.bytes > JOURNAL_TAIL_BYTES
            && let Some((_, name)) = self.fronts.first_key_value()
            && let Some(kept) = topics.get_mut(&name.clone())
        {
            self.change(kept, held, Kept::evict_first);
        }
        held.let_go = let_go;
    }
}

/// Topics of which nothing is kept, each with the last offset on it.
pub(super) type Gone = Vec<(Arc<str>, u64)>;

/// What a file held when it was opened, as topics.
pub(super) fn take_in<M: Line>(opened: Opened<M>, held: &mut Held) -> (InFile<M>, Topics<M>, Gone) {
    let mut in_file = InFile::new(opened.writer, opened.given);
    let (mut topics, mut gone) = (Topics::new(), Gone::new());
    for topic in opened.topics {
        if topic.from >= topic.last {
            gone.push((topic.name, topic.last));
            continue;
        }
        let floor = opened.lines_from.min(topic.last);
        let floor = if opened.lines_from == 0 {
            topic.from
        } else {
            floor
        };
        let mut kept = Kept::new(topic.name.clone(), topic.from, topic.hole).in_file(floor);
        in_file.begin(&mut kept);
        topics.insert(topic.name, kept);
    }
    for line in opened.lines {
        if let Some(kept) = topics.get_mut(&line.topic) {
            let bytes = line.message.payload().len();
            let entry = Entry::new(line.offset, line.at, None, line.message, bytes);
            in_file.change(kept, held, |kept| kept.push(entry));
        }
    }
    (in_file, topics, gone)
}
