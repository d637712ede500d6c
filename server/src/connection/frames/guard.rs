//! The state machine that sees a client's bytes before tungstenite does.
//!
//! It reads headers, in place, and nothing else but the code in a Close frame: no input, no output,
//! no allocation. What it lets through are whole headers of lawful frames, and only so much
//! announced payload as has come: a frame of which only a part is here goes on as a fragment of
//! that part, and the rest as further fragments when it comes. So tungstenite reserves no memory for
//! what was only announced, and validates text as its bytes arrive instead of when a frame is whole.
//! A client that sends much may have messages of up to [`WHOLE_FRAME_BYTES_MAX`] go on as they are: tungstenite copies
//! none of it then, and what it reserves counts as if it had come.

use super::header::{FINAL, HEADER_BYTES_MAX, Header, LENGTH_16, MASKED, Violation, plain_message};
use crate::limits::{
    COMPRESSED_SLACK_BYTES, COMPRESSED_SLACK_DIVISOR, FRAGMENTS_MAX, READ_BUFFER_BYTES_MOST,
    WHOLE_FRAME_BYTES_MAX,
};
use crate::outbox::cause::{TOO_BIG, may_be_sent};

/// Bytes of the header that is put before a later part of a frame.
const PART_HEADER_BYTES: usize = 8;
/// The code that IANA has registered and tungstenite does not know: it would answer it with 1002.
const BAD_GATEWAY: u16 = 1014;
/// What tungstenite is given in its place.
const STAND_IN: u16 = 1013;

const _: () = assert!(READ_BUFFER_BYTES_MOST <= u16::MAX as usize);
const _: () = assert!(PART_HEADER_BYTES < HEADER_BYTES_MAX);

/// What one connection has sent so far, as far as it counts for the bytes to come.
#[derive(Debug, Default)]
pub(super) struct FrameGuard {
    /// The start of a header whose other bytes have not come.
    held: [u8; HEADER_BYTES_MAX],
    held_bytes: usize,
    /// Of the frame whose payload is under way.
    current: Option<Current>,
    /// A message has begun and its last fragment's header has not come.
    is_in_message: bool,
    /// A message may go on as one frame that is under way.
    may_be_whole: bool,
    /// Messages may be compressed.
    may_be_compressed: bool,
    /// The message that is under way is.
    is_compressed: bool,
    /// A message has begun that did not come at once, since this was asked for last.
    has_begun: bool,
    /// Bytes that the fragments of the message have announced.
    message_bytes: u64,
    fragments: u32,
    /// The peer's Close frame has [`BAD_GATEWAY`], and tungstenite sees [`STAND_IN`].
    has_stand_in: bool,
    has_ended: bool,
    violation: Option<Violation>,
}

/// A frame of which the header has been let through.
#[derive(Clone, Copy, Debug)]
struct Current {
    header: Header,
    /// Bytes of payload that have not come.
    remaining: u64,
    /// As it applies to the next byte of payload.
    mask: [u8; 4],
    /// Its header has gone on as it came.
    is_whole: bool,
}

impl Current {
    /// Whether what comes of it goes on as fragments of their own.
    fn is_in_parts(&self) -> bool {
        self.header.is_data() && !self.is_whole
    }
}

impl FrameGuard {
    /// From the next byte on messages may be compressed: what is let through of them is compressed still, with the bit
    /// that says so.
    pub(super) fn allow_compressed(&mut self) {
        self.may_be_compressed = true;
    }

    /// Whether from the next frame on a message may go on as it is announced. Not for what may be compressed.
    pub(super) fn set_may_be_whole(&mut self, may_be_whole: bool) {
        self.may_be_whole = may_be_whole && !self.may_be_compressed;
    }

    /// Bytes that have not come of a frame that was let through as it is announced.
    pub(super) fn bytes_to_come(&self) -> usize {
        let whole = self.current.filter(|current| current.is_whole);
        whole.map_or(0, |current| current.remaining as usize)
    }

    /// The rule that was broken; nothing is let through any more.
    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Whether all that was let through is whole messages and control frames.
    pub(super) fn is_between_messages(&self) -> bool {
        self.current.is_none() && !self.is_in_message
    }

