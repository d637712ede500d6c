//! Sinks that collect what a plugin writes, up to a bound, and the places where a plugin gets what a host call gives.
#![allow(unsafe_code)]

use std::ffi::c_void;

use plugin_api::abi::{Bytes, INVALID, OK, Sink, Status};

use crate::limits::ERROR_TEXT_BYTES_MAX;

/// Runs `call` with a sink and gives back what was written, as text, cut at
/// [`ERROR_TEXT_BYTES_MAX`].
pub(in crate::plugin) fn collect<T>(call: impl FnOnce(*const Sink) -> T) -> (T, String) {
    let (result, bytes) = fill(append_text, call);
    if bytes.is_empty() {
        // So of nearly every call.
        return (result, String::new());
    }
    (result, text_of(&bytes))
}

#[cold]
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `call` with a sink and gives back all that was written.
pub(in crate::plugin) fn collect_all<T>(call: impl FnOnce(*const Sink) -> T) -> (T, Vec<u8>) {
    fill(append, call)
}

fn fill<T>(
    write: unsafe extern "C" fn(*mut c_void, Bytes),
    call: impl FnOnce(*const Sink) -> T,
) -> (T, Vec<u8>) {
    let mut written: Vec<u8> = Vec::new();
    let sink = Sink {
        size: size_of::<Sink>() as u32,
        reserved: 0,
        context: (&raw mut written).cast(),
        write,
    };
    let result = call(&raw const sink);
    (result, written)
}

unsafe extern "C" fn append_text(context: *mut c_void, bytes: Bytes) {
    // SAFETY: see `append`.
    let (text, bytes) = unsafe { (&mut *context.cast::<Vec<u8>>(), bytes.as_slice()) };
    let room = ERROR_TEXT_BYTES_MAX.saturating_sub(text.len());
    text.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

unsafe extern "C" fn append(context: *mut c_void, bytes: Bytes) {
    // SAFETY: `context` is the vector of `fill`, which the plugin uses only during the call and
    // from one thread, as the ABI asks; the bytes are the plugin's for the time of this call.
    let (written, bytes) = unsafe { (&mut *context.cast::<Vec<u8>>(), bytes.as_slice()) };
    written.extend_from_slice(bytes);
}

/// Writes `bytes` into a sink of the plugin.
///
/// # Safety
/// `sink` is null or a valid sink for the time of the call.
pub(in crate::plugin) unsafe fn write(sink: *const Sink, bytes: &[u8]) {
    // SAFETY: the caller vouches for it.
    if let Some(sink) = unsafe { sink.as_ref() } {
        // SAFETY: the function and its context come from the same sink.
        unsafe { (sink.write)(sink.context, Bytes::new(bytes)) };
    }
}

/// Puts what a call gives into the plugin's place for it; [`INVALID`] where that is null. In C a place may hold nothing yet,
/// so that it is written and never referred to.
///
/// # Safety
/// `place` is null or may be written.
pub(super) unsafe fn answer<T>(result: Result<T, Status>, place: *mut T) -> Status {
    if place.is_null() {
        return INVALID;
    }
    match result {
        Ok(value) => {
            // SAFETY: the caller vouches for it.
            unsafe { place.write(value) };
            OK
        }
        Err(status) => status,
    }
}
