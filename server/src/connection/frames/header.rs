//! The header of a client's frame (RFC 6455 section 5.2), judged as far as its bytes have come.
//!
//! Pure functions on bytes. What is wrong in a byte is said at that byte, before the next one.

use std::borrow::Cow;

use crate::outbox::cause::PROTOCOL_ERROR;

/// Bytes of the longest header: two, a length of eight, a mask of four.
pub(super) const HEADER_BYTES_MAX: usize = 14;

/// Opcode of a frame that continues a message.
const CONTINUATION: u8 = 0;
/// Opcode of a Close frame.
const CLOSE: u8 = 8;
/// Set in the opcodes of control frames.
const CONTROL: u8 = 8;

pub(super) const FINAL: u8 = 0x80;
/// The bits that are for extensions.
const RESERVED: u8 = 0x70;
/// That of permessage-deflate.
const COMPRESSED: u8 = 0x40;
pub(super) const MASKED: u8 = 0x80;
pub(super) const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;
const MASK_BYTES: usize = 4;
/// First bytes of messages of one frame that is not compressed.
const FINAL_TEXT: u8 = FINAL | 1;
const FINAL_BINARY: u8 = FINAL | 2;

/// A rule of the protocol that the peer broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(in crate::connection) struct Violation {
    /// Close code for the peer.
    pub(in crate::connection) code: u16,
    /// What it did, for the peer, the plugin and the log.
    pub(in crate::connection) reason: Cow<'static, str>,
}

impl Violation {
    /// Against the protocol itself (1002).
    pub(super) fn protocol(reason: impl Into<Cow<'static, str>>) -> Violation {
        Violation {
            code: PROTOCOL_ERROR,
            reason: reason.into(),
        }
    }
}

/// A header whose length is known; its mask may still be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    first: u8,
    /// Bytes of payload that it announces.
    pub(super) length: u64,
    /// Bytes of the header itself, its mask included.
    pub(super) bytes: usize,
}

impl Header {
    /// Reads the header that begins `bytes`; none where its length has not arrived yet.
    ///
    /// `is_in_message` says whether a fragmented message is under way, `may_be_compressed` whether that was agreed.
    ///
    /// # Errors
    /// The rule that the bytes break, as soon as they do.
    pub(super) fn parse(
        bytes: &[u8],
        is_in_message: bool,
        may_be_compressed: bool,
    ) -> Result<Option<Header>, Violation> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        judge_first(first, is_in_message, may_be_compressed)?;
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        judge_second(first, second)?;
        let Some((length, length_bytes)) = length(second & !MASKED, &bytes[2..])? else {
            return Ok(None);
        };
        Ok(Some(Header {
            first,
            length,
            bytes: 2 + length_bytes + MASK_BYTES,
        }))
    }

    /// The header that begins `bytes`, which has been judged and is whole; its length need not have the shortest
    /// form.
    pub(super) fn of_passed(bytes: &[u8]) -> Header {
        let (length, length_bytes) = match bytes[1] & !MASKED {
            LENGTH_16 => (u16::from_be_bytes([bytes[2], bytes[3]]).into(), 2),
            LENGTH_64 => {
                let mut length = [0; 8];
                length.copy_from_slice(&bytes[2..10]);
                (u64::from_be_bytes(length), 8)
            }
            short => (short.into(), 0),
        };
        Header {
            first: bytes[0],
            length,
            bytes: 2 + length_bytes + MASK_BYTES,
        }
    }

    /// Whether no frame of its message follows.
    pub(super) fn is_final(self) -> bool {
        self.first & FINAL != 0
    }

    /// Whether it carries a part of a message.
    pub(super) fn is_data(self) -> bool {
        self.first & CONTROL == 0
    }

    /// Whether it goes on with a message.
    pub(super) fn is_continuation(self) -> bool {
        self.first & 0x0f == CONTINUATION
    }

    /// Whether it begins a compressed message.
    pub(super) fn is_compressed(self) -> bool {
        self.first & COMPRESSED != 0
    }

    /// The opcode.
    pub(super) fn opcode(self) -> u8 {
        self.first & 0x0f
    }

    /// Whether it is a Close frame.
    pub(super) fn is_close(self) -> bool {
        self.first & 0x0f == CLOSE
    }
}