    /// Whether a message has begun since this was asked last; not told of each that came at once.
    pub(super) fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.has_begun)
    }

    /// Whether the peer's Close frame has been let through, after which nothing counts.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The code that the peer has sent, where tungstenite tells of `code`.
    pub(super) fn peer_code(&self, code: u16) -> u16 {
        if self.has_stand_in && code == STAND_IN {
            BAD_GATEWAY
        } else {
            code
        }
    }

    /// Puts what must stand before the next bytes of the socket into `buffer`, which is longer than
    /// that ([`HEADER_BYTES_MAX`] is enough); gives how many bytes that takes.
    pub(super) fn prepare(&self, buffer: &mut [u8]) -> usize {
        if self.current.is_some_and(|current| current.is_in_parts()) {
            return PART_HEADER_BYTES;
        }
        buffer[..self.held_bytes].copy_from_slice(&self.held[..self.held_bytes]);
        self.held_bytes
    }

    /// Judges `bytes`: what [`FrameGuard::prepare`] took, and behind it what has come. Gives how many
    /// of them go on to tungstenite; the others are held, or dropped because of a violation or
    /// because they lie behind a Close frame. A message may have `message_bytes_max`.
    pub(super) fn pass(&mut self, bytes: &mut [u8], message_bytes_max: u64) -> usize {
        self.held_bytes = 0;
        let mut passed = match self.current {
            Some(current) => self.go_on(current, bytes),
            None => 0,
        };
        while passed < bytes.len() && !self.has_ended {
            // Most of what comes is this, of which nothing has to be remembered.
            if !self.is_in_message
                && let Some(count) = plain_message(&bytes[passed..], message_bytes_max)
            {
                passed += count;
                continue;
            }
            match self.begin(&mut bytes[passed..], message_bytes_max) {
                Ok(Some(count)) => passed += count,
                Ok(None) => {
                    let held = &bytes[passed..];
                    self.held[..held.len()].copy_from_slice(held);
                    self.held_bytes = held.len();
                    break;
                }
                Err(violation) => {
                    self.violation = Some(violation);
                    break;
                }
            }
        }
        passed
    }

    /// More of the payload that is under way.
    fn go_on(&mut self, current: Current, bytes: &mut [u8]) -> usize {
        let header = current.header;
        let start = if current.is_in_parts() {
            PART_HEADER_BYTES
        } else {
            0
        };
        let arrived = arrived(current.remaining, bytes.len() - start);
        let remaining = current.remaining - arrived as u64;
        if current.is_in_parts() {
            let is_last = remaining == 0 && header.is_final();
            bytes[0] = if is_last { FINAL } else { 0 };
            bytes[1] = MASKED | LENGTH_16;
            bytes[2..4].copy_from_slice(&(arrived as u16).to_be_bytes());
            bytes[4..8].copy_from_slice(&current.mask);
        }
        self.expect(
            Current {
                remaining,
                ..current
            },
            arrived,
        );
        start + arrived
    }

    /// A frame from its first byte. Gives how many bytes of it go on, none where its header is not
    /// complete.
    fn begin(
        &mut self,
        bytes: &mut [u8],
        message_bytes_max: u64,
    ) -> Result<Option<usize>, Violation> {
        let Some(header) = Header::parse(bytes, self.is_in_message, self.may_be_compressed)? else {
            return Ok(None);
        };
        let (message_bytes, fragments) = self.judge_size(header, message_bytes_max)?;
        let has_code = header.is_close() && header.length > 0;
        if bytes.len() < header.bytes + if has_code { 2 } else { 0 } {
            return Ok(None);
        }
        let (head, payload) = bytes.split_at_mut(header.bytes);
        let mut mask = [0; 4];
        mask.copy_from_slice(&head[header.bytes - 4..]);
        if has_code {
            let code = u16::from_be_bytes([payload[0] ^ mask[0], payload[1] ^ mask[1]]);
            judge_code(code)?;
            if code == BAD_GATEWAY {
                let [high, low] = STAND_IN.to_be_bytes();
                (payload[0], payload[1]) = (high ^ mask[0], low ^ mask[1]);
                self.has_stand_in = true;
            }
        }
        let arrived = arrived(header.length, payload.len());
        let remaining = header.length - arrived as u64;
        let mut is_whole = false;
        if header.is_data() {
            (self.message_bytes, self.fragments) = (message_bytes, fragments);
            self.has_begun |= !header.is_continuation();
            is_whole = self.may_be_whole
                && header.length <= WHOLE_FRAME_BYTES_MAX as u64
                && header.is_final()
                && !header.is_continuation();
            self.is_in_message = !header.is_final();
            if self.may_be_compressed {
                self.is_compressed = self.is_compressed_with(header);
            }
            if remaining > 0 && !is_whole {
                shorten(head, arrived);
            }
        }
        self.expect(
            Current {
                header,
                remaining,
                mask,
                is_whole,
            },
            arrived,
        );
        Ok(Some(header.bytes + arrived))
    }

    /// Notes what is to come of a frame after `arrived` bytes more of its payload.
    fn expect(&mut self, mut frame: Current, arrived: usize) {
        frame.mask.rotate_left(arrived % 4);
        self.current = (frame.remaining > 0).then_some(frame);
        self.has_ended = frame.header.is_close() && frame.remaining == 0;
    }

    /// Bytes that a message may announce which may have `most` bytes.
    #[cold]
    fn most_announced(&self, header: Header, most: u64) -> u64 {
        let slack = match self.is_compressed_with(header) {
            true => most / COMPRESSED_SLACK_DIVISOR + COMPRESSED_SLACK_BYTES,
            false => 0,
        };
        most.saturating_add(slack)
    }

    /// Whether the message is compressed that this frame is of.
    fn is_compressed_with(&self, header: Header) -> bool {
        header.is_compressed() || (header.is_continuation() && self.is_compressed)
    }

    /// Bytes and fragments of the message with this frame. One that is compressed counts when it is inflated; here it
    /// only must not be longer than any that could become as much.
    fn judge_size(&self, header: Header, most: u64) -> Result<(u64, u32), Violation> {
        if !header.is_data() {
            return Ok((0, 0));
        }
        let (mut bytes, mut fragments) = (header.length, 1);
        if header.is_continuation() {
            bytes = bytes.saturating_add(self.message_bytes);
            fragments += self.fragments;
        }
        let reason = if bytes > most && bytes > self.most_announced(header, most) {
            format!("message of {bytes} bytes is over the limit of {most}")
        } else if fragments > FRAGMENTS_MAX {
            format!("message of more than {FRAGMENTS_MAX} fragments")
        } else {
            return Ok((bytes, fragments));
        };
        Err(Violation {
            code: TOO_BIG,
            reason: reason.into(),
        })
    }
}

