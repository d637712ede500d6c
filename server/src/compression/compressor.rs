//! What compresses one message after another for one window (RFC 7692 section 7.2.1).

use std::ops::Range;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::agreed::Window;
use crate::counters::COUNTERS;
use crate::limits::COMPRESSED_BYTES_KEPT;
use crate::limits::memory::{Account, Part};

/// Bytes before a place from which on they are compressed: a block of their own costs more than fewer can save.
const BEFORE_PLACE_LEAST: usize = 64;

/// What ends everything that was flushed, and is left out.
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A compressor, of some 300 KiB.
pub struct Compressor {
    inner: Compress,
    out: Vec<u8>,
    window: Window,
    level: u8,
    /// What it was given before may be referred to.
    has_past: bool,
    _account: Account,
}

impl Compressor {
    /// One without a past.
    pub fn new(window: Window, level: u8) -> Compressor {
        let level = level.clamp(1, 9);
        let bytes = bytes(window);
        let mut account = Account::new(Part::Compression);
        account.set(bytes);
        Compressor {
            inner: Compress::new_with_window_bits(
                Compression::new(level.into()),
                false,
                window.bits(),
            ),
            out: Vec::new(),
            window,
            level,
            has_past: false,
            _account: account,
        }
    }

    /// Whether it is one for this window and level.
    pub fn is_for(&self, window: Window, level: u8) -> bool {
        (self.window, self.level) == (window, level.clamp(1, 9))
    }

    /// From now on it refers to nothing that it was given before.
    pub fn forget(&mut self) {
        if std::mem::take(&mut self.has_past) {
            self.inner.reset();
        }
    }

    /// Whether it may refer to something that it was given before.
    pub fn has_past(&self) -> bool {
        self.has_past
    }

    /// The payload of the compressed message, without the tail; none where that would not be shorter than `payload`, and
    /// then it has no past any more.
    pub fn run(&mut self, payload: &[u8]) -> Option<&[u8]> {
        self.out.clear();
        // One byte shorter, with the tail that is left out.
        let most = payload.len().saturating_sub(1) + TAIL.len();
        self.out.reserve(most + 1);
        self.append(payload)?;
        if self.out.len() > most {
            self.forget();
            return None;
        }
        let length = self.out.len() - TAIL.len();
        COUNTERS.compression.sent.add(payload.len(), length);
        Some(&self.out[..length])
    }

    /// The same for a payload of which the bytes of `place` are not known yet: they come out as they are, and nothing
    /// refers to them. Gives where they begin.
    pub fn run_around(&mut self, payload: &[u8], place: Range<usize>) -> Option<(&[u8], usize)> {
        self.out.clear();
        self.out.reserve(payload.len() + TAIL.len());
        let (before, rest) = payload.split_at(place.end);
        let first = if place.start >= BEFORE_PLACE_LEAST {
            self.append(&payload[..place.start])?;
            // The empty block at its end becomes one with these bytes.
            self.out.truncate(self.out.len() - TAIL.len());
            place.start
        } else {
            self.out.push(0);
            0
        };
        let stored = &before[first..];
        let length = u16::try_from(stored.len()).ok()?;
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(&(!length).to_le_bytes());
        self.out.extend_from_slice(stored);
        let at = self.out.len() - place.len();
        // The compressor has not seen these bytes, and would count past them.
        self.forget();
        if rest.is_empty() {
            self.out.push(0);
        } else {
            self.append(rest)?;
            self.out.truncate(self.out.len() - TAIL.len());
        }
        self.forget();
        if self.out.len() >= payload.len() {
            return None;
        }
        COUNTERS.compression.sent.add(payload.len(), self.out.len());
        Some((&self.out, at))
    }

    /// Compresses behind what has come out, up to a tail; none where there is no room, and then it has no past any more.
    fn append(&mut self, bytes: &[u8]) -> Option<()> {
        self.has_past = true;
        let before = self.inner.total_in();
        let status = self
            .inner
            .compress_vec(bytes, &mut self.out, FlushCompress::Sync);
        let is_whole = matches!(status, Ok(Status::Ok))
            && self.inner.total_in() - before == bytes.len() as u64
            && self.out.ends_with(&TAIL);
        if !is_whole {
            self.forget();
        }
        is_whole.then_some(())
    }

    /// Gives memory back that only a large message needs.
    pub(super) fn shrink(&mut self) {
        self.out.clear();
        self.out.shrink_to(COMPRESSED_BYTES_KEPT);
    }
}

/// What a compressor holds, measured: tables of 180 KiB, and the window and what belongs to it four times over.
fn bytes(window: Window) -> usize {
    180 * 1024 + (4 << window.bits())
}
