//! What stands behind the guard where compression was agreed: compressed messages become plain ones.
//!
//! It is given what the guard lets through, which are whole headers and the parts of payload that have come, and
//! gives tungstenite the same with each compressed message inflated, as masked fragments of a buffer's size at most.
//! What a message inflates to counts for its limit as it comes. Used by one connection thread.

use super::header::{FINAL, Header, LENGTH_16, MASKED, Violation};
use crate::compression::{Agreed, BadStream, Inflater, Step, Window};
use crate::counters::COUNTERS;
use crate::limits::READ_BUFFER_BYTES_LEAST;
use crate::outbox::cause::{INVALID_DATA, TOO_BIG};

/// Bytes of the header of each fragment, whose mask is zero.
const HEADER_BYTES: usize = 8;

/// The messages of one client, inflated.
#[derive(Default)]
pub(super) struct Inflating {
    /// Where messages refer to those before.
    window: Option<Window>,
    /// While a message is under way, or for as long as the client is there where its messages refer to each other.
    inflater: Option<Inflater>,
    /// What has come and is not given out, from `at` on.
    input: Vec<u8>,
    at: usize,
    next: Next,
    message: Option<Compressed>,
    /// A message has begun since this was asked for last.
    has_begun: bool,
    violation: Option<Violation>,
}

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug, Default)]
enum Next {
    /// A header.
    #[default]
    Header,
    /// So many bytes that stay as they are; they may be under way.
    Plain(usize),
    /// So many bytes of a compressed message, unmasked already.
    Payload(usize),
}

/// A compressed message that is under way.
#[derive(Debug)]
struct Compressed {
    /// That of the next fragment.
    opcode: u8,
    /// Its last frame has come.
    is_last: bool,
    bytes: u64,
    compressed: usize,
}

impl Inflating {
    pub(super) fn new(agreed: Agreed) -> Inflating {
        Inflating {
            window: agreed.peer_refers_back,
            ..Inflating::default()
        }
    }

