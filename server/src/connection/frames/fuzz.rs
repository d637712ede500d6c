//! The layer and tungstenite together, as a fuzzer and the tests drive them, against a plain decoder.

mod reference;

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use tungstenite::{Error, Message};

use crate::compression::{Agreed, Compressor, Window};
use crate::limits::READ_BUFFER_BYTES_MOST;

use super::{Guarded, Source, protocol_for, violation};

/// Bytes that a message may have here: more than a length of 16 bits can say.
pub(super) const LIMIT: usize = 70_000;

/// What a connection tells, in order; the last one is how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, Vec<u8>)>),
    /// Refused with this close code.
    Refused(u16),
    /// The bytes ended, and nothing was wrong so far.
    Ended,
}

/// Bytes that arrive in pieces; what is written is lost.
struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "an empty read would look like an end");
        let Some(mut piece) = self.0.pop_front() else {
            return Ok(0);
        };
        let count = buffer.len().min(piece.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            self.0.push_front(piece.split_off(count));
        }
        Ok(count)
    }
}

impl Source for Pieces {
    fn message_bytes_max(&self) -> usize {
        LIMIT
    }

    fn holds(&mut self, _bytes: usize) {}
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the server would see of these pieces; the first one came behind the request head.
pub(super) fn events(pieces: VecDeque<Vec<u8>>) -> Vec<Event> {
    events_where(pieces, None)
}

/// The same where so much was agreed about compression.
pub(super) fn events_where(mut pieces: VecDeque<Vec<u8>>, agreed: Option<Agreed>) -> Vec<Event> {
    pieces.retain(|piece| !piece.is_empty());
    let early = pieces.pop_front().unwrap_or_default();
    let mut stream = Guarded::new(Pieces(pieces), early, agreed);
    let mut protocol = protocol_for(&mut stream);
    let mut events = Vec::new();
    loop {
        events.push(match protocol.read(&mut stream) {
            Ok(Message::Text(text)) => Event::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(bytes)) => Event::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Event::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Event::Pong(bytes.to_vec()),
            Ok(Message::Close(frame)) => Event::Close(frame.map(|frame| {
                let code = stream.peer_code(frame.code.into());
                (code, frame.reason.as_bytes().to_vec())
            })),
            Ok(Message::Frame(frame)) => panic!("never read: {frame}"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                assert!(stream.wants_other_buffer());
                protocol = protocol_for(&mut stream);
                continue;
            }
            Err(error) => {
                events.push(end(&error));
                return events;
            }
        });
    }
}

fn end(error: &Error) -> Event {
    match error {
        Error::Io(error) => Event::Refused(violation(error).expect("no other error").code),
        Error::Utf8(_) => Event::Refused(1007),
        Error::ConnectionClosed => Event::Ended,
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            Event::Ended
        }
        error => panic!("left to tungstenite: {error}"),
    }
}

/// Asserts that the layers see in `pieces` what the plain decoder sees in all of them together.
pub(crate) fn agree(pieces: Vec<Vec<u8>>) {
    let bytes = pieces.concat();
    let mut expected = reference::events(&bytes);
    let seen = events(pieces.into());
    // A long text that goes on as one frame is judged when all of it has come.
    if bytes.len() > READ_BUFFER_BYTES_MOST
        && seen.last() == Some(&Event::Ended)
        && let Some(last @ Event::Refused(1007)) = expected.last_mut()
    {
        *last = Event::Ended;
    }
    assert_eq!(seen, expected);
}

/// What was agreed with a client whose messages refer to each other, or do not.
pub(super) fn agreed(refers_back: bool) -> Agreed {
    Agreed {
        window: Window::MOST,
        refers_back,
        peer_refers_back: refers_back.then_some(Window::MOST),
    }
}

/// Asserts that where messages may be compressed, any bytes are seen the same in any of these cuttings.
pub(crate) fn compressed_agree(cuttings: &[Vec<Vec<u8>>]) {
    for refers_back in [false, true] {
        let mut seen = cuttings.iter().map(|pieces| {
            let mut events = events_where(pieces.clone().into(), Some(agreed(refers_back)));
            // Whether text is found out as none before its message as too long, depends on how much of it comes at once.
            if let Some(Event::Refused(code @ 1009)) = events.last_mut() {
                *code = 1007;
            }
            events
        });
        let first = seen.next();
        assert!(seen.all(|events| Some(events) == first), "{cuttings:x?}");
    }
}

/// Asserts that what a client says compressed, as `data` tells, is heard as it was said, in any cutting into pieces of
/// a few bytes.
pub(crate) fn compressed_holds(data: &[u8]) {
    for refers_back in [false, true] {
        let mut compressor = Compressor::new(Window::MOST, 6);
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        let mut rest = data;
        while let [what, length, behind @ ..] = rest {
            let (payload, behind) = behind.split_at(usize::from(*length).min(behind.len()));
            rest = behind;
            let message = payload.repeat([1, 3, 40, 250][usize::from(what & 3)]);
            if !refers_back {
                compressor.forget();
            }
            let compressed = compressor.run(&message).map(<[u8]>::to_vec);
            let first = 2 | if compressed.is_some() { 0x40 } else { 0 };
            let sent = compressed.as_ref().unwrap_or(&message);
            // In parts, with a ping between them.
            let part = sent.len() / (1 + usize::from(what >> 4)) + 1;
            let parts: Vec<_> = sent.chunks(part).collect();
            let count = parts.len().max(1);
            for index in 0..count {
                let part = parts.get(index).copied().unwrap_or_default();
                let opcode = if index == 0 { first } else { 0 };
                let last = if index + 1 == count { 0x80 } else { 0 };
                append(&mut bytes, opcode | last, part, *length);
                if what & 4 != 0 && last == 0 {
                    append(&mut bytes, 0x89, &[*what], *what);
                    expected.push(Event::Ping(vec![*what]));
                }
            }
            expected.push(Event::Binary(message));
        }
        expected.push(Event::Ended);
        for piece in [bytes.len().max(1), 1, 7, 600] {
            let pieces = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
            assert_eq!(events_where(pieces, Some(agreed(refers_back))), expected);
        }
    }
}

fn append(bytes: &mut Vec<u8>, first: u8, payload: &[u8], mask: u8) {
    let mask = [mask, 1, mask ^ 0x5a, 0xff];
    bytes.push(first);
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
    }
    bytes.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
}