/// How many of `remaining` bytes are among `available`.
fn arrived(remaining: u64, available: usize) -> usize {
    usize::try_from(remaining).map_or(available, |remaining| remaining.min(available))
}

/// Makes a data frame's header that of a fragment with `length` bytes, fewer than it announced. It
/// stays as long as it is: tungstenite does not ask for the shortest form.
fn shorten(head: &mut [u8], length: usize) {
    head[0] &= !FINAL;
    match head.len() {
        6 => head[1] = MASKED | length as u8,
        8 => head[2..4].copy_from_slice(&(length as u16).to_be_bytes()),
        _ => head[2..10].copy_from_slice(&(length as u64).to_be_bytes()),
    }
}

fn judge_code(code: u16) -> Result<(), Violation> {
    if may_be_sent(code.into()) {
        return Ok(());
    }
    let reason = format!("close code {code} may not be sent");
    Err(Violation::protocol(reason))
}

#[cfg(test)]
mod tests {
    use super::{FRAGMENTS_MAX, FrameGuard, TOO_BIG};

    /// Cause: mutants of the count survived all tests but one, which sends as many as there may be.
    #[test]
    fn the_last_fragment_that_may_be_is_let_through_and_none_behind_it() {
        let mut guard = FrameGuard {
            is_in_message: true,
            fragments: FRAGMENTS_MAX - 1,
            ..FrameGuard::default()
        };
        let fragment = [0x00, 0x80, 1, 2, 3, 4];
        let mut pass = |mut bytes: [u8; 6]| guard.pass(&mut bytes, 0);
        assert_eq!((pass(fragment), pass(fragment)), (6, 0));
        let violation = guard.violation().expect("it was one too many");
        assert_eq!(violation.code, TOO_BIG);
    }
}
