//! What a client's bytes hold of memory while they come, and when it is silent.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use tungstenite::{Error, Message};

use super::super::inflating::Inflating;
use super::super::{Guarded, Source, protocol_for};
use super::{LIMIT, frame};
use crate::compression::{Agreed, Window, deflate};
use crate::limits::{READ_BUFFER_BYTES_LEAST, READ_BUFFER_BYTES_MOST};

/// Bytes that arrive in pieces, behind which the client is silent.
pub(super) struct Talk {
    pieces: VecDeque<Vec<u8>>,
    silences: usize,
    /// The most that was said to be held.
    most_held: usize,
    /// What was said, where it was not said before.
    pub(super) told: Vec<usize>,
}

impl Read for Talk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.pieces.pop_front() else {
            self.silences += 1;
            return Err(ErrorKind::WouldBlock.into());
        };
        let count = buffer.len().min(piece.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            self.pieces.push_front(piece.split_off(count));
        }
        Ok(count)
    }
}

impl Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Talk {
    fn message_bytes_max(&self) -> usize {
        LIMIT
    }

    fn holds(&mut self, bytes: usize) {
        self.most_held = self.most_held.max(bytes);
        if self.told.last().copied().unwrap_or(0) != bytes {
            self.told.push(bytes);
        }
    }
}

impl Talk {
    pub(super) fn new(pieces: Vec<Vec<u8>>) -> Talk {
        Talk {
            pieces: pieces.into(),
            silences: 0,
            most_held: 0,
            told: Vec::new(),
        }
    }
}

/// A stream of which everything has been read, the first silence behind it too, and what was said.
pub(super) fn heard(pieces: Vec<Vec<u8>>, agreed: Option<Agreed>) -> (Guarded<Talk>, Vec<Message>) {
    let mut stream = Guarded::new(Talk::new(pieces), Vec::new(), agreed);
    let mut protocol = protocol_for(&mut stream);
    let mut messages = Vec::new();
    while stream.inner().silences == 0 {
        match protocol.read(&mut stream) {
            Ok(message) => messages.push(message),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                if stream.inner().silences == 0 {
                    protocol = protocol_for(&mut stream);
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    (stream, messages)
}

fn text() -> String {
    (0..1000)
        .map(|number| format!("{number} sheep, "))
        .collect()
}

fn compressed(text: &str) -> Vec<u8> {
    let wrap = |payload: &[u8]| frame(0xc1, payload, [1, 2, 3, 4]);
    deflate(text.as_bytes(), Window::MOST, 6, wrap).expect("it shrinks")
}

pub(super) fn agreed(peer_refers_back: Option<Window>) -> Agreed {
    Agreed {
        window: Window::MOST,
        refers_back: false,
        peer_refers_back,
    }
}

/// Cause: a mutant that made it small at any other error than that of silence survived.
#[test]
fn who_falls_silent_has_a_small_buffer_again() {
    let large = frame(0x82, &vec![b'x'; LIMIT], [1, 2, 3, 4]);
    let (mut stream, messages) = heard(vec![large; 4], None);
    assert_eq!(messages.len(), 4);
    assert!(stream.wants_other_buffer());
    assert_eq!(stream.appetite.take(), READ_BUFFER_BYTES_LEAST);
}

/// Cause: mutants survived in which everybody who had once sent a compressed message kept what inflates.
#[test]
fn where_messages_do_not_refer_to_each_other_nothing_is_held_between_them() {
    let (stream, messages) = heard(vec![compressed(&text()); 3], Some(agreed(None)));
    assert_eq!(messages, vec![Message::text(text()); 3]);
    assert!(stream.inflating.is_none());
    let (stream, _) = heard(vec![compressed(&text())], Some(agreed(Some(Window::MOST))));
    assert!(stream.inflating.is_some(), "its window is kept");
}

/// Cause: a mutant that kept the room for one large message in the next one's place survived.
#[test]
fn what_a_large_message_came_in_is_given_back_behind_it() {
    let mut inflating = Inflating::new(agreed(Some(Window::MOST)));
    let bytes = compressed(&text());
    assert!(bytes.len() > 2 * READ_BUFFER_BYTES_LEAST);
    inflating.take(&bytes);
    let mut buffer = [0; 4096];
    while inflating.is_pending() {
        inflating.give(&mut buffer, LIMIT as u64).expect("a stream");
    }
    assert!(inflating.is_between_messages() && !inflating.holds_nothing());
    assert!(inflating.input_room() <= READ_BUFFER_BYTES_LEAST);
}

/// Cause: what came counted until a read ended where a message does, which those of a client that sends without a pause
/// need not for minutes: one was closed for 10 GiB of messages that had been handled, and meanwhile everybody who held
/// anything was read no further.
#[test]
fn who_sends_without_a_pause_holds_what_is_not_handled_and_no_more() {
    // Numbers in no order, which shrink by half at most.
    let noise = |bytes: u32| -> String {
        let number = |at: u32| at.wrapping_mul(2_654_435_761) ^ (at >> 3).wrapping_mul(40_503);
        (0..bytes / 8)
            .map(|at| format!("{:08x}", number(at)))
            .collect()
    };
    let (small, large) = (noise(1_000), noise(60_000));
    let plain = |text: &str| frame(0x81, text.as_bytes(), [1, 2, 3, 4]);
    for (one, count, agreed) in [
        (plain(&small), 5_000, None),
        (plain(&large), 60, None),
        (compressed(&large), 60, Some(agreed(None))),
        (compressed(&large), 60, Some(agreed(Some(Window::MOST)))),
        (plain(&large), 60, Some(agreed(None))),
    ] {
        // Reads end where the buffer does, or such a piece.
        let pieces = one.repeat(count);
        let pieces = pieces.chunks(50_001).map(<[u8]>::to_vec).collect();
        let (mut stream, messages) = heard(pieces, agreed);
        assert_eq!(messages.len(), count);
        let most = messages[0].len() + READ_BUFFER_BYTES_MOST;
        let Talk {
            most_held, told, ..
        } = stream.inner();
        assert!(*most_held <= most, "{most_held} bytes, {most} at most");
        assert!(matches!(told.last(), None | Some(0)), "all is handled");
    }
}
