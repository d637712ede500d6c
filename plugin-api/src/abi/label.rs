//! Extension `detent.label/1` of the host, since 1.1: what a client is called, for whoever runs the server.

use super::{Bytes, ClientId, Host, Status};

/// Id of the host's extension [`Label`].
pub const LABEL: &str = "detent.label/1";

/// Extension [`LABEL`] of the host.
#[repr(C)]
pub struct Label {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Says what a client is called in the list of the server's admin listener, in place of what was said before: 64
    /// bytes of UTF-8 at most, without control characters, separators of lines and what turns the direction of text
    /// around. Empty takes it away. It stays when the plugin's code is replaced, and ends with the connection; other
    /// clients may have the same. [`INVALID`](super::INVALID): it cannot stand so, and nothing was done.
    /// [`GONE`](super::GONE). Waits while the route's queue to the server is full. `[any]`
    pub set: unsafe extern "C" fn(host: *const Host, client: ClientId, label: Bytes) -> Status,
}
