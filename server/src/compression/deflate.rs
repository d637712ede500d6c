//! Compressing one message (RFC 7692 section 7.2.1).

use flate2::{Compress, Compression, FlushCompress, Status};

use super::Window;
use super::pool::COMPRESSORS;
use crate::counters::COUNTERS;
use crate::limits::COMPRESSED_BYTES_KEPT;
use crate::memory::{Account, Part};

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
        self.has_past = true;
        // One byte shorter, with the tail that is left out.
        let most = payload.len().saturating_sub(1) + TAIL.len();
        self.out.reserve(most + 1);
        let before = self.inner.total_in();
        let status = self
            .inner
            .compress_vec(payload, &mut self.out, FlushCompress::Sync);
        let is_whole = matches!(status, Ok(Status::Ok))
            && self.inner.total_in() - before == payload.len() as u64
            && self.out.len() <= most
            && self.out.ends_with(&TAIL);
        if !is_whole {
            self.forget();
            return None;
        }
        let length = self.out.len() - TAIL.len();
        COUNTERS.compression.sent.add(payload.len(), length);
        Some(&self.out[..length])
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

/// Compresses one message by itself, with a compressor that others use too; `take` gets the payload. None where it does
/// not get shorter, or all compressors are busy for too long. Waits for one for a moment at most, woken by
/// who gives one back.
pub fn deflate<T>(
    payload: &[u8],
    window: Window,
    level: u8,
    take: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    let mut compressor = COMPRESSORS.lend(window, level)?;
    compressor.run(payload).map(take)
}
