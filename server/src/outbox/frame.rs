//! Frames as a server sends them (RFC 6455 section 5.2): whole, unmasked.
//!
//! Pure functions on bytes. The frames of a client are tungstenite's business; this is the other
//! direction, which is written once and sent to many.

/// What a frame carries; the values are those of RFC 6455 section 11.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A text message.
    Text = 1,
    /// A binary message.
    Binary = 2,
    /// The start or the answer of the closing handshake.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
}

/// Bytes of the longest header that a server sends: two, and a length of eight.
pub const HEADER_BYTES_MAX: usize = 10;

const FINAL: u8 = 0x80;
/// Of a frame whose message is compressed (RFC 7692 section 6).
const COMPRESSED: u8 = 0x40;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// Appends one frame with the whole of `payload` to `out`.
pub fn append(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.reserve(payload.len() + HEADER_BYTES_MAX);
    append_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends the header of a frame whose payload of `length` bytes is to follow.
pub fn append_header(out: &mut Vec<u8>, opcode: Opcode, length: usize) {
    out.push(FINAL | opcode as u8);
    if let Ok(length) = u8::try_from(length)
        && length < LENGTH_16
    {
        out.push(length);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(LENGTH_16);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(LENGTH_64);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// One frame with the whole of `payload`.
pub fn encode(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, opcode, payload);
    out
}

/// One frame with the whole of `payload`, which is compressed.
pub fn encode_compressed(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + HEADER_BYTES_MAX);
    append(&mut out, opcode, payload);
    out[0] |= COMPRESSED;
    out
}

/// A Close frame with `code` and as much of `reason` as fits (RFC 6455 section 5.5.1).
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    let reason = &reason[..reason.floor_char_boundary(crate::limits::CLOSE_REASON_BYTES_MAX)];
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    encode(Opcode::Close, &payload)
}

/// What the one frame carries that `bytes` are, a message's.
pub fn opcode(bytes: &[u8]) -> Opcode {
    match bytes[0] & 0x0f {
        text if text == Opcode::Text as u8 => Opcode::Text,
        _ => Opcode::Binary,
    }
}

/// The payload of the one frame that `bytes` are.
pub fn payload(bytes: &[u8]) -> &[u8] {
    &bytes[header_bytes(bytes)..]
}

/// See [`payload`].
pub fn payload_mut(bytes: &mut [u8]) -> &mut [u8] {
    let header = header_bytes(bytes);
    &mut bytes[header..]
}

fn header_bytes(bytes: &[u8]) -> usize {
    match bytes[1] & 0x7f {
        LENGTH_16 => 4,
        LENGTH_64 => 10,
        _ => 2,
    }
}

/// Whether the frame that begins `bytes` is a Close frame.
pub fn is_close(bytes: &[u8]) -> bool {
    bytes
        .first()
        .is_some_and(|first| first & 0x0f == Opcode::Close as u8)
}

/// The first frame of a run of whole ones: what it carries, and what follows it. None at the end of the run.
pub fn split(run: &[u8]) -> Option<(Opcode, &[u8], &[u8])> {
    let opcode = match run.first()? & 0x0f {
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        _ => Opcode::Ping,
    };
    let (frame, rest) = run.split_at(length(run));
    Some((opcode, payload(frame), rest))
}

/// Bytes of the frame that begins `bytes`, header included. `bytes` holds its header.
pub(super) fn length(bytes: &[u8]) -> usize {
    match bytes[1] & 0x7f {
        LENGTH_16 => 4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
        LENGTH_64 => {
            let mut length = [0; 8];
            length.copy_from_slice(&bytes[2..10]);
            10 + u64::from_be_bytes(length) as usize
        }
        short => 2 + usize::from(short),
    }
}

#[cfg(test)]
mod tests {
    use super::{Opcode, close, encode, split};

    #[test]
    fn lengths_take_the_shortest_form() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(
                encode(Opcode::Binary, &vec![7; length]).len(),
                length + header
            );
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = close(1000, &"ü".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    /// Cause: a mutant survived in which a frame took ten times the memory of what is in it.
    #[test]
    fn a_frame_takes_the_memory_that_it_needs() {
        let frame = encode(Opcode::Binary, &vec![7; 1_000_000]);
        assert!(frame.capacity() < 1_100_000, "{}", frame.capacity());
    }

    /// Cause: a mutant survived that took a Close frame for a ping.
    #[test]
    fn a_run_is_split_into_what_it_was_made_of() {
        let opcodes = [Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping];
        let run: Vec<u8> = opcodes
            .iter()
            .flat_map(|&opcode| encode(opcode, b"it"))
            .collect();
        let mut rest = &run[..];
        for opcode in opcodes {
            let (found, payload, behind) = split(rest).expect("one more");
            assert_eq!((found, payload), (opcode, &b"it"[..]));
            rest = behind;
        }
        assert!(split(rest).is_none());
    }
}
