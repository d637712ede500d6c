//! Compressing one message by itself, with a compressor that is lent for it.

use std::ops::Range;

use super::agreed::Window;
use super::pool::COMPRESSORS;

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

/// The same around a place, as [`run_around`](super::Compressor::run_around); `take` gets where that begins, too.
pub(super) fn deflate_around<T>(
    payload: &[u8],
    place: Range<usize>,
    window: Window,
    level: u8,
    take: impl FnOnce(&[u8], usize) -> T,
) -> Option<T> {
    let mut compressor = COMPRESSORS.lend(window, level)?;
    let (small, at) = compressor.run_around(payload, place)?;
    Some(take(small, at))
}
