//! Arguments of host calls out of a fuzzer's bytes.
//!
//! Short inputs say much: one byte stands for a number or a length at the edge of a rule.

use crate::limits::TIMER_MS_MAX;

/// Lengths at which a frame's header, a topic or a reason changes its form or ends to be lawful.
const LENGTHS: [usize; 8] = [123, 124, 125, 126, 255, 256, 65_535, 65_536];

const NUMBERS: [u64; 8] = [
    u64::MAX,
    u32::MAX as u64,
    u32::MAX as u64 + 1,
    TIMER_MS_MAX,
    TIMER_MS_MAX + 1,
    1000,
    1014,
    4999,
];

pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    /// The next byte; none at the end.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// One of `count` things.
    pub(super) fn choice(&mut self, count: u8) -> u8 {
        self.byte().unwrap_or(0) % count
    }

    pub(super) fn number(&mut self) -> u64 {
        match self.byte().unwrap_or(0) {
            small @ 0..200 => small.into(),
            edge @ 200..240 => NUMBERS[usize::from(edge % 8)],
            _ => self
                .take(8)
                .iter()
                .fold(0, |number, &byte| number << 8 | u64::from(byte)),
        }
    }

    /// Some bytes as they come, or many that are the same.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        match self.byte().unwrap_or(0) {
            short @ 0..128 => self.take(short.into()).to_vec(),
            long => vec![self.byte().unwrap_or(b'x'); LENGTHS[usize::from(long % 8)]],
        }
    }

    /// A name of a topic; most often one of two, so that calls meet.
    pub(super) fn topic(&mut self) -> Vec<u8> {
        match self.choice(4) {
            0 => b"t".to_vec(),
            1 => b"u".to_vec(),
            _ => self.bytes(),
        }
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
