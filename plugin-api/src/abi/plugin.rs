//! What a plugin exports: its entry, its descriptor, its callbacks, and what they are told.

use std::ffi::c_void;

use super::{Bytes, ClientId, Host, Log, Request, Response, Sink, Status, TimerId};

/// What a library exports under [`ENTRY_SYMBOL`](super::ENTRY_SYMBOL): constant data.
///
/// The integers in front are read from the file before the library is opened.
#[repr(C)]
pub struct Entry {
    /// [`MAGIC`](super::MAGIC).
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
    /// old one only where both are equal, or where it says in `reads_state_formats` that it reads the old one's.
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
    /// [`FLAG_EVENT_STREAM`], [`FLAG_DEBUG_BUILD`], both or zero. Since 1.1.
    pub flags: u64,
    /// First of `reads_state_format_count` versions beside `state_format` that `create` and `on_open` take over from
    /// an older library; may be null. Which it is, `old_state_format` of the host tells. Since 1.1.
    pub reads_state_formats: *const u32,
    /// Number of those versions. Since 1.1.
    pub reads_state_format_count: usize,
}

// SAFETY: constant data behind shared pointers, written by nobody.
unsafe impl Sync for Descriptor {}

/// In the flags of a [`Descriptor`]: its routes take clients of event streams too (`GET` with `Accept:
/// text/event-stream`) and those that wait for one message (`Accept: application/json` and `?wait=`), unless the settings
/// of a route say otherwise. They are clients like any other:
/// `on_upgrade`, `on_open`, what is sent to them, `on_close`; `on_message` never comes. Since 1.1.
pub const FLAG_EVENT_STREAM: u64 = 1;

/// In the flags of a [`Descriptor`]: it was built for whoever looks for faults in it, and is slow; the server says so
/// where it loads it. Since 1.1.
pub const FLAG_DEBUG_BUILD: u64 = 2;

/// Id of the plugin's extension [`Check`].
pub const CHECK: &str = "detent.check/1";

/// Extension [`CHECK`] of a plugin: says what is wrong with options without making an instance. Since 1.1.
#[repr(C)]
pub struct Check {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Looks at `config`, as `create` gets it, and touches nothing: no file, no device, no thread. [`FAILED`](super::FAILED)
    /// with what is wrong in `error`; [`UNSUPPORTED`](super::UNSUPPORTED): it cannot tell without `create`, which is then
    /// called with a host that does nothing. `[main]`
    pub check: Option<unsafe extern "C" fn(config: Bytes, error: *const Sink) -> Status>,
}

/// The callbacks of a plugin. Null means that it is not implemented.
///
/// `route` is what `create` gave out, `session` what `on_open` gave out for this client. Callbacks of one
/// client never overlap; those of different clients do. A callback that answers [`FAILED`](super::FAILED) has
/// written why to `error`. Where that is about an option, "option `NAME`: " stands before it (for one
/// inside others, "option `list[2].name`: "): the server then names its line in the configuration.
#[repr(C)]
pub struct Functions {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Makes one instance for one route. `config` is its table as JSON text. `host` may be kept for
    /// ever, also after `destroy`: calls then answer [`GONE`](super::GONE). `old_state` is null, or what
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
    /// there is no session; where it fails in a plugin that was built against 1.1 or later, and the client is not one
    /// that is taken over, `on_close` follows all the same. `resumed` is null for a new client. `[connection]`, or `[main]` where
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
    /// One message: [`TEXT`](super::TEXT) or [`BINARY`](super::BINARY). `[connection]`
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
    /// Exactly once for each `on_open` that succeeded. Frees the session. Since 1.1 also once behind an `on_open` that
    /// failed or panicked, with what that wrote as session, null where it wrote nothing, so that what it had begun
    /// can be undone. `[connection]`
    pub on_close: Option<
        unsafe extern "C" fn(
            route: *mut c_void,
            session: *mut c_void,
            client: ClientId,
            cause: *const Cause,
            error: *const Sink,
        ) -> Status,
    >,
    /// A callback of this client failed or panicked, or its connection did. [`OK`](super::OK): dealt with, the
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
    /// Not implemented, or [`UNSUPPORTED`](super::UNSUPPORTED): a new instance takes over as in a swap. `[main]`
    pub reconfigure: Option<
        unsafe extern "C" fn(route: *mut c_void, config: Bytes, error: *const Sink) -> Status,
    >,
    /// Writes what the next instance needs. No callback of the route runs. [`UNSUPPORTED`](super::UNSUPPORTED): there is
    /// nothing, and the next instance gets no old state. `[main]`
    pub save_state: Option<
        unsafe extern "C" fn(route: *mut c_void, out: *const Sink, error: *const Sink) -> Status,
    >,
    /// Writes what the next instance needs of one client. No callback of the route runs.
    /// [`UNSUPPORTED`](super::UNSUPPORTED): there is nothing. `[main]`
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
