//! Extension `detent.session/1` of the host, since 1.1: work with the session of a client that is not the callback's own.

use std::ffi::c_void;

use super::{ClientId, Host, Sink, Status, TimerId};

/// Id of the host's extension [`Turns`].
pub const TURNS: &str = "detent.session/1";

/// What is to run on a client's turn.
#[repr(C)]
pub struct Task {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Handed back to `run` and `end`.
    pub data: *mut c_void,
    /// A callback of the client like `on_message`: no other callback of it runs meanwhile, a failure ends in
    /// `on_error`. `[connection]` or `[timers]`, and before the plugin's code is replaced `[main]`
    pub run: unsafe extern "C" fn(
        route: *mut c_void,
        session: *mut c_void,
        client: ClientId,
        data: *mut c_void,
        error: *const Sink,
    ) -> Status,
    /// Frees `data`: once, when `run` does not come any more, whether it came or not. Null: there is nothing to free.
    /// `[any]`
    pub end: Option<unsafe extern "C" fn(data: *mut c_void)>,
}

/// Extension [`TURNS`] of the host. A call that does not answer [`OK`](super::OK) has not taken the task: `end` does
/// not come.
#[repr(C)]
pub struct Turns {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Runs `task` once, as soon as no callback of the client runs: within 10 ms where none does. Never inside of
    /// this call. Where the client ends before, or the code is replaced, it does not run. [`GONE`](super::GONE);
    /// [`EXHAUSTED`](super::EXHAUSTED): 64 wait for this client already; [`LATER`](super::LATER): this instance has not
    /// taken over yet. `[any]`
    pub call:
        unsafe extern "C" fn(host: *const Host, client: ClientId, task: *const Task) -> Status,
    /// Runs `task` on the client's turn after `delay_ms` and then every `period_ms` (0: once). `cancel_timer` of the
    /// host ends it, and so do the client's end and a replacement of the code. A turn that is overrun is skipped. Up
    /// to 65,536 such timers a route, else [`EXHAUSTED`](super::EXHAUSTED). `[any]`
    pub set_timer: unsafe extern "C" fn(
        host: *const Host,
        client: ClientId,
        delay_ms: u64,
        period_ms: u64,
        task: *const Task,
        timer: *mut TimerId,
    ) -> Status,
}
