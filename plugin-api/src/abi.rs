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

mod journal;
mod label;

use std::ffi::c_void;

pub use journal::*;
pub use label::*;

/// First field of [`Entry`], as it stands in the file: `DETENT` and two bytes that no text holds.
pub const MAGIC: u64 = u64::from_le_bytes(*b"DETENT\x00\x81");

/// Plugins of another major version are refused.
pub const ABI_MAJOR: u32 = 1;

/// A plugin whose `minor_required` is above the host's minor version is refused.
///
/// 1 added [`CHECK`], [`JOURNAL`], [`METRICS`], [`LABEL`], behind the first [`HOST_SIZE_1_0`] bytes of [`Host`] the
/// folders, further paths in the [`Descriptor`], and the fields [`FIELD_KIND`] and [`FIELD_PAGE`] of a request.
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

/// What a library exports under [`ENTRY_SYMBOL`]: constant data.
///
/// The integers in front are read from the file before the library is opened.
#[repr(C)]
pub struct Entry {
    /// [`MAGIC`].
    pub magic: u64,
    /// Bytes of this struct.
    pub size: u32,
    /// ABI major version that the plugin was built against.
    pub abi_major: u32,
    /// ABI minor version that the plugin was built against.
    pub abi_minor: u32,
    /// Lowest ABI minor version that the plugin can run with.
    pub minor_required: u32,
    /// What built it, for people: `plugin-api 0.1.0 (Rust)`.
    pub built_with: Bytes,
    /// Receives the log once per loaded library, before anything else is called. Optional. `[main]`
    pub init: Option<unsafe extern "C" fn(log: *const Log, level: u32) -> Status>,
    /// The server's log level changed. Optional. `[main]`
    pub set_log_level: Option<unsafe extern "C" fn(level: u32)>,
    /// What the library offers; not null.
    pub descriptor: *const Descriptor,
}

// SAFETY: constant data behind shared pointers, written by nobody.
unsafe impl Sync for Entry {}

/// What a plugin is called and what it can do: constant data.
#[repr(C)]
pub struct Descriptor {
    /// Bytes of this struct.
    pub size: u32,
    /// Version of what `save_state` and `save_session` write; a new library takes over from an
    /// old one only where both are equal.
    pub state_format: u32,
    /// Name: 1 to 64 of `a-z`, `0-9`, `-`, `_`.
    pub name: Bytes,
    /// Version, for people.
    pub version: Bytes,
    /// Path that it serves where no configuration says otherwise: begins with `/`.
    pub default_path: Bytes,
    /// First of `subprotocol_count` subprotocols (RFC 6455 section 1.9), best first; may be null.
    pub subprotocols: *const Bytes,
    /// Number of subprotocols.
    pub subprotocol_count: usize,
    /// The callbacks; not null.
    pub functions: *const Functions,
    /// Extensions of the plugin by id, such as `detent.example/1`; null for an unknown id. Optional. `[main]`
    pub get_extension: Option<unsafe extern "C" fn(id: Bytes) -> *const c_void>,
    /// First of `more_path_count` further paths that the one instance on the default path serves too,
    /// such as `/push/{topic}`; may be null. Since 1.1.
    pub more_paths: *const Bytes,
    /// Number of further paths. Since 1.1.
    pub more_path_count: usize,
    /// [`FLAG_EVENT_STREAM`], or zero. Since 1.1.
    pub flags: u64,
}

// SAFETY: constant data behind shared pointers, written by nobody.
unsafe impl Sync for Descriptor {}

/// In the flags of a [`Descriptor`]: its routes take clients of event streams too (`GET` with `Accept:
/// text/event-stream`) and those that wait for one message (`Accept: application/json` and `?wait=`), unless the settings
/// of a route say otherwise. They are clients like any other:
/// `on_upgrade`, `on_open`, what is sent to them, `on_close`; `on_message` never comes. Since 1.1.
pub const FLAG_EVENT_STREAM: u64 = 1;

/// Id of the plugin's extension [`Check`].
pub const CHECK: &str = "detent.check/1";

/// Extension [`CHECK`] of a plugin: says what is wrong with options without making an instance. Since 1.1.
#[repr(C)]
pub struct Check {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Looks at `config`, as `create` gets it, and touches nothing: no file, no device, no thread.
    /// [`FAILED`] with what is wrong in `error`; [`UNSUPPORTED`]: it cannot tell without `create`, which
    /// is then called with a host that does nothing. `[main]`
    pub check: Option<unsafe extern "C" fn(config: Bytes, error: *const Sink) -> Status>,
}

