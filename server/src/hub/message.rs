//! What is said on a route, and for whom.
//!
//! Plain values, made by whoever speaks and read by the hub's thread.

use std::borrow::Cow;

use crate::journal::store::Line;
use crate::journal::{POSITION_BYTES, Position};
use crate::outbox::encoding::Encoding;
use crate::outbox::frame::{self, Opcode};
use crate::outbox::marked::Marked;

/// Whom a message on a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every client of the route.
    Everyone,
    /// The members of a topic of the route.
    Topic(Box<str>),
}

/// What is said to clients. It is encoded as a frame by who says it, so that the hub only copies bytes; what others
/// need instead is made of that, once for a run.
pub struct Message {
    frame: Vec<u8>,
}

impl Message {
    /// A message of one whole frame; `payload` of a text is UTF-8.
    pub fn new(opcode: Opcode, payload: &[u8]) -> Message {
        Message {
            frame: frame::encode(opcode, payload),
        }
    }

    /// For one client alone.
    pub(super) fn in_encoding(&self, encoding: Encoding) -> Cow<'_, [u8]> {
        encoding.of_run(&Marked::alone(&self.frame))
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
        let payload = frame::payload_mut(&mut self.frame);
        payload[at..at + POSITION_BYTES].copy_from_slice(&position.text());
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.frame.len()
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
