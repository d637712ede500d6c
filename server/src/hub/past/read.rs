//! Reading what is kept, from memory and from the file.

use std::sync::Arc;

use super::file::For;
use super::{Past, now};
use crate::hub::message::Message;
use crate::hub::queue::Queue;
use crate::hub::requests::{Answer, Kept, Read};
use crate::journal::store::{Fetched, From};
use crate::journal::{Absent, Cursor, Gap, Outcome, Position, Start};

/// What was read so far.
struct Found {
    messages: Vec<(Position, Arc<Message>)>,
    bytes: usize,
    /// Everything up to here is read.
    offset: u64,
    has_more: bool,
}

impl Past {
    /// Answers what is kept; where the file has it, when it was read there.
    pub(in crate::hub) fn read(&mut self, read: Read, queue: &Arc<Queue>) {
        let start = self.journals.start(&read.topic, read.since, now());
        let is_here = match start.from {
            From::Last { .. } => false,
            From::Offset(offset) => {
                let at = start.at(offset);
                !matches!(self.journals.after(&read.topic, at), Err(Absent::InFile))
            }
        };
        if !is_here {
            // Who asked may have been ended by a panic; there is room for both answers.
            read.reply.try_send(Answer::Later).ok();
            let (topic, most) = (read.topic.clone(), (read.messages_max, read.bytes_max));
            let from = start.from;
            let of = For::Reader(Box::new((read, start)));
            self.ask(topic, from, most, of, queue);
            return;
        }
        let begin = match start.from {
            From::Offset(offset) => offset,
            From::Last { .. } => self.journals.head(),
        };
        let found = Found {
            messages: Vec::new(),
            bytes: 0,
            offset: begin,
            has_more: false,
        };
        self.answer(&read, &start, found);
    }

    /// Goes on with what the file has given.
    pub(super) fn read_on(&self, read: &Read, start: &Start, fetched: Fetched<Message>) {
        let Fetched::Lines {
            begin,
            lines,
            through,
            has_more,
        } = fetched
        else {
            return self.read_what_is_left(read);
        };
        let last = lines.last().map(|line| line.offset);
        let bytes = lines.iter().map(|line| line.message.payload().len()).sum();
        let messages = lines
            .into_iter()
            .map(|line| (self.journals.position(line.offset), line.message))
            .collect();
        let offset = self.journals.fetched_to(&read.topic, last, begin, through);
        let found = Found {
            messages,
            bytes,
            offset,
            has_more,
        };
        self.answer(read, start, found);
    }

    /// What was to be read was let go, or cannot be read: that is a gap, and what is in memory follows it.
    fn read_what_is_left(&self, read: &Read) {
        let floor = self.journals.in_memory_from(&read.topic);
        let start = Start {
            outcome: Outcome::Gap(Gap::TooOld),
            from: From::Offset(floor),
            hole: u64::MAX,
        };
        let found = Found {
            messages: Vec::new(),
            bytes: 0,
            offset: floor,
            has_more: false,
        };
        self.answer(read, &start, found);
    }

    /// Adds what is in memory, as far as there is room, and answers.
    fn answer(&self, read: &Read, start: &Start, mut found: Found) {
        if !found.has_more {
            match self.journals.after(&read.topic, start.at(found.offset)) {
                Ok(entries) => {
                    for entry in entries {
                        let more = entry.message.payload().len();
                        let is_full = found.messages.len() >= read.messages_max
                            || found.bytes + more > read.bytes_max;
                        if is_full && !found.messages.is_empty() {
                            found.has_more = true;
                            break;
                        }
                        found.bytes += more;
                        found.offset = entry.offset;
                        let position = self.journals.position(entry.offset);
                        found.messages.push((position, entry.message.clone()));
                    }
                    if !found.has_more {
                        found.offset = self.journals.head();
                    }
                }
                // It was evicted meanwhile, or let go: who asks next is told.
                Err(_) => found.has_more = true,
            }
        }
        let kept = Kept {
            outcome: start.outcome,
            next: self.journals.position(found.offset),
            messages: found.messages,
            has_more: found.has_more,
        };
        // As above.
        read.reply.try_send(Answer::Kept(kept)).ok();
    }
}

impl Start {
    fn at(&self, offset: u64) -> Cursor {
        Cursor {
            offset,
            hole: self.hole,
        }
    }
}
