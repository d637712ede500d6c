//! Small pieces of the ABI, from the host's side: bytes in, answers out.

#![allow(unsafe_code)]

use crate::abi::{self, Bytes, Status};

pub(super) fn status(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(abi::OK)
}

/// # Safety
/// The bytes are there during the call.
pub(super) unsafe fn text(bytes: Bytes) -> String {
    // SAFETY: as the caller says.
    String::from_utf8_lossy(unsafe { bytes.as_slice() }).into_owned()
}

/// # Safety
/// `first` points to `count` values, or is null where there are none.
pub(super) unsafe fn slice<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if count == 0 || first.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// # Safety
/// `sink` is null or a sink.
pub(super) unsafe fn write(sink: *const abi::Sink, bytes: &[u8]) {
    // SAFETY: as the caller says; its function and context belong together.
    if let Some(sink) = unsafe { sink.as_ref() } {
        // SAFETY: as above.
        unsafe { (sink.write)(sink.context, Bytes::new(bytes)) };
    }
}

/// # Safety
/// `place` is null or may be written.
pub(super) unsafe fn fill<T>(place: *mut T, value: Result<T, Status>) -> Status {
    if place.is_null() {
        return abi::INVALID;
    }
    // SAFETY: as the caller says.
    status(value.map(|value| unsafe { place.write(value) }))
}
