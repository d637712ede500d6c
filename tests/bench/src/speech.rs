//! What clients say: a frame whose payload names who speaks and which message it is, so that every
//! answer can be checked and a loss or a double is seen.

use std::cell::RefCell;

use bench::wire::{self, COMPRESSED, MASK, TEXT};
use flate2::{Compress, Compression, FlushCompress};

/// Digits of speaker and number, eight each.
const STAMP_BYTES: usize = 16;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// All messages of a load: one size, one padding.
pub struct Speech {
    /// A whole masked frame without its stamp.
    frame: Vec<u8>,
    payload_at: usize,
    padding: Vec<u8>,
    /// Stand in turn in the place of the padding, where there are some.
    lines: Vec<&'static [u8]>,
    /// Of who compresses what it says, each message by itself.
    compress: Option<RefCell<Compress>>,
}

/// About a KiB of JSON each, all different.
const LINES: &str = include_str!("../lines.jsonl");

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
            lines: Vec::new(),
            compress: None,
        }
    }

    /// Messages of a KiB of JSON, which differ.
    pub fn of_lines() -> Speech {
        Speech {
            lines: LINES.lines().map(str::as_bytes).collect(),
            ..Speech::new(STAMP_BYTES)
        }
    }

    /// The same messages, compressed.
    pub fn compressed(self) -> Speech {
        let compress = Compress::new(Compression::default(), false);
        Speech {
            compress: Some(RefCell::new(compress)),
            ..self
        }
    }

    fn line(&self, number: u32) -> &[u8] {
        match self.lines.len() {
            0 => &self.padding,
            count => self.lines[number as usize % count],
        }
    }

    /// The frame of message `number` of `speaker`, made anew.
    fn append_other(&self, out: &mut Vec<u8>, speaker: u32, number: u32) {
        let stamp = format!("{speaker:08x}{number:08x}");
        let payload = [stamp.as_bytes(), self.line(number)].concat();
        let Some(compress) = &self.compress else {
            return wire::append_masked(out, TEXT, &payload);
        };
        let mut compress = compress.borrow_mut();
        compress.reset();
        let mut small = Vec::with_capacity(payload.len() + 64);
        let done = compress.compress_vec(&payload, &mut small, FlushCompress::Sync);
        assert!(
            done.is_ok() && small.ends_with(&[0, 0, 0xff, 0xff]),
            "there is room"
        );
        wire::append_masked(out, COMPRESSED | TEXT, &small[..small.len() - 4]);
    }

    /// Appends the frame of message `number` of `speaker`.
    pub fn append(&self, out: &mut Vec<u8>, speaker: u32, number: u32) {
        if self.compress.is_some() || !self.lines.is_empty() {
            return self.append_other(out, speaker, number);
        }
        let start = out.len() + self.payload_at;
        out.extend_from_slice(&self.frame);
        let stamp = u64::from(speaker) << 32 | u64::from(number);
        for (index, byte) in out[start..start + STAMP_BYTES].iter_mut().enumerate() {
            let digit = stamp >> (60 - 4 * index) & 0xf;
            *byte = DIGITS[digit as usize] ^ MASK[index % 4];
        }
    }

    /// Appends message `number` of `speaker` as it is, without a frame: the body of a request.
    pub fn append_plain(&self, out: &mut Vec<u8>, speaker: u32, number: u32) {
        let stamp = u64::from(speaker) << 32 | u64::from(number);
        out.extend(
            (0..STAMP_BYTES).map(|index| DIGITS[(stamp >> (60 - 4 * index) & 0xf) as usize]),
        );
        out.extend_from_slice(&self.padding);
    }

    /// Speaker and number of a payload; none where it is none of these messages.
    pub fn read(&self, payload: &[u8]) -> Option<(u32, u32)> {
        let (stamp, rest) = payload.split_at_checked(STAMP_BYTES)?;
        let (speaker, number) = stamp.split_first_chunk()?;
        let (speaker, number) = (digits(*speaker)?, digits(*number.first_chunk()?)?);
        (rest == self.line(number)).then_some((speaker, number))
    }

    /// The same for what a room passes on: `Client 7: ` stands before it.
    pub fn read_line(&self, payload: &[u8]) -> Option<(u32, u32)> {
        let rest = payload.strip_prefix(b"Client ")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.read(rest[digits..].strip_prefix(b": ")?)
    }
}

/// The number that eight hexadecimal digits in lower case stand for; all at once, since a load reads
/// millions of them a second.
fn digits(text: [u8; 8]) -> Option<u32> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_be_bytes(text);
    let is_letter = text >> 6 & ONES;
    // Of a byte that is no such digit it may be anything, which its size or the way back shows.
    let mut value = (text & (0x0f * ONES)) + 9 * is_letter;
    let is_above_nine = (value + 6 * ONES) >> 4 & ONES;
    let written = value + 0x30 * ONES + 0x27 * is_above_nine;
    let is_read = written == text && value & (0xf0 * ONES) == 0;
    for (bits, mask) in [
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0xffff_ffff),
    ] {
        value = (value | value >> bits) & mask;
    }
    is_read.then_some(value as u32)
}

#[cfg(test)]
mod tests {
    use super::{Speech, digits};
    use bench::wire::{Frame, mask};

    #[test]
    fn eight_digits_are_read_as_the_standard_library_reads_them() {
        for value in [0, 9, 10, 0x1234_5678, 0x9abc_def0, u32::MAX] {
            let text = format!("{value:08x}").into_bytes();
            assert_eq!(digits(text.try_into().expect("eight digits")), Some(value));
        }
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut text = *b"90af1b2c";
                text[place] = byte;
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let read = str::from_utf8(&text).map(|text| u32::from_str_radix(text, 16));
                let wanted = read.ok().and_then(Result::ok).filter(|_| is_digit);
                assert_eq!(digits(text), wanted, "{byte:#04x} at {place}");
            }
        }
    }

    #[test]
    fn lines_are_about_a_kibibyte_and_all_different() {
        let speech = Speech::of_lines();
        let lines: std::collections::BTreeSet<_> = speech.lines.iter().collect();
        assert_eq!(lines.len(), speech.lines.len());
        assert!(lines.iter().all(|line| (900..1100).contains(&line.len())));
        let mut out = Vec::new();
        speech.append(&mut out, 3, 131);
        let frame = Frame::read(&out, 0).expect("whole").expect("complete");
        mask(&mut out[frame.start..], frame.mask.expect("a client masks"));
        assert_eq!(speech.read(&out[frame.start..]), Some((3, 131)));
        let mut small = Vec::new();
        Speech::of_lines().compressed().append(&mut small, 3, 131);
        let frame = Frame::read(&small, 0).expect("whole").expect("complete");
        assert!(frame.is_compressed && small.len() < out.len() / 2);
    }

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
            let mut plain = Vec::new();
            speech.append_plain(&mut plain, 12, u32::MAX);
            assert_eq!(plain, payload);
            let line = [b"Client 31: ", &*payload].concat();
            assert_eq!(speech.read_line(&line), Some((12, u32::MAX)));
            payload[bytes - 1] ^= 1;
            assert_eq!(speech.read(payload), None);
        }
    }
}
