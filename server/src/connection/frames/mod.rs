//! The thin layer between a client's socket and tungstenite: frames are judged as their bytes come.
//!
//! tungstenite judges a frame when it is whole, reserves what it announces, and counts no
//! fragments. Here stands what it would see too late or not at all (RFC 6455 sections 5 and 7.4);
//! what it sees in time, which is UTF-8 once [`guard`] gives it text in the parts that come, stays
//! with it. Used by one connection thread.

mod appetite;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod guard;
mod header;
mod inflating;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use crate::compression::Agreed;
use crate::limits::RECEIVED_GRAIN_BYTES;
use crate::outbox::frame;
use appetite::Appetite;
use guard::FrameGuard;
pub(super) use header::Violation;
use inflating::Inflating;

/// Where a client's bytes come from.
pub(super) trait Source: Read {
    /// Bytes that a message may have now.
    fn message_bytes_max(&self) -> usize;

    /// So many bytes of messages are held that are not handled yet.
    fn holds(&mut self, bytes: usize);
}

/// A stream of which tungstenite reads only lawful frames.
pub(super) struct Guarded<S> {
    stream: S,
    /// What came behind the request head, until it has been read.
    early: Vec<u8>,
    guard: FrameGuard,
    appetite: Appetite,
    /// Bytes that tungstenite has of messages that are not handled yet, where these took more than one read.
    under_way: usize,
    /// Where messages may be compressed.
    agreed: Option<Agreed>,
    /// Then too, while something is under way or a window is kept: who is silent holds nothing.
    inflating: Option<Box<Inflating>>,
}

impl<S> Guarded<S> {
    /// Reads `early` and then `stream`; what was `agreed` about compression holds for both.
    pub(super) fn new(stream: S, early: Vec<u8>, agreed: Option<Agreed>) -> Guarded<S> {
        let mut guard = FrameGuard::default();
        if agreed.is_some() {
            guard.allow_compressed();
        }
        Guarded {
            stream,
            early,
            guard,
            agreed,
            inflating: None,
            appetite: Appetite::default(),
            under_way: 0,
        }
    }

    /// Whether a buffer of another size is due, and nothing is under way that the old one holds.
    pub(super) fn wants_other_buffer(&self) -> bool {
        self.appetite.has_changed() && self.is_between_messages()
    }

    /// Whether all that was read is whole messages and control frames.
    fn is_between_messages(&self) -> bool {
        let inflating = self.inflating.as_ref();
        self.guard.is_between_messages() && inflating.is_none_or(|of| of.is_between_messages())
    }

    /// The code of the peer's Close frame, of which tungstenite has told `code`.
    pub(super) fn peer_code(&self, code: u16) -> u16 {
        self.guard.peer_code(code)
    }

