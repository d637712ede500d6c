//! Extension `detent.compression/1` of the host, since 1.1: what is not worth compressing.

use super::Host;

/// Id of the host's extension [`Compression`].
pub const COMPRESSION: &str = "detent.compression/1";

/// Extension [`COMPRESSION`] of the host.
#[repr(C)]
pub struct Compression {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Says whether what this thread says from now on, by whatever call, is worth compressing for clients that can
    /// inflate it: 0 for what is compressed already (images, archives), or what must not be (a secret beside what a stranger has
    /// chosen). Gives what held before, 0 or 1; a thread begins with 1. Set it back before the callback ends. A hint:
    /// what a client gets is the same. `[any]`
    pub set_worth: unsafe extern "C" fn(host: *const Host, is_worth_it: u32) -> u32,
}
