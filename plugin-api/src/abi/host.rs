//! What a host gives to a plugin: its log, its table of calls, requests and responses.

use std::ffi::c_void;

use super::{Bytes, ClientId, Sink, Status, TimerId};

/// Levels of the log: 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace.
pub const LOG_LEVEL_MAX: u32 = 5;

/// The server's log, given to a library once and valid for ever.
#[repr(C)]
pub struct Log {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Handed back to `write`.
    pub context: *mut c_void,
    /// One line under `target` (UTF-8), at `level` 1 to 5. Never waits. `[any]`
    pub write:
        unsafe extern "C" fn(context: *mut c_void, level: u32, target: Bytes, message: Bytes),
}

/// A handshake or plain HTTP request: opaque, read through [`Host`].
#[repr(C)]
pub struct Request {
    opaque: [u8; 0],
}

/// An HTTP response under construction: opaque, written through [`Host`].
#[repr(C)]
pub struct Response {
    opaque: [u8; 0],
}

/// Field of a request: the method, such as `GET`.
pub const FIELD_METHOD: u32 = 1;
/// Field of a request: the path without the query, percent-encoding as it came.
pub const FIELD_PATH: u32 = 2;
/// Field of a request: what stands behind `?`; [`ABSENT`](super::ABSENT) where there is no `?`.
pub const FIELD_QUERY: u32 = 3;
/// Field of a request: the body; empty for a handshake.
pub const FIELD_BODY: u32 = 4;
/// Field of a request: `address:port` of the socket's other end, `unix:pid=812,uid=33,gid=33` of a
/// unix socket's.
pub const FIELD_PEER: u32 = 5;
/// Field of a request: the client's IP address; behind a trusted proxy the one that it tells, else the
/// peer's.
pub const FIELD_CLIENT_ADDRESS: u32 = 6;
/// Field of a request: what its client is, or asks to become: `websocket`, `event-stream`, or `poll` of one that waits for
/// the first message, which its request is answered with; [`ABSENT`](super::ABSENT) for plain HTTP. An older host answers
/// [`INVALID`](super::INVALID). Since 1.1.
pub const FIELD_KIND: u32 = 7;
/// Field of a request: whose page a browser has sent it from, as far as its headers tell: `own` for one of
/// the host that it asks for, `other` for any other; [`ABSENT`](super::ABSENT) where no page is named. An older host answers
/// [`INVALID`](super::INVALID). Since 1.1.
pub const FIELD_PAGE: u32 = 8;
/// Field of a request: the subject of the certificate that the client has shown by TLS and the server has checked, such as
/// `CN=ann, O=Example`; [`ABSENT`](super::ABSENT) where it has shown none. An older host answers
/// [`INVALID`](super::INVALID). Since 1.1.
pub const FIELD_CERTIFICATE_SUBJECT: u32 = 9;
/// Field of a request: the other names in that certificate, of the kinds DNS, e-mail, URI and IP address, one a line.
/// Since 1.1.
pub const FIELD_CERTIFICATE_NAMES: u32 = 10;
/// Field of a request: the SHA-256 of that certificate, 64 hexadecimal digits. Since 1.1.
pub const FIELD_CERTIFICATE_FINGERPRINT: u32 = 11;