    /// The stream that is guarded; reading from it would go past the guard.
    pub(super) fn inner(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Source> Guarded<S> {
    /// What came was handled.
    #[cold]
    fn has_handled(&mut self) {
        if self.under_way >= RECEIVED_GRAIN_BYTES {
            self.stream.holds(0);
        }
        self.under_way = 0;
    }

    /// These bytes go on to tungstenite, which keeps them where they are not all of their message.
    #[inline(always)]
    fn note_given(&mut self, bytes: usize) {
        if self.under_way > 0 || !self.is_between_messages() {
            self.note_under_way(bytes);
        }
    }

    fn note_under_way(&mut self, bytes: usize) {
        let with_before = self.under_way + bytes;
        // Where another message has begun in these, tungstenite gives out what came before it and then reads on: who sends
        // without a pause need not end a read where a message ends.
        let has_begun = match &mut self.inflating {
            Some(inflating) => inflating.take_begun(),
            None => self.guard.take_begun(),
        };
        self.under_way = if has_begun { bytes } else { with_before };
        let to_come = self.guard.bytes_to_come();
        if to_come > 0 {
            self.appetite.has_grown_to(self.under_way + to_come);
        }
        let grains = (self.under_way + to_come) / RECEIVED_GRAIN_BYTES;
        let was_told = has_begun && with_before >= RECEIVED_GRAIN_BYTES;
        if grains > 0 || was_told {
            self.stream.holds(grains * RECEIVED_GRAIN_BYTES);
        }
    }

    /// What has come before and was inflated since, where messages may be compressed.
    fn give(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(inflating) = self.inflating.as_mut().filter(|of| of.is_pending()) else {
            return Ok(0);
        };
        let most = self.stream.message_bytes_max() as u64;
        let given = inflating.give(buffer, most);
        if inflating.holds_nothing() {
            self.inflating = None;
        }
        let given = given.map_err(|violation| io::Error::new(ErrorKind::InvalidData, violation))?;
        if given > 0 {
            self.appetite.note(given, buffer.len());
            self.note_given(given);
        }
        Ok(given)
    }

    /// Takes what the guard has let through, where so much was agreed.
    fn inflate(&mut self, passed: &[u8], agreed: Agreed) {
        if !passed.is_empty() {
            let new = || Box::new(Inflating::new(agreed));
            self.inflating.get_or_insert_with(new).take(passed);
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return self.stream.read(buffer);
        }
        let count = buffer.len().min(self.early.len());
        buffer[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        if self.early.is_empty() {
            self.early = Vec::new();
        }
        Ok(count)
    }
}

impl<S: Source> Read for Guarded<S> {
    /// Blocks as `stream` does, and again where all that came is the start of a header.
    ///
    /// # Errors
    /// Those of `stream`; `WouldBlock`, between two messages and when all that was read before has
    /// been used, where another buffer is due (see [`protocol_for`]); and a [`Violation`] after
    /// everything that came before it has been read.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.under_way > 0 && self.is_between_messages() {
            // tungstenite has given out all of them before it reads on.
            self.has_handled();
        }
        loop {
            let given = self.give(buffer)?;
            if given > 0 {
                return Ok(given);
            }
            if let Some(violation) = self.guard.violation() {
                return Err(io::Error::new(ErrorKind::InvalidData, violation.clone()));
            }
            if self.guard.has_ended() {
                return Ok(0);
            }
            if self.wants_other_buffer() {
                return Err(ErrorKind::WouldBlock.into());
            }
            // tungstenite has room for a header whenever it waits for one; it has less only within
            // a control frame, and then nothing is put before what comes.
            let start = self.guard.prepare(buffer);
            let count = match self.receive(&mut buffer[start..]) {
                Ok(0) => return Ok(0),
                Ok(count) => count,
                Err(error) => {
                    if error.kind() == ErrorKind::WouldBlock {
                        self.appetite.rest();
                        if let Some(inflating) = &mut self.inflating {
                            inflating.rest();
                        }
                    }
                    return Err(error);
                }
            };
            self.appetite.note(start + count, buffer.len());
            let most = self.stream.message_bytes_max() as u64;
            let passed = self.guard.pass(&mut buffer[..start + count], most);
            if let Some(agreed) = self.agreed {
                self.inflate(&buffer[..passed], agreed);
                continue;
            }
            if passed > 0 {
                self.note_given(passed);
                return Ok(passed);
            }
        }
    }
}

impl<S: Write> Write for Guarded<S> {
    /// Takes one whole frame of tungstenite's, as `stream` does; the answer to a Close frame has the
    /// code that the peer has sent (RFC 6455 section 5.5.1).
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(&[high, low]) = bytes.get(2..4).filter(|_| frame::is_close(bytes)) else {
            return self.stream.write(bytes);
        };
        let mut answer = bytes.to_vec();
        let code = self.peer_code(u16::from_be_bytes([high, low]));
        answer[2..4].copy_from_slice(&code.to_be_bytes());
        self.stream.write(&answer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// tungstenite's state for a stream, with a buffer for what the client sends now.
pub(super) fn protocol_for<S>(stream: &mut Guarded<S>) -> WebSocketContext {
    // How large a message may be is the guard's to say, since a reload may change it.
    let buffer_bytes = stream.appetite.take();
    let is_largest = stream.appetite.is_largest();
    stream.guard.set_may_be_whole(is_largest);
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer_bytes)
        .write_buffer_size(0)
        .max_message_size(None)
        .max_frame_size(None);
    WebSocketContext::new(Role::Server, Some(config))
}

/// The rule that the peer broke, where that is why a read failed.
pub(super) fn violation(error: &io::Error) -> Option<&Violation> {
    error.get_ref()?.downcast_ref()
}