/// The callbacks of a plugin. Null means that it is not implemented.
///
/// `route` is what `create` gave out, `session` what `on_open` gave out for this client. Callbacks of one
/// client never overlap; those of different clients do. A callback that answers [`FAILED`] has
/// written why to `error`. Where that is about an option, "option `NAME`: " stands before it (for one
/// inside others, "option `list[2].name`: "): the server then names its line in the configuration.
#[repr(C)]
pub struct Functions {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Makes one instance for one route. `config` is its table as JSON text. `host` may be kept for
    /// ever, also after `destroy`: calls then answer [`GONE`]. `old_state` is null, or what
    /// `save_state` of the instance before wrote. Required. `[main]`
    pub create: Option<
        unsafe extern "C" fn(
            host: *const Host,
            config: Bytes,
            old_state: *const Bytes,
            route: *mut *mut c_void,
            error: *const Sink,
        ) -> Status,
    >,
    /// Ends the instance: no callback runs any more and none follows. Threads that it started are
    /// told to end here. `[main]`
    pub destroy: Option<unsafe extern "C" fn(route: *mut c_void)>,
    /// Before 101, or before the 200 of an event stream. The response starts at status 101; a status of 400
    /// to 599 refuses the client with the headers and body that were set, and so does 204 a client of an event
    /// stream, which it tells not to come back. `[connection]`
    pub on_upgrade: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            request: *const Request,
            response: *mut Response,
            error: *const Sink,
        ) -> Status,
    >,
    /// After 101, which leaves when it returns or flushes. Where it is not implemented, or fails,
    /// there is no session. `resumed` is null for a new client. `[connection]`, or `[main]` where
    /// resumed
    pub on_open: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            client: ClientId,
            request: *const Request,
            resumed: *const Resumed,
            session: *mut *mut c_void,
            error: *const Sink,
        ) -> Status,
    >,
    /// One message: [`TEXT`] or [`BINARY`]. `[connection]`
    pub on_message: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            session: *mut c_void,
            client: ClientId,
            kind: u32,
            payload: Bytes,
            error: *const Sink,
        ) -> Status,
    >,
    /// Exactly once for each `on_open` that succeeded. Frees the session. `[connection]`
    pub on_close: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            session: *mut c_void,
            client: ClientId,
            cause: *const Cause,
            error: *const Sink,
        ) -> Status,
    >,
    /// A callback of this client failed or panicked, or its connection did. [`OK`]: dealt with, the
    /// client stays (where the connection still stands); anything else, or not implemented:
    /// logged and closed with 1011. `[connection]`
    pub on_error: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            session: *mut c_void,
            client: ClientId,
            what: *const Fault,
            error: *const Sink,
        ) -> Status,
    >,
    /// Plain HTTP on the route's path. The response starts at status 200; not implemented: 426.
    /// `[connection]`
    pub on_request: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            request: *const Request,
            response: *mut Response,
            error: *const Sink,
        ) -> Status,
    >,
    /// A timer that was set through the host is due. `[timers]`
    pub on_timer: Option<
        unsafe extern "C" fn(route: *mut c_void, timer: TimerId, error: *const Sink) -> Status,
    >,
    /// The route's table changed; `config` as in `create`. Callbacks of clients may run meanwhile.
    /// Not implemented, or [`UNSUPPORTED`]: a new instance takes over as in a swap. `[main]`
    pub reconfigure: Option<
        unsafe extern "C" fn(route: *mut c_void, config: Bytes, error: *const Sink) -> Status,
    >,
    /// Writes what the next instance needs. No callback of the route runs. [`UNSUPPORTED`]: there is
    /// nothing, and the next instance gets no old state. `[main]`
    pub save_state: Option<
        unsafe extern "C" fn(route: *mut c_void, out: *const Sink, error: *const Sink) -> Status,
    >,
    /// Writes what the next instance needs of one client. No callback of the route runs.
    /// [`UNSUPPORTED`]: there is nothing. `[main]`
    pub save_session: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            session: *mut c_void,
            client: ClientId,
            out: *const Sink,
            error: *const Sink,
        ) -> Status,
    >,
    /// Frees a session whose client lives on in another instance: no `on_close` comes. `[main]`
    pub drop_session: Option<unsafe extern "C" fn(route: *mut c_void, session: *mut c_void)>,
}

/// Given to `on_open` where the client was already connected: its route's plugin was replaced.
#[repr(C)]
pub struct Resumed {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// What `save_session` wrote; `data` is null where it wrote nothing of this client.
    pub session: Bytes,
}

