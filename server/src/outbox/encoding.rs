//! How messages are written for one client: as frames of a WebSocket, or as events of an event stream.
//!
//! Pure functions on bytes. An encoding has its own way to write a message, a sign of life and an end, and knows
//! where the messages in a run of its own end, so that what is cut or left out is always whole messages. Frames are
//! what the hub is given; events are made of them, once for a run.

use super::event;
use super::frame::{self, Opcode};

/// How a client is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 6455.
    #[default]
    Frame,
    /// `text/event-stream` (WHATWG HTML, section 9.2).
    Event,
}

impl Encoding {
    /// One message.
    pub(super) fn message(self, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Frame => frame::encode(opcode, payload),
            Encoding::Event => event::encode(opcode, payload),
        }
    }

    /// What keeps a connection alive that is silent.
    pub(super) fn ping(self) -> Vec<u8> {
        match self {
            Encoding::Frame => frame::encode(Opcode::Ping, &[]),
            Encoding::Event => event::PING.to_vec(),
        }
    }

    /// The last that our side says.
    pub(super) fn end(self, code: u16, reason: &str) -> Vec<u8> {
        match self {
            Encoding::Frame => frame::close(code, reason),
            Encoding::Event => event::close(code, reason),
        }
    }

    /// How many bytes of the message that `sent` cuts are still to be sent, in a run of whole messages.
    /// Zero where `sent` falls between two.
    pub(super) fn remainder(self, run: &[u8], sent: usize) -> usize {
        match self {
            Encoding::Frame => frame::remainder(run, sent),
            Encoding::Event => event::remainder(run, sent),
        }
    }

    /// The whole messages at the front of `run` that fit into `room`, and how many others there are.
    pub(super) fn fitting(self, run: &[u8], room: usize) -> (&[u8], u64) {
        match self {
            Encoding::Frame => frame::fitting(run, room),
            Encoding::Event => event::fitting(run, room),
        }
    }
}
