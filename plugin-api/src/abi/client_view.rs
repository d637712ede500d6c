//! Extension `detent.client/1` of the host, since 1.1: what the host knows of a client that is here.

use super::{ClientId, Host, Request, Status};

/// Id of the host's extension [`ClientView`].
pub const CLIENT_VIEW: &str = "detent.client/1";

/// Extension [`CLIENT_VIEW`] of the host.
#[repr(C)]
pub struct ClientView {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Writes how many bytes wait for the client's socket, which takes no more now: 0 where it keeps up. What is published
    /// and not yet given to its members does not count. [`GONE`](super::GONE). `[any]`
    pub buffered:
        unsafe extern "C" fn(host: *const Host, client: ClientId, bytes: *mut u64) -> Status,
    /// Writes the request of the client's handshake, for `request_field` and its like: valid until the callback returns.
    /// In a callback of this very client from `on_open` on, such as `on_message`, `on_close`, `on_error` and a task on its
    /// turn; [`ABSENT`](super::ABSENT) anywhere else. It costs a look: the host keeps each handshake for the instances that come
    /// after. `[callback]`
    pub request: unsafe extern "C" fn(
        host: *const Host,
        client: ClientId,
        request: *mut *const Request,
    ) -> Status,
    /// Whether the client is there still: [`OK`](super::OK), or [`GONE`](super::GONE) once its connection is ended, by whichever
    /// side; also while a callback of it runs and what it has said before is not read. For a callback that waits for something
    /// else, so that it need not wait for nobody. One that vanishes without a word is there until a deadline says otherwise. It
    /// costs a system call. `[any]`
    pub connected: unsafe extern "C" fn(host: *const Host, client: ClientId) -> Status,
}