/// Bytes of the frame that begins `bytes`, where it is a whole message of up to `most` bytes that breaks no rule between
/// two messages: text or binary in one frame, not compressed, all of it here. None for everything else, lawful or not.
#[inline(always)]
pub(super) fn plain_message(bytes: &[u8], most: u64) -> Option<usize> {
    let &[first, second, high, low, ..] = bytes else {
        return None;
    };
    let is_message = matches!(first, FINAL_TEXT | FINAL_BINARY);
    let (length, head): (usize, usize) = match second.wrapping_sub(MASKED) {
        short if short < LENGTH_16 => (short.into(), 2 + MASK_BYTES),
        LENGTH_16 if high != 0 || low >= LENGTH_16 => {
            (u16::from_be_bytes([high, low]).into(), 4 + MASK_BYTES)
        }
        _ => return None,
    };
    let is_whole = bytes.len() >= head + length;
    (is_message && is_whole && length as u64 <= most).then_some(head + length)
}

fn judge_first(first: u8, is_in_message: bool, may_be_compressed: bool) -> Result<(), Violation> {
    let opcode = first & 0x0f;
    let unknown = match may_be_compressed {
        true => RESERVED & !COMPRESSED,
        false => RESERVED,
    };
    let reason = match opcode {
        _ if first & unknown != 0 && may_be_compressed => {
            "reserved bit set that no extension has, which was negotiated"
        }
        _ if first & unknown != 0 => "reserved bit set, and no extension was negotiated",
        0x3..=0x7 | 0xb..=0xf => {
            return Err(Violation::protocol(format!("reserved opcode {opcode}")));
        }
        _ if opcode & CONTROL != 0 && first & FINAL == 0 => "fragmented control frame",
        // RFC 7692 section 6.1.
        _ if opcode & CONTROL != 0 && first & COMPRESSED != 0 => "compressed control frame",
        CONTINUATION if first & COMPRESSED != 0 => "compressed bit in a continuation",
        CONTINUATION if !is_in_message => "continuation of no message",
        0x1 | 0x2 if is_in_message => "new message before the end of the fragmented one",
        _ => return Ok(()),
    };
    Err(Violation::protocol(reason))
}

fn judge_second(first: u8, second: u8) -> Result<(), Violation> {
    let length = second & !MASKED;
    let reason = if second & MASKED == 0 {
        "unmasked frame"
    } else if first & CONTROL != 0 && length >= LENGTH_16 {
        "control frame of more than 125 bytes"
    } else if first & 0x0f == CLOSE && length == 1 {
        "close frame with half a code"
    } else {
        return Ok(());
    };
    Err(Violation::protocol(reason))
}

/// The length and how many bytes it takes behind the first two; none where they have not all come.
fn length(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    let (length, length_bytes, least) = match short {
        LENGTH_16 => match bytes.first_chunk() {
            Some(&length) => (u16::from_be_bytes(length).into(), 2, LENGTH_16.into()),
            None => return Ok(None),
        },
        LENGTH_64 if bytes.first().is_some_and(|first| first & 0x80 != 0) => {
            return Err(Violation::protocol("negative length"));
        }
        LENGTH_64 => match bytes.first_chunk() {
            Some(&length) => (u64::from_be_bytes(length), 8, u64::from(u16::MAX) + 1),
            None => return Ok(None),
        },
        short => (short.into(), 0, 0),
    };
    if length < least {
        let reason = format!("length of {length} not in its shortest form");
        return Err(Violation::protocol(reason));
    }
    Ok(Some((length, length_bytes)))
}

#[cfg(test)]
mod tests {
    use super::Header;

    /// What `first` breaks where a message is under way or not, and compression was agreed or not; none where nothing.
    fn broken(first: u8, is_in_message: bool, may_be_compressed: bool) -> Option<String> {
        let judged = Header::parse(&[first], is_in_message, may_be_compressed);
        judged.err().map(|violation| violation.reason.into_owned())
    }

    /// Cause: mutants survived that let a continuation pass as compressed, or gave another rule's words.
    #[test]
    fn a_bit_of_an_extension_is_refused_where_that_does_not_allow_it() {
        let not_agreed = "reserved bit set, and no extension was negotiated";
        let unknown = "reserved bit set that no extension has, which was negotiated";
        for (first, is_in_message, agreed, reason) in [
            (0xc1, false, false, Some(not_agreed)),
            (0xa1, false, false, Some(not_agreed)),
            (0xc1, false, true, None),
            (0xa1, false, true, Some(unknown)),
            (0xd1, false, true, Some(unknown)),
            (0xc0, true, true, Some("compressed bit in a continuation")),
            (0x40, true, true, Some("compressed bit in a continuation")),
            (0x80, true, true, None),
            (0xc9, false, true, Some("compressed control frame")),
            (0x89, true, true, None),
        ] {
            assert_eq!(
                broken(first, is_in_message, agreed).as_deref(),
                reason,
                "{first:#x}, {is_in_message}, {agreed}"
            );
        }
    }
}
