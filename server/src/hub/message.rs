//! What is said on a route, and for whom.
//!
//! Plain values, made by whoever speaks and read by the hub's thread.

use std::borrow::Cow;

use crate::compression::{Deflated, Demand};
use crate::journal::store::Line;
use crate::journal::{POSITION_BYTES, Position};
use crate::outbox::encoding::Encoding;
use crate::outbox::frame::{self, Opcode};
use crate::outbox::marked::{Instead, Marked};

/// Whom a message on a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every client of the route.
    Everyone,
    /// The members of a topic of the route.
    Topic(Box<str>),
}

impl Audience {
    /// The one of a journal: what is said to everyone has the journal of the empty name, which no topic has.
    pub fn of_journal(name: Box<str>) -> Audience {
        match name.is_empty() {
            true => Audience::Everyone,
            false => Audience::Topic(name),
        }
    }

    /// The name of its journal.
    pub(super) fn journal(&self) -> &str {
        match self {
            Audience::Everyone => "",
            Audience::Topic(name) => name,
        }
    }
}

/// What is said to clients. It is encoded as a frame by who says it, so that the hub only copies bytes; what others
/// need instead is made of that, once for a run.
pub struct Message {
    frame: Vec<u8>,
    /// The same in compressed frames, which some clients may be sent instead.
    deflated: Option<Box<Deflated>>,
}

impl Message {
    /// A message of one whole frame; `payload` of a text is UTF-8.
    pub fn new(opcode: Opcode, payload: &[u8]) -> Message {
        Message {
            frame: frame::encode(opcode, payload),
            deflated: None,
        }
    }

    /// The same message, compressed too for those members of a route that `demand` it; on the thread of who says it. Waits
    /// a moment at most, where many compress.
    #[inline]
    pub fn compressed(self, demand: &Demand) -> Message {
        match demand.level(self.payload().len()) {
            Some(_) => self.compressed_for_all(demand),
            None => self,
        }
    }

    #[cold]
    fn compressed_for_all(mut self, demand: &Demand) -> Message {
        let opcode = self.opcode();
        let wrap = |payload: &[u8]| frame::encode_compressed(opcode, payload);
        self.deflated = Deflated::for_all(self.payload(), demand, wrap);
        self
    }

    /// The same for one client, which is written to in this encoding.
    pub fn compressed_for(mut self, encoding: Encoding, demand: &Demand) -> Message {
        let level = demand.level_for_one(self.payload().len());
        if let (Encoding::Deflate(window), Some(level)) = (encoding, level) {
            let opcode = self.opcode();
            let wrap = |payload: &[u8]| frame::encode_compressed(opcode, payload);
            self.deflated = Deflated::for_one(self.payload(), window, level, wrap);
        }
        self
    }

    /// For one client alone.
    pub(super) fn in_encoding(&self, encoding: Encoding) -> Cow<'_, [u8]> {
        let instead = self
            .deflated
            .as_ref()
            .map(|deflated| Instead { at: 0, deflated });
        let run = Marked {
            instead: instead.as_slice(),
            ..Marked::alone(&self.frame)
        };
        match encoding.of_run(&run) {
            // A compressed form lives as long as the message, and not only as `run`.
            Cow::Owned(bytes) => Cow::Owned(bytes),
            Cow::Borrowed(_) => Cow::Borrowed(&self.frame),
        }
    }

    /// What its compressed forms are, which it has no more then.
    pub(super) fn take_deflated(&mut self) -> Option<Box<Deflated>> {
        self.deflated.take()
    }

    /// As one frame, whole and unmasked.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// The same, to be kept.
    pub(super) fn into_frame(self) -> Vec<u8> {
        self.frame
    }

    /// What it is.
    pub fn opcode(&self) -> Opcode {
        frame::opcode(&self.frame)
    }

    /// What it says.
    pub fn payload(&self) -> &[u8] {
        frame::payload(&self.frame)
    }

    /// Writes a position over the place that was left for it, which begins at `at` of the payload and ends inside it.
    pub(super) fn set_position(&mut self, at: usize, position: Position) {
        // It says something else than what was compressed.
        self.deflated = None;
        let payload = frame::payload_mut(&mut self.frame);
        payload[at..at + POSITION_BYTES].copy_from_slice(&position.text());
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.frame.len()
            + self
                .deflated
                .as_ref()
                .map_or(0, |deflated| deflated.bytes())
    }
}

impl Line for Message {
    fn kind(&self) -> u8 {
        self.opcode() as u8
    }

    fn payload(&self) -> &[u8] {
        Message::payload(self)
    }

    fn read(kind: u8, payload: &[u8]) -> Option<Message> {
        let opcode = [Opcode::Text, Opcode::Binary]
            .into_iter()
            .find(|&of| of as u8 == kind)?;
        let is_valid = opcode == Opcode::Binary || simdutf8::basic::from_utf8(payload).is_ok();
        is_valid.then(|| Message::new(opcode, payload))
    }
}
