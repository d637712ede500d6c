//! The extension `detent.client/1` of the host in memory, and whose callback runs on a thread.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use super::host::MemoryHost;
use super::http::MemoryRequest;
use super::place::fill;
use crate::abi::{self, Status};

thread_local! {
    /// The client whose callback runs on this thread, and its handshake, which is there as long as the scope that has set it.
    static TURN: Cell<(u64, *const MemoryRequest)> = const { Cell::new((0, ptr::null())) };
}

/// A callback of a client runs on this thread until this is dropped.
#[must_use = "it ends with this"]
pub(super) struct Turn<'a> {
    before: (u64, *const MemoryRequest),
    _request: &'a MemoryRequest,
}

impl Turn<'_> {
    pub(super) fn of(client: u64, request: &MemoryRequest) -> Turn<'_> {
        Turn {
            before: TURN.replace((client, request)),
            _request: request,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        TURN.set(self.before);
    }
}

static TABLE: abi::ClientView = abi::ClientView {
    size: size_of::<abi::ClientView>() as u32,
    reserved: 0,
    buffered,
    request,
    connected,
};

pub(super) fn table() -> *const c_void {
    (&raw const TABLE).cast()
}

/// There is no socket here that could be full.
unsafe extern "C" fn buffered(host: *const abi::Host, client: u64, bytes: *mut u64) -> Status {
    // SAFETY: the plugin vouches, as the ABI asks.
    let host = unsafe { MemoryHost::from_abi(host) };
    match host.check_client(client) {
        // SAFETY: as above.
        Ok(()) => unsafe { fill(bytes, Ok(0)) },
        Err(status) => status,
    }
}

unsafe extern "C" fn connected(host: *const abi::Host, client: u64) -> Status {
    // SAFETY: the plugin vouches, as the ABI asks.
    let host = unsafe { MemoryHost::from_abi(host) };
    match host.check_client(client) {
        Ok(()) if host.world.lock().has_hung_up(client) => abi::GONE,
        Ok(()) => abi::OK,
        Err(status) => status,
    }
}

unsafe extern "C" fn request(
    _: *const abi::Host,
    client: u64,
    request: *mut *const abi::Request,
) -> Status {
    let (of, handshake) = TURN.get();
    if of != client || handshake.is_null() {
        return abi::ABSENT;
    }
    // SAFETY: the plugin vouches for the place.
    unsafe { fill(request, Ok(handshake.cast())) }
}
