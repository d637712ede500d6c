//! The layer and tungstenite together, as a fuzzer and the tests drive them, against a plain decoder.

mod reference;

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use tungstenite::{Error, Message};

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
pub(super) fn events(mut pieces: VecDeque<Vec<u8>>) -> Vec<Event> {
    pieces.retain(|piece| !piece.is_empty());
    let early = pieces.pop_front().unwrap_or_default();
    let mut stream = Guarded::new(Pieces(pieces), early);
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
    let expected = reference::events(&pieces.concat());
    assert_eq!(events(pieces.into()), expected);
}
