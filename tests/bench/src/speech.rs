//! What clients say: a frame whose payload names who speaks and which message it is, so that every
//! answer can be checked and a loss or a double is seen.

use bench::wire::{self, MASK, TEXT};

/// Digits of speaker and number, eight each.
const STAMP_BYTES: usize = 16;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// All messages of a load: one size, one padding.
pub struct Speech {
    /// A whole masked frame without its stamp.
    frame: Vec<u8>,
    payload_at: usize,
    padding: Vec<u8>,
}

impl Speech {
    /// Messages of `bytes` bytes, at least as many as the stamp takes.
    pub fn new(bytes: usize) -> Speech {
        let padding: Vec<u8> = (STAMP_BYTES..bytes)
            .map(|index| b'a' + (index % 26) as u8)
            .collect();
        let payload = [vec![0; STAMP_BYTES], padding.clone()].concat();
        let mut frame = Vec::new();
        wire::append_masked(&mut frame, TEXT, &payload);
        let payload_at = frame.len() - payload.len();
        Speech {
            frame,
            payload_at,
            padding,
        }
    }

    /// Appends the frame of message `number` of `speaker`.
    pub fn append(&self, out: &mut Vec<u8>, speaker: u32, number: u32) {
        let start = out.len() + self.payload_at;
        out.extend_from_slice(&self.frame);
        let stamp = u64::from(speaker) << 32 | u64::from(number);
        for (index, byte) in out[start..start + STAMP_BYTES].iter_mut().enumerate() {
            let digit = stamp >> (60 - 4 * index) & 0xf;
            *byte = DIGITS[digit as usize] ^ MASK[index % 4];
        }
    }

    /// Speaker and number of a payload; none where it is none of these messages.
    pub fn read(&self, payload: &[u8]) -> Option<(u32, u32)> {
        let (stamp, padding) = payload.split_at_checked(STAMP_BYTES)?;
        if padding != self.padding {
            return None;
        }
        let mut value = 0_u64;
        for byte in stamp {
            value = value << 4 | u64::from((*byte as char).to_digit(16)?);
        }
        Some(((value >> 32) as u32, value as u32))
    }

    /// The same for what a room passes on: `Client 7: ` stands before it.
    pub fn read_line(&self, payload: &[u8]) -> Option<(u32, u32)> {
        let rest = payload.strip_prefix(b"Client ")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.read(rest[digits..].strip_prefix(b": ")?)
    }
}

#[cfg(test)]
mod tests {
    use super::Speech;
    use bench::wire::{Frame, mask};

    #[test]
    fn what_is_said_is_read_again() {
        for bytes in [16, 64, 262_144] {
            let speech = Speech::new(bytes);
            let mut out = vec![7];
            speech.append(&mut out, 12, u32::MAX);
            let frame = Frame::read(&out, 1).expect("whole").expect("complete");
            let payload = &mut out[frame.start..];
            mask(payload, frame.mask.expect("a client masks"));
            assert_eq!(speech.read(payload), Some((12, u32::MAX)));
            let line = [b"Client 31: ", &*payload].concat();
            assert_eq!(speech.read_line(&line), Some((12, u32::MAX)));
            payload[bytes - 1] ^= 1;
            assert_eq!(speech.read(payload), None);
        }
    }
}