    /// Takes what the guard has let through.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.input.drain(..std::mem::take(&mut self.at));
        self.input.extend_from_slice(bytes);
    }

    /// Whether it has something to give out, or may have.
    pub(super) fn is_pending(&self) -> bool {
        let is_last = self.message.as_ref().is_some_and(|message| message.is_last);
        self.violation.is_some() || self.at < self.input.len() || is_last
    }

    /// Whether nothing is under way.
    pub(super) fn is_between_messages(&self) -> bool {
        !self.is_pending() && self.message.is_none() && matches!(self.next, Next::Header)
    }

    /// Whether a message has begun in what was given out since this was asked last.
    pub(super) fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.has_begun)
    }

    /// Whether nothing is under way and no window is kept: then another one may go on in its place.
    pub(super) fn holds_nothing(&self) -> bool {
        self.inflater.is_none() && self.is_between_messages()
    }

    /// Gives memory back that a silent client does not need.
    pub(super) fn rest(&mut self) {
        if self.at == self.input.len() {
            (self.input, self.at) = (Vec::new(), 0);
        }
    }

    /// Bytes that what comes has room for.
    #[cfg(test)]
    pub(super) fn input_room(&self) -> usize {
        self.input.capacity()
    }

    /// Puts what comes next into `buffer`, which is not empty: as much as there is, or has room. A message may have `most`
    /// bytes.
    ///
    /// # Errors
    /// What a message of the client has broken, behind everything that came before it.
    pub(super) fn give(&mut self, buffer: &mut [u8], most: u64) -> Result<usize, Violation> {
        if let Some(violation) = self.violation.take() {
            return Err(violation);
        }
        let mut given = 0;
        while given < buffer.len() {
            match self.step(&mut buffer[given..], most) {
                Ok(Some(count)) => given += count,
                Ok(None) => break,
                Err(violation) if given == 0 => return Err(violation),
                Err(violation) => {
                    self.violation = Some(violation);
                    break;
                }
            }
        }
        Ok(given)
    }

    /// How many bytes it has given out; none where there is no room for what comes next, or nothing has come of it.
    fn step(&mut self, buffer: &mut [u8], most: u64) -> Result<Option<usize>, Violation> {
        match self.next {
            Next::Header if self.at == self.input.len() => Ok(None),
            Next::Header => {
                self.begin();
                Ok(Some(0))
            }
            Next::Plain(left) => {
                let input = &self.input[self.at..];
                let count = left.min(input.len()).min(buffer.len());
                if count == 0 {
                    return Ok(None);
                }
                buffer[..count].copy_from_slice(&input[..count]);
                self.at += count;
                self.next = match left - count {
                    0 => Next::Header,
                    left => Next::Plain(left),
                };
                Ok(Some(count))
            }
            Next::Payload(left) => self.inflate(left, buffer, most),
        }
    }

    /// The guard has let a header through.
    fn begin(&mut self) {
        let input = &mut self.input[self.at..];
        let header = Header::of_passed(input);
        let length = header.length as usize;
        self.has_begun |= header.is_data() && !header.is_continuation();
        if !header.is_data() || !(header.is_compressed() || self.message.is_some()) {
            self.next = Next::Plain(header.bytes + length);
            return;
        }
        let (head, payload) = input.split_at_mut(header.bytes);
        let mask = &head[header.bytes - 4..];
        for (byte, mask) in payload[..length].iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        self.at += header.bytes;
        let message = self.message.get_or_insert_with(|| Compressed {
            opcode: header.opcode(),
            is_last: false,
            bytes: 0,
            compressed: 0,
        });
        message.is_last = header.is_final();
        message.compressed += length;
        self.next = Next::Payload(length);
    }

    /// A fragment of what `left` bytes of payload become, as [`Inflating::step`].
    fn inflate(
        &mut self,
        left: usize,
        buffer: &mut [u8],
        most: u64,
    ) -> Result<Option<usize>, Violation> {
        let Some(message) = &mut self.message else {
            return Ok(None);
        };
        let Some(room) = buffer
            .len()
            .checked_sub(HEADER_BYTES)
            .filter(|&room| room > 0)
        else {
            return Ok(None);
        };
        // One more byte than there may be, so that it is seen.
        let allowed = most.saturating_sub(message.bytes).saturating_add(1);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let room = room.min(u16::MAX.into()).min(allowed);
        let window = self.window;
        let inflater = self
            .inflater
            .get_or_insert_with(|| window.map_or_else(Inflater::lend, Inflater::new));
        let output = &mut buffer[HEADER_BYTES..][..room];
        let Step { used, written } = inflater
            .step(&self.input[self.at..][..left], output)
            .map_err(damaged)?;
        self.at += used;
        message.bytes += written as u64;
        if message.bytes > most {
            return Err(too_big(most));
        }
        // Where there was room for more, all of it has been used.
        let is_through = written < room;
        self.next = match left - used {
            0 if is_through || !message.is_last => Next::Header,
            left => Next::Payload(left),
        };
        let is_end = is_through && message.is_last && left == used;
        if is_end {
            inflater.end().map_err(damaged)?;
        } else if written == 0 {
            return Ok(Some(0));
        }
        let first = message.opcode | if is_end { FINAL } else { 0 };
        message.opcode = 0;
        buffer[0] = first;
        buffer[1] = MASKED | LENGTH_16;
        buffer[2..4].copy_from_slice(&(written as u16).to_be_bytes());
        buffer[4..8].fill(0);
        if is_end {
            self.end();
        }
        Ok(Some(HEADER_BYTES + written))
    }

    /// The message is whole.
    fn end(&mut self) {
        if let Some(message) = self.message.take() {
            let received = &COUNTERS.compression.received;
            received.add(message.bytes as usize, message.compressed);
        }
        if self.window.is_none()
            && let Some(inflater) = self.inflater.take()
        {
            inflater.give_back();
        }
        if self.at == self.input.len() && self.input.capacity() > READ_BUFFER_BYTES_LEAST {
            self.rest();
        }
    }
}

fn damaged(error: BadStream) -> Violation {
    Violation {
        code: INVALID_DATA,
        reason: error.to_string().into(),
    }
}

fn too_big(most: u64) -> Violation {
    Violation {
        code: TOO_BIG,
        reason: format!("compressed message of more bytes than the limit of {most}").into(),
    }
}