/// The host as one route sees it. Valid for ever; every call may be made by any thread at any time,
/// none waits for a client, none calls back into the plugin.
///
/// A call about a client that is gone, or of a route that is gone, answers [`GONE`](super::GONE). A client of
/// another route is gone as well as far as this one is concerned.
///
/// What one thread does through the host, each client sees in that order: publish, broadcast, send, flush,
/// close; within a callback and from one to the next. Between threads nothing is promised. What is sent to a client
/// that is given what it has missed (`join_from` of [`Journal`](super::Journal)) waits for that; what is said meanwhile on
/// other topics that it is a member of already does not wait, and may come before it. `send` to another
/// client than the callback's, `close`, `join`, `leave`, `publish`, `broadcast` and `member_count` wait while more
/// than the host can pass on waits on this route, first come, first served.
#[repr(C)]
pub struct Host {
    /// Bytes of this struct.
    pub size: u32,
    /// ABI minor version of the host.
    pub abi_minor: u32,
    /// Sends one message to one client. [`INVALID`](super::INVALID): text that is not UTF-8, or an unknown kind. `[any]`
    pub send: unsafe extern "C" fn(
        host: *const Host,
        client: ClientId,
        kind: u32,
        payload: Bytes,
    ) -> Status,
    /// Sends what is queued for `client` now instead of when its callback returns: for a callback
    /// that goes on working after it answered. `[any]`
    pub flush: unsafe extern "C" fn(host: *const Host, client: ClientId) -> Status,
    /// Closes, behind all that this thread has said before, and at once for what comes in: nothing that the client says is
    /// taken any more, and calls about it answer [`GONE`](super::GONE). With a code that may be sent (RFC 6455 section 7.4:
    /// 1000 to 1003, 1007 to 1014, 3000 to 4999) and a UTF-8 reason of at most 123 bytes, else [`INVALID`](super::INVALID).
    /// `[any]`
    pub close: unsafe extern "C" fn(
        host: *const Host,
        client: ClientId,
        code: u32,
        reason: Bytes,
    ) -> Status,
    /// Makes `client` a member of `topic` (1 to 255 bytes UTF-8; each route has its own topics). `[any]`
    pub join: unsafe extern "C" fn(host: *const Host, client: ClientId, topic: Bytes) -> Status,
    /// Ends a membership; [`OK`](super::OK) also where there was none. `[any]`
    pub leave: unsafe extern "C" fn(host: *const Host, client: ClientId, topic: Bytes) -> Status,
    /// Sends one message to all members of `topic` but `except` (or [`NO_CLIENT`](super::NO_CLIENT)). `[any]`
    pub publish: unsafe extern "C" fn(
        host: *const Host,
        topic: Bytes,
        kind: u32,
        payload: Bytes,
        except: ClientId,
    ) -> Status,
    /// Sends one message to all clients of the route but `except` (or [`NO_CLIENT`](super::NO_CLIENT)). `[any]`
    pub broadcast: unsafe extern "C" fn(
        host: *const Host,
        kind: u32,
        payload: Bytes,
        except: ClientId,
    ) -> Status,
    /// Number of clients on the route now. `[any]`
    pub client_count: unsafe extern "C" fn(host: *const Host, count: *mut u64) -> Status,
    /// Number of members of `topic`, after all that this thread asked for before; joins of an instance
    /// that has not taken over yet do not count. `[any]`
    pub member_count:
        unsafe extern "C" fn(host: *const Host, topic: Bytes, count: *mut u64) -> Status,
    /// Calls `on_timer` after `delay_ms` and then every `period_ms` (0: once). Up to 1,024 timers a
    /// route, else [`EXHAUSTED`](super::EXHAUSTED). A period that is overrun is skipped, not made up for. `[any]`
    pub set_timer: unsafe extern "C" fn(
        host: *const Host,
        delay_ms: u64,
        period_ms: u64,
        timer: *mut TimerId,
    ) -> Status,
    /// Ends a timer. An `on_timer` that runs now still finishes. `[any]`
    pub cancel_timer: unsafe extern "C" fn(host: *const Host, timer: TimerId) -> Status,
    /// Path of the route, without query. `[any]`
    pub route_path: unsafe extern "C" fn(host: *const Host, out: *const Sink) -> Status,
    /// The route's table as JSON text, as of now. `[any]`
    pub config: unsafe extern "C" fn(host: *const Host, out: *const Sink) -> Status,
    /// A `FIELD_` of a request; [`ABSENT`](super::ABSENT) where it has none. Valid until the callback returns.
    /// `[the thread of the callback]`
    pub request_field:
        unsafe extern "C" fn(request: *const Request, field: u32, value: *mut Bytes) -> Status,
    /// Value of the `index`-th header called `name` (any case); [`ABSENT`](super::ABSENT) past the last.
    /// `[the thread of the callback]`
    pub request_header: unsafe extern "C" fn(
        request: *const Request,
        name: Bytes,
        index: usize,
        value: *mut Bytes,
    ) -> Status,
    /// The `index`-th header of all, in the order they came; [`ABSENT`](super::ABSENT) past the last.
    /// `[the thread of the callback]`
    pub request_header_at: unsafe extern "C" fn(
        request: *const Request,
        index: usize,
        name: *mut Bytes,
        value: *mut Bytes,
    ) -> Status,
    /// What the path has at the place of `{name}` in the route's path, percent-decoded, UTF-8;
    /// [`ABSENT`](super::ABSENT) where the route's path has no such place. `[the thread of the callback]`
    pub request_param:
        unsafe extern "C" fn(request: *const Request, name: Bytes, value: *mut Bytes) -> Status,
    /// 1 where the client is inside, else 0, as the server's settings say it: by its listener, its
    /// network or a token; where they say nothing, by a guess: it has come from this machine and left no
    /// trace of a proxy. `[the thread of the callback]`
    pub request_is_inside: unsafe extern "C" fn(request: *const Request) -> u32,
    /// Sets the status: 200 to 599 (400 to 599 in `on_upgrade`). `[the thread of the callback]`
    pub response_status: unsafe extern "C" fn(response: *mut Response, status: u32) -> Status,
    /// Adds a header; [`INVALID`](super::INVALID) for a name or value that HTTP does not allow, and for those that the
    /// host writes (`Connection`, `Upgrade`, `Content-Length`, `Transfer-Encoding`,
    /// `Sec-WebSocket-*`). `[the thread of the callback]`
    pub response_header:
        unsafe extern "C" fn(response: *mut Response, name: Bytes, value: Bytes) -> Status,
    /// Appends to the body. `[the thread of the callback]`
    pub response_body: unsafe extern "C" fn(response: *mut Response, body: Bytes) -> Status,
    /// Chooses the subprotocol in `on_upgrade`; [`INVALID`](super::INVALID) where the client did not offer it.
    /// `[the thread of the callback]`
    pub response_subprotocol:
        unsafe extern "C" fn(response: *mut Response, subprotocol: Bytes) -> Status,
    /// Extensions of the host by id; null for an unknown one. `[any]`
    pub get_extension: unsafe extern "C" fn(host: *const Host, id: Bytes) -> *const c_void,
    /// The folder at which relative paths in the options begin: that of the configuration file, or
    /// the one that the server was started in where it has none. Absolute. Since 1.1. `[any]`
    pub config_folder: unsafe extern "C" fn(host: *const Host, out: *const Sink) -> Status,
    /// A folder for what the plugin keeps from one run to the next, its own and there: the plugin's name under the server's
    /// `state_dir`. [`ABSENT`](super::ABSENT) where the server has none; [`FAILED`](super::FAILED) where it cannot be made,
    /// with why in `error`. All routes of a plugin share it. Blocks on the disk. Since 1.1. `[any]`
    pub state_folder:
        unsafe extern "C" fn(host: *const Host, out: *const Sink, error: *const Sink) -> Status,
    /// Writes the `index`-th value of `name` in the query, decoded, as UTF-8; [`ABSENT`](super::ABSENT) past the last. Since
    /// 1.1. `[the thread of the callback]`
    pub request_query: unsafe extern "C" fn(
        request: *const Request,
        name: Bytes,
        index: usize,
        out: *const Sink,
    ) -> Status,
    /// Value of the first cookie called `name`, as it came but for quotes around it; [`ABSENT`](super::ABSENT) where there is
    /// none. Since 1.1. `[the thread of the callback]`
    pub request_cookie:
        unsafe extern "C" fn(request: *const Request, name: Bytes, value: *mut Bytes) -> Status,
    /// Writes the option `key` of `config`, a text. `config` is what `create`, `reconfigure`, `check` or the call
    /// [`config`](Host::config) gave; a key may lead into others: `list[2].name`. [`ABSENT`](super::ABSENT): it is not set.
    /// [`INVALID`](super::INVALID): it is no text, or `config` is no JSON; the words to fail with are in `error`. Since 1.1.
    /// `[any]`
    pub config_string: unsafe extern "C" fn(
        config: Bytes,
        key: Bytes,
        out: *const Sink,
        error: *const Sink,
    ) -> Status,
    /// As `config_string`, a whole number of 64 bits. Since 1.1. `[any]`
    pub config_integer: unsafe extern "C" fn(
        config: Bytes,
        key: Bytes,
        value: *mut i64,
        error: *const Sink,
    ) -> Status,
    /// As `config_string`, 1 for true and 0 for false. Since 1.1. `[any]`
    pub config_boolean: unsafe extern "C" fn(
        config: Bytes,
        key: Bytes,
        value: *mut u32,
        error: *const Sink,
    ) -> Status,
    /// Sees to it that nothing is set in `config` but these `key_count` options; else [`INVALID`](super::INVALID), with the
    /// words to fail with in `error`. Since 1.1. `[any]`
    pub config_only: unsafe extern "C" fn(
        config: Bytes,
        keys: *const Bytes,
        key_count: usize,
        error: *const Sink,
    ) -> Status,
    /// Version of what the instance before this one has written, whose state `create` and whose sessions `on_open`
    /// get: `state_format` of its descriptor. [`ABSENT`](super::ABSENT) where there was none before. Since 1.1.
    /// `[any]`
    pub old_state_format: unsafe extern "C" fn(host: *const Host, format: *mut u32) -> Status,
}

/// Bytes of [`Host`] in version 1.0: what every host has.
pub const HOST_SIZE_1_0: u32 = std::mem::offset_of!(Host, config_folder) as u32;
