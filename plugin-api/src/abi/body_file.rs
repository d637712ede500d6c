//! Extension `detent.body_file/1` of the host, since 1.1: a body that is sent from a file instead of from memory.

use std::ffi::c_int;

use super::{Response, Status};

/// Id of the host's extension [`BodyFile`].
pub const BODY_FILE: &str = "detent.body_file/1";

/// Extension [`BODY_FILE`] of the host.
#[repr(C)]
pub struct BodyFile {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Lets `length` bytes of a regular file, from `offset` on, follow what `response_body` gave. The host takes a
    /// descriptor of its own (as `dup` does): the plugin keeps `file`, closes it itself, at once if it likes, and its
    /// position is left alone. It is read piece by piece as the client takes it, behind the callback, also when the plugin's
    /// code has been replaced meanwhile. A file that has become shorter by then breaks the connection off, so that the
    /// client does not take what it has for the whole. [`INVALID`](super::INVALID): it is no regular file that is open for
    /// reading, it is shorter, or the response has one already. [`EXHAUSTED`](super::EXHAUSTED): the server has no
    /// descriptor left. Nothing was done then. `[connection]`
    pub set: unsafe extern "C" fn(
        response: *mut Response,
        file: c_int,
        offset: u64,
        length: u64,
    ) -> Status,
}
