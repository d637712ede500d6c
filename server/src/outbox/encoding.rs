//! How messages are written for one client: as frames of a WebSocket, compressed or in an envelope, as events of an
//! event stream, or as the one answer to a request.
//!
//! Pure functions on bytes. An encoding has its own way to write a message, a sign of life and an end, and knows
//! where the messages in a run of its own end, so that what is cut or left out is always whole messages. Frames are
//! what the hub is given; what the others need is made of them, once for a run.

use std::borrow::Cow;

use super::frame::{self, Opcode};
use super::marked::Marked;
use super::{answer, compressed, envelope, event};
use crate::compression::{Need, Shape, Window};

/// How a client is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 6455.
    #[default]
    Frame,
    /// The same, each message in an envelope with its position and topic; some of them compressed, for who has a window.
    Envelope(Option<Window>),
    /// `text/event-stream` (WHATWG HTML, section 9.2).
    Event,
    /// The body of one answer, in JSON.
    Answer,
    /// RFC 6455 with permessage-deflate (RFC 7692): as frames, of which some are compressed.
    Deflate(Window),
}

impl Encoding {
    /// How many there are.
    pub const COUNT: usize = 4 + 2 * Window::COUNT;

    /// Its number, from 0 for [`Encoding::Frame`], below [`Encoding::COUNT`].
    pub fn number(self) -> u8 {
        match self {
            Encoding::Frame => 0,
            Encoding::Envelope(None) => 1,
            Encoding::Event => 2,
            Encoding::Answer => 3,
            Encoding::Deflate(window) => 4 + window.index() as u8,
            Encoding::Envelope(Some(window)) => (4 + Window::COUNT + window.index()) as u8,
        }
    }

    pub(super) fn from_number(number: u8) -> Encoding {
        match number {
            0 => Encoding::Frame,
            1 => Encoding::Envelope(None),
            2 => Encoding::Event,
            3 => Encoding::Answer,
            number => {
                let is_it = |of: &Encoding| of.number() == number;
                let bare = Window::all().map(Encoding::Deflate);
                let enveloped = Window::all().map(|window| Encoding::Envelope(Some(window)));
                bare.chain(enveloped).find(is_it).unwrap_or_default()
            }
        }
    }

    /// What has to be compressed for a client that is written to so.
    pub fn need(self) -> Option<Need> {
        let (shape, window) = match self {
            Encoding::Deflate(window) => (Shape::Bare, window),
            Encoding::Envelope(window) => (Shape::Enveloped, window?),
            _ => return None,
        };
        Some(Need { shape, window })
    }

    /// Whether it tells positions.
    pub fn tells_positions(self) -> bool {
        matches!(
            self,
            Encoding::Envelope(_) | Encoding::Event | Encoding::Answer
        )
    }

    /// Whether the client only listens.
    pub fn is_one_way(self) -> bool {
        matches!(self, Encoding::Event | Encoding::Answer)
    }