/// Why a connection ended.
#[repr(C)]
pub struct Cause {
    /// Bytes of this struct.
    pub size: u32,
    /// Who ended it: [`BY_PEER`], [`BY_PLUGIN`] or [`BY_SERVER`].
    pub initiator: u32,
    /// Close code (RFC 6455 section 7.4.1); 1005 where the peer gave none, 1006 where the
    /// connection ended without a Close frame.
    pub code: u32,
    /// Zero.
    pub reserved: u32,
    /// Reason: UTF-8, at most 123 bytes from a peer; for 1006, what happened.
    pub reason: Bytes,
}

/// The peer closed or vanished.
pub const BY_PEER: u32 = 1;
/// The plugin closed it through the host.
pub const BY_PLUGIN: u32 = 2;
/// The server closed it: a limit, a fault, the stop.
pub const BY_SERVER: u32 = 3;

/// What went wrong for one client.
#[repr(C)]
pub struct Fault {
    /// Bytes of this struct.
    pub size: u32,
    /// [`FAULT_FAILED`], [`FAULT_PANICKED`] or [`FAULT_TRANSPORT`].
    pub kind: u32,
    /// The error's text, UTF-8.
    pub what: Bytes,
}

/// A callback of the plugin answered with an error.
pub const FAULT_FAILED: u32 = 1;
/// A callback of the plugin panicked.
pub const FAULT_PANICKED: u32 = 2;
/// The connection failed: a protocol error, a limit, a reset. It ends in any case.
pub const FAULT_TRANSPORT: u32 = 3;

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
/// Field of a request: what stands behind `?`; [`ABSENT`] where there is no `?`.
pub const FIELD_QUERY: u32 = 3;
/// Field of a request: the body; empty for a handshake.
pub const FIELD_BODY: u32 = 4;
/// Field of a request: `address:port` of the socket's other end, `unix:pid=812,uid=33,gid=33` of a
/// unix socket's.
pub const FIELD_PEER: u32 = 5;
/// Field of a request: the client's IP address; behind a trusted proxy the one that it tells, else the
/// peer's.
pub const FIELD_CLIENT_ADDRESS: u32 = 6;
/// Field of a request: what its client is, or asks to become: `websocket`, `event-stream`, or `poll` of one
/// that waits for the first message, which its request is answered with; [`ABSENT`] for plain HTTP. An older host answers [`INVALID`]. Since 1.1.
pub const FIELD_KIND: u32 = 7;
/// Field of a request: whose page a browser has sent it from, as far as its headers tell: `own` for one of
/// the host that it asks for, `other` for any other; [`ABSENT`] where no page is named. An older host answers
/// [`INVALID`]. Since 1.1.
pub const FIELD_PAGE: u32 = 8;

