//! The plugin ABI, version 1.1, in C layout. `include/detent.h` says the same in C99.
//!
//! Both sides of the line compile this file: the host reads what a plugin exports, the plugin
//! reads what the host passes. Nothing of Rust's own layout (`String`, `Vec`, `enum`, trait
//! objects) appears here, and nothing here allocates or frees.
//!
//! # Rules
//! - A struct that is passed by pointer begins with its `size` in bytes as its author compiled it.
//!   It grows only at the tail; a field is read only where `size` covers it ([`covers!`](crate::covers)).
//! - A released struct, function or value never changes its meaning.
//! - A pointer is borrowed until the call returns; who keeps the bytes copies them. Output of
//!   unknown length goes through a [`Sink`]. Nothing is freed across the line.
//! - Every function carries its thread: `[main]`, `[connection]`, `[timers]` or `[any]`.

#![allow(unsafe_code)]

mod body_file;
mod client_view;
mod compression;
mod gaps;
mod host;
mod hosts;
mod journal;
mod label;
mod members;
mod metrics;
mod plugin;
mod session;

use std::ffi::c_void;

pub use body_file::*;
pub use client_view::*;
pub use compression::*;
pub use gaps::*;
pub use host::*;
pub use hosts::*;
pub use journal::*;
pub use label::*;
pub use members::*;
pub use metrics::*;
pub use plugin::*;
pub use session::*;

/// First field of [`Entry`], as it stands in the file: `DETENT` and two bytes that no text holds.
pub const MAGIC: u64 = u64::from_le_bytes(*b"DETENT\x00\x81");

/// Plugins of another major version are refused.
pub const ABI_MAJOR: u32 = 1;

/// A plugin whose `minor_required` is above the host's minor version is refused.
///
/// 1 added [`CHECK`], [`JOURNAL`], [`JOURNAL_EVERYONE`] with [`NOT_STORED`], [`METRICS`], [`LABEL`], [`MEMBERS`],
/// [`COMPRESSION`], [`BODY_FILE`], [`TURNS`], [`CLIENT_VIEW`], [`HOSTS`], [`GAPS`], behind the first [`HOST_SIZE_1_0`] bytes
/// of [`Host`] the folders, further paths and formats in the [`Descriptor`], the fields [`FIELD_KIND`], [`FIELD_PAGE`] and
/// those of a certificate from [`FIELD_CERTIFICATE_SUBJECT`] on of a request, and `on_close` behind an `on_open` that
/// failed.
pub const ABI_MINOR: u32 = 1;

/// Name of the one exported data symbol, an [`Entry`].
pub const ENTRY_SYMBOL: &str = "detent_plugin";

/// Result of a call across the line, in both directions: zero and above is no error.
pub type Status = i32;
/// Done.
pub const OK: Status = 0;
/// The client, timer or route that the call is about has gone. Not an error.
pub const GONE: Status = 1;
/// What was asked for is not there (a header, a query). Not an error.
pub const ABSENT: Status = 2;
/// Not now: the host has to ask a disk first, and nobody waits for one inside a callback. In `on_request` the callback
/// may return this, or anything: the host calls it again when it knows. Not an error.
pub const LATER: Status = 3;
/// An argument is outside its range; nothing was done.
pub const INVALID: Status = -1;
/// A callback failed; its error text went to the error sink.
pub const FAILED: Status = -2;
/// A callback panicked and the panic was caught on the plugin's side.
pub const PANICKED: Status = -3;
/// This side does not implement the call.
pub const UNSUPPORTED: Status = -4;
/// A limit of the host is reached (timers, topics); nothing was done.
pub const EXHAUSTED: Status = -5;
/// It was said to who listens, and is not known to be on the disk, as was asked for.
pub const NOT_STORED: Status = -6;

/// A text message (RFC 6455 section 5.6); the payload is UTF-8.
pub const TEXT: u32 = 1;
/// A binary message (RFC 6455 section 5.6).
pub const BINARY: u32 = 2;

/// Number of a client, from 1, never used twice in one run of the server.
pub type ClientId = u64;
/// Stands for "no client", such as nobody to leave out of a broadcast.
pub const NO_CLIENT: ClientId = 0;

/// Number of a timer, from 1, never used twice by one route.
pub type TimerId = u64;

/// Borrowed bytes. Passed by value, so it has no size field and never grows.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Bytes {
    /// First byte; null only where `len` is 0.
    pub data: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl Bytes {
    /// No bytes, and no place where they would be: "not given".
    pub const NONE: Bytes = Bytes {
        data: std::ptr::null(),
        len: 0,
    };

    /// Borrows `bytes`; the caller keeps them alive until the call returns.
    pub const fn new(bytes: &[u8]) -> Bytes {
        Bytes {
            data: bytes.as_ptr(),
            len: bytes.len(),
        }
    }

    /// The bytes behind it; empty for a null pointer.
    ///
    /// # Safety
    /// `data` points to `len` readable bytes that nobody writes for as long as `'a` lasts.
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: the caller vouches for the pointer and its length.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

/// Takes bytes that the other side copies before `write` returns.
///
/// Each `write` appends. A sink is used by one thread at a time and only during the call it came with.
#[repr(C)]
pub struct Sink {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Handed back to `write`.
    pub context: *mut c_void,
    /// Appends `bytes`. `[the thread of the call]`
    pub write: unsafe extern "C" fn(context: *mut c_void, bytes: Bytes),
}

/// Whether `size`, the first field of a struct from the other side, covers `$field`.
#[macro_export]
macro_rules! covers {
    ($size:expr, $type:ty, $field:ident) => {{
        fn field_size<T, F>(_: impl Fn(&T) -> &F) -> usize {
            ::std::mem::size_of::<F>()
        }
        let end = ::std::mem::offset_of!($type, $field) + field_size(|value: &$type| &value.$field);
        $size as usize >= end
    }};
}