    /// Messages in this encoding.
    pub fn of_run<'a>(self, run: &Marked<'a>) -> Cow<'a, [u8]> {
        match self {
            Encoding::Frame => Cow::Borrowed(run.frames),
            Encoding::Envelope(window) => Cow::Owned(envelope::encode(run, window)),
            Encoding::Event => Cow::Owned(event::encode_run(run)),
            Encoding::Answer => Cow::Owned(answer::encode(run)),
            Encoding::Deflate(window) => compressed::encode(run, window),
        }
    }

    /// One message that is of no topic.
    pub(super) fn message(self, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Event => event::encode(opcode, payload),
            _ => {
                let frame = frame::encode(opcode, payload);
                self.of_run(&Marked::alone(&frame)).into_owned()
            }
        }
    }

    /// What keeps a connection alive that is silent.
    pub(super) fn ping(self) -> Vec<u8> {
        match self {
            Encoding::Frame | Encoding::Envelope(_) | Encoding::Deflate(_) => {
                frame::encode(Opcode::Ping, &[])
            }
            Encoding::Event => event::PING.to_vec(),
            Encoding::Answer => Vec::new(),
        }
    }

    /// The last that our side says; nothing where that is made otherwise.
    pub(super) fn end(self, code: u16, reason: &str) -> Vec<u8> {
        match self {
            Encoding::Frame | Encoding::Envelope(_) | Encoding::Deflate(_) => {
                frame::close(code, reason)
            }
            Encoding::Event => event::close(code, reason),
            Encoding::Answer => Vec::new(),
        }
    }

    /// Bytes of the message that begins `run`, which holds at least its head.
    fn length(self, run: &[u8]) -> usize {
        match self {
            Encoding::Frame | Encoding::Envelope(_) | Encoding::Deflate(_) => frame::length(run),
            Encoding::Event => event::length(run),
            // It is one, and HTTP, which is never cut.
            Encoding::Answer => run.len(),
        }
    }

    /// How many bytes of the message that `sent` cuts are still to be sent, in a run of whole messages.
    /// Zero where `sent` falls between two.
    pub(super) fn remainder(self, run: &[u8], sent: usize) -> usize {
        let mut end = 0;
        while end < sent {
            end += self.length(&run[end..]);
        }
        end - sent
    }

    /// The whole messages at the front of `run` that fit into `room`, and how many others there are.
    pub(super) fn fitting(self, run: &[u8], room: usize) -> (&[u8], u64) {
        let (mut end, mut left_out) = (0, 0);
        let mut at = 0;
        while at < run.len() {
            at += self.length(&run[at..]);
            // What comes behind one that does not fit is left out too: it may be about it.
            if at <= room && left_out == 0 {
                end = at;
            } else {
                left_out += 1;
            }
        }
        (&run[..end], left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding;
    use crate::outbox::frame::Opcode;

    /// A run of such messages, and where each ends.
    fn run(encoding: Encoding, messages: &[&str]) -> (Vec<u8>, Vec<usize>) {
        let (mut run, mut ends) = (Vec::new(), vec![0]);
        for message in messages {
            run.extend(encoding.message(Opcode::Text, message.as_bytes()));
            ends.push(run.len());
        }
        (run, ends)
    }

    #[test]
    fn each_has_a_number_of_its_own() {
        let numbers = 0..Encoding::COUNT as u8;
        for number in numbers {
            assert_eq!(Encoding::from_number(number).number(), number);
        }
    }

    /// Cause: mutants survived in which everyone was told positions, and everyone could speak.
    #[test]
    fn each_tells_what_it_has_room_for() {
        let window = crate::compression::Window::MOST;
        for (encoding, tells_positions, is_one_way) in [
            (Encoding::Frame, false, false),
            (Encoding::Deflate(window), false, false),
            (Encoding::Envelope(None), true, false),
            (Encoding::Envelope(Some(window)), true, false),
            (Encoding::Event, true, true),
            (Encoding::Answer, true, true),
        ] {
            assert_eq!(encoding.tells_positions(), tells_positions);
            assert_eq!(encoding.is_one_way(), is_one_way, "{encoding:?}");
        }
    }

    #[test]
    fn whole_messages_are_cut_and_left_out_in_each_encoding() {
        let long = [125, 126, 300, 65_535, 65_536].map(|length| "x".repeat(length));
        let mut messages = vec!["", "a\n\nb", "\r\r", "cc"];
        messages.extend(long.iter().map(String::as_str));
        messages.push("the last");
        for encoding in [Encoding::Frame, Encoding::Envelope(None), Encoding::Event] {
            let (run, ends) = run(encoding, &messages);
            // Every byte near an end, and some between.
            let near =
                |at: &usize| ends.iter().any(|end| end.abs_diff(*at) < 12) || at.is_multiple_of(97);
            for at in (0..=run.len()).filter(near) {
                let next = ends.iter().find(|&&end| end >= at).expect("the run ends");
                assert_eq!(
                    encoding.remainder(&run, at),
                    next - at,
                    "{encoding:?} at {at}"
                );
                let last = ends.iter().rposition(|&end| end <= at).expect("the first");
                let fits = (&run[..ends[last]], (messages.len() - last) as u64);
                assert_eq!(encoding.fitting(&run, at), fits, "{encoding:?} room {at}");
            }
        }
    }
}