/// The host as one route sees it. Valid for ever; every call may be made by any thread at any time,
/// none waits for a client, none calls back into the plugin.
///
/// A call about a client that is gone, or of a route that is gone, answers [`GONE`]. A client of
/// another route is gone as well as far as this one is concerned.
///
/// What one thread does through the host, each client sees in that order: publish, broadcast, send, flush,
/// close; within a callback and from one to the next. Between threads nothing is promised. `send` to another
/// client than the callback's, `close`, `join`, `leave`, `publish`, `broadcast` and `member_count` wait while more
/// than the host can pass on waits on this route, first come, first served.
#[repr(C)]
pub struct Host {
    /// Bytes of this struct.
    pub size: u32,
    /// ABI minor version of the host.
    pub abi_minor: u32,
    /// Sends one message to one client. [`INVALID`]: text that is not UTF-8, or an unknown kind. `[any]`
    pub send: unsafe extern "C" fn(
        host: *const Host,
        client: ClientId,
        kind: u32,
        payload: Bytes,
    ) -> Status,
    /// Sends what is queued for `client` now instead of when its callback returns: for a callback
    /// that goes on working after it answered. `[any]`
    pub flush: unsafe extern "C" fn(host: *const Host, client: ClientId) -> Status,
    /// Closes, behind all that this thread has said before, and at once for what comes in: nothing that the client
    /// says is taken any more, and calls about it answer [`GONE`]. With a code that may be sent (RFC 6455 section 7.4: 1000 to 1003, 1007 to 1014,
    /// 3000 to 4999) and a UTF-8 reason of at most 123 bytes, else [`INVALID`]. `[any]`
    pub close: unsafe extern "C" fn(
        host: *const Host,
        client: ClientId,
        code: u32,
        reason: Bytes,
    ) -> Status,
    /// Makes `client` a member of `topic` (1 to 255 bytes UTF-8; each route has its own topics). `[any]`
    pub join: unsafe extern "C" fn(host: *const Host, client: ClientId, topic: Bytes) -> Status,
    /// Ends a membership; [`OK`] also where there was none. `[any]`
    pub leave: unsafe extern "C" fn(host: *const Host, client: ClientId, topic: Bytes) -> Status,
    /// Sends one message to all members of `topic` but `except` (or [`NO_CLIENT`]). `[any]`
    pub publish: unsafe extern "C" fn(
        host: *const Host,
        topic: Bytes,
        kind: u32,
        payload: Bytes,
        except: ClientId,
    ) -> Status,
    /// Sends one message to all clients of the route but `except` (or [`NO_CLIENT`]). `[any]`
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
    /// route, else [`EXHAUSTED`]. A period that is overrun is skipped, not made up for. `[any]`
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
    /// A `FIELD_` of a request; [`ABSENT`] where it has none. Valid until the callback returns.
    /// `[the thread of the callback]`
    pub request_field:
        unsafe extern "C" fn(request: *const Request, field: u32, value: *mut Bytes) -> Status,
    /// Value of the `index`-th header called `name` (any case); [`ABSENT`] past the last.
    /// `[the thread of the callback]`
    pub request_header: unsafe extern "C" fn(
        request: *const Request,
        name: Bytes,
        index: usize,
        value: *mut Bytes,
    ) -> Status,
    /// The `index`-th header of all, in the order they came; [`ABSENT`] past the last.
    /// `[the thread of the callback]`
    pub request_header_at: unsafe extern "C" fn(
        request: *const Request,
        index: usize,
        name: *mut Bytes,
        value: *mut Bytes,
    ) -> Status,
    /// What the path has at the place of `{name}` in the route's path, percent-decoded, UTF-8;
    /// [`ABSENT`] where the route's path has no such place. `[the thread of the callback]`
    pub request_param:
        unsafe extern "C" fn(request: *const Request, name: Bytes, value: *mut Bytes) -> Status,
    /// 1 where the client is inside, else 0, as the server's settings say it: by its listener, its
    /// network or a token; where they say nothing, by a guess: it has come from this machine and left no
    /// trace of a proxy. `[the thread of the callback]`
    pub request_is_inside: unsafe extern "C" fn(request: *const Request) -> u32,
    /// Sets the status: 200 to 599 (400 to 599 in `on_upgrade`). `[the thread of the callback]`
    pub response_status: unsafe extern "C" fn(response: *mut Response, status: u32) -> Status,
    /// Adds a header; [`INVALID`] for a name or value that HTTP does not allow, and for those that the
    /// host writes (`Connection`, `Upgrade`, `Content-Length`, `Transfer-Encoding`,
    /// `Sec-WebSocket-*`). `[the thread of the callback]`
    pub response_header:
        unsafe extern "C" fn(response: *mut Response, name: Bytes, value: Bytes) -> Status,
    /// Appends to the body. `[the thread of the callback]`
    pub response_body: unsafe extern "C" fn(response: *mut Response, body: Bytes) -> Status,
    /// Chooses the subprotocol in `on_upgrade`; [`INVALID`] where the client did not offer it.
    /// `[the thread of the callback]`
    pub response_subprotocol:
        unsafe extern "C" fn(response: *mut Response, subprotocol: Bytes) -> Status,
    /// Extensions of the host by id; null for an unknown one. `[any]`
    pub get_extension: unsafe extern "C" fn(host: *const Host, id: Bytes) -> *const c_void,
    /// The folder at which relative paths in the options begin: that of the configuration file, or
    /// the one that the server was started in where it has none. Absolute. Since 1.1. `[any]`
    pub config_folder: unsafe extern "C" fn(host: *const Host, out: *const Sink) -> Status,
    /// A folder for what the plugin keeps from one run to the next, its own and there: the plugin's
    /// name under the server's `state_dir`. [`ABSENT`] where the server has none; [`FAILED`] where it
    /// cannot be made, with why in `error`. All routes of a plugin share it. Blocks on the disk. Since
    /// 1.1. `[any]`
    pub state_folder:
        unsafe extern "C" fn(host: *const Host, out: *const Sink, error: *const Sink) -> Status,
    /// Writes the `index`-th value of `name` in the query, decoded, as UTF-8; [`ABSENT`] past the last. Since
    /// 1.1. `[the thread of the callback]`
    pub request_query: unsafe extern "C" fn(
        request: *const Request,
        name: Bytes,
        index: usize,
        out: *const Sink,
    ) -> Status,
    /// Value of the first cookie called `name`, as it came but for quotes around it; [`ABSENT`] where there is
    /// none. Since 1.1. `[the thread of the callback]`
    pub request_cookie:
        unsafe extern "C" fn(request: *const Request, name: Bytes, value: *mut Bytes) -> Status,
    /// Writes the option `key` of `config`, a text. `config` is what `create`, `reconfigure`, `check` or the call
    /// [`config`](Host::config) gave; a key may lead into others: `list[2].name`. [`ABSENT`]: it is not set.
    /// [`INVALID`]: it is no text, or `config` is no JSON; the words to fail with are in `error`. Since 1.1. `[any]`
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
    /// Sees to it that nothing is set in `config` but these `key_count` options; else [`INVALID`], with the
    /// words to fail with in `error`. Since 1.1. `[any]`
    pub config_only: unsafe extern "C" fn(
        config: Bytes,
        keys: *const Bytes,
        key_count: usize,
        error: *const Sink,
    ) -> Status,
}

