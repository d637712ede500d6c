//! The extension `detent.hosts/1` of the host in memory, whose route no other host shares.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::host::MemoryHost;
use crate::abi::{self, Bytes, ClientEverywhere, Status};

static TABLE: abi::Hosts = abi::Hosts {
    size: size_of::<abi::Hosts>() as u32,
    reserved: 0,
    this_host,
    count,
    list,
    send,
    close,
};

pub(super) fn table() -> *const c_void {
    (&raw const TABLE).cast()
}

/// The one host there is.
const NUMBER: u64 = 1;
/// The server's bound.
const LISTED_MAX: usize = 10_000;

unsafe extern "C" fn this_host(
    _: *const abi::Host,
    number: *mut u64,
    is_shared: *mut u32,
) -> Status {
    // SAFETY: the plugin vouches for the places, as the ABI asks.
    unsafe {
        if !number.is_null() {
            number.write(NUMBER);
        }
        if !is_shared.is_null() {
            is_shared.write(0);
        }
    }
    abi::OK
}

unsafe extern "C" fn count(host: *const abi::Host, count: *mut u64) -> Status {
    // SAFETY: the plugin vouches for both, as the ABI asks.
    unsafe { ((*host).client_count)(host, count) }
}

unsafe extern "C" fn list(
    host: *const abi::Host,
    label: Bytes,
    sink: *const abi::EverywhereSink,
    count: *mut u64,
) -> Status {
    // SAFETY: the plugin vouches, as the ABI asks.
    let (host, wanted) = unsafe { (MemoryHost::from_abi(host), label.as_slice()) };
    if let Err(status) = host.check() {
        return status;
    }
    let mut listed = host.world.lock().list(None);
    listed.retain(|(_, label)| wanted.is_empty() || label.as_bytes() == wanted);
    for (client, label) in listed.iter().take(LISTED_MAX) {
        let client = ClientEverywhere {
            host: NUMBER,
            client: *client,
        };
        // SAFETY: the plugin vouches for the sink.
        unsafe { ((*sink).member)((*sink).context, client, Bytes::new(label.as_bytes())) };
    }
    if !count.is_null() {
        // SAFETY: the plugin vouches.
        unsafe { count.write(listed.len() as u64) };
    }
    abi::OK
}

unsafe extern "C" fn send(
    host: *const abi::Host,
    client: ClientEverywhere,
    kind: u32,
    payload: Bytes,
) -> Status {
    // Nobody is on another host.
    let client = own(client);
    // SAFETY: the plugin vouches, as the ABI asks.
    unsafe { ((*host).send)(host, client, kind, payload) }
}

unsafe extern "C" fn close(
    host: *const abi::Host,
    client: ClientEverywhere,
    code: u32,
    reason: Bytes,
) -> Status {
    let client = own(client);
    // SAFETY: the plugin vouches, as the ABI asks.
    unsafe { ((*host).close)(host, client, code, reason) }
}

/// Its number here; that of nobody where it is elsewhere.
fn own(client: ClientEverywhere) -> abi::ClientId {
    match client.host {
        NUMBER => client.client,
        _ => abi::NO_CLIENT,
    }
}