/// Bytes of [`Host`] in version 1.0: what every host has.
pub const HOST_SIZE_1_0: u32 = std::mem::offset_of!(Host, config_folder) as u32;

/// Id of the host's extension [`Metrics`].
pub const METRICS: &str = "detent.metrics/1";

/// A number that only grows.
pub const COUNTER: u32 = 1;
/// A number that goes up and down.
pub const GAUGE: u32 = 2;
/// Numbers by bounds.
pub const HISTOGRAM: u32 = 3;

/// A metric as a plugin declares it.
#[repr(C)]
pub struct MetricDeclaration {
    /// Bytes of this struct.
    pub size: u32,
    /// [`COUNTER`], [`GAUGE`] or [`HISTOGRAM`].
    pub kind: u32,
    /// Name: a letter a-z, then a-z, 0-9 and `_`; 64 bytes at most. The server puts `detent_plugin_` and the
    /// plugin's name before it, and behind that of a counter `_total`.
    pub name: Bytes,
    /// What it means, for people: 1 to 256 bytes.
    pub help: Bytes,
    /// First of `label_count` names of labels, as `name`; may be null. Not `route`, `plugin` or `le`.
    pub labels: *const Bytes,
    /// Number of labels, 8 at most.
    pub label_count: usize,
    /// First of `bound_count` upper bounds of a histogram, finite and ascending; null for the others.
    pub bounds: *const f64,
    /// Number of bounds, 1 to 32 for a histogram.
    pub bound_count: usize,
}

/// Extension [`METRICS`] of the host: what a plugin counts for itself, shown with the server's own metrics. Of each
/// route there are 64 metrics and 1,000 series at most; they go on when the library is replaced. Since 1.1.
#[repr(C)]
pub struct Metrics {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Declares a metric and writes its number to `metric`: that of one that was declared in the same way before, by
    /// the library before this one too. One of the same name that was declared otherwise is forgotten. [`INVALID`]
    /// with what is wrong in `error`; [`EXHAUSTED`]: the route has as many as it may. `[any]`
    pub declare: unsafe extern "C" fn(
        host: *const Host,
        declaration: *const MetricDeclaration,
        metric: *mut u64,
        error: *const Sink,
    ) -> Status,
    /// Writes the number of the series of `metric` with these `value_count` values of its labels, 128 bytes each at
    /// most. [`INVALID`]: no such metric, another number of values, no UTF-8, or too long; [`EXHAUSTED`].
    /// `[any]`
    pub series: unsafe extern "C" fn(
        host: *const Host,
        metric: u64,
        values: *const Bytes,
        value_count: usize,
        series: *mut u64,
    ) -> Status,
    /// Adds to a counter (nothing negative) or a gauge. [`INVALID`]: it is neither, or `more` is not finite. `[any]`
    pub add: unsafe extern "C" fn(host: *const Host, series: u64, more: f64) -> Status,
    /// Sets a gauge. [`INVALID`] as in `add`. `[any]`
    pub set: unsafe extern "C" fn(host: *const Host, series: u64, number: f64) -> Status,
    /// Counts one of this size in a histogram. [`INVALID`] as in `add`. `[any]`
    pub observe: unsafe extern "C" fn(host: *const Host, series: u64, number: f64) -> Status,
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
