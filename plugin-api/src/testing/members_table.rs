//! The extension `detent.members/1` of the host in memory.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::host::MemoryHost;
use super::place::status;
use super::received::Received;
use super::world::{Order, ToldOrder, message, topic};
use crate::abi::{self, Bytes, Status};

static TABLE: abi::Members = abi::Members {
    size: size_of::<abi::Members>() as u32,
    reserved: 0,
    list,
    join_told,
};

pub(super) fn table() -> *const c_void {
    (&raw const TABLE).cast()
}

/// The server's bounds.
const WORD_BYTES_MAX: usize = 1024;
const LISTED_MAX: usize = 10_000;

unsafe extern "C" fn list(
    host: *const abi::Host,
    name: Bytes,
    sink: *const abi::MemberSink,
    count: *mut u64,
) -> Status {
    // SAFETY: the plugin vouches, as the ABI asks.
    let (host, name) = unsafe { (MemoryHost::from_abi(host), name.as_slice()) };
    let name = match name {
        [] => None,
        name => match topic(name) {
            Ok(name) => Some(name),
            Err(status) => return status,
        },
    };
    if let Err(status) = host.check() {
        return status;
    }
    let listed = host.world.lock().list(name.as_deref());
    for (client, label) in listed.iter().take(LISTED_MAX) {
        // SAFETY: the plugin vouches for the sink.
        unsafe { ((*sink).member)((*sink).context, *client, Bytes::new(label.as_bytes())) };
    }
    if !count.is_null() {
        // SAFETY: the plugin vouches.
        unsafe { count.write(listed.len() as u64) };
    }
    abi::OK
}

unsafe extern "C" fn join_told(
    host: *const abi::Host,
    client: u64,
    name: Bytes,
    joined: *const abi::Word,
    left: *const abi::Word,
) -> Status {
    // SAFETY: the plugin vouches, as the ABI asks.
    let (host, name) = unsafe { (MemoryHost::from_abi(host), name.as_slice()) };
    // SAFETY: as above.
    let (joined, left) = unsafe { (said(joined), said(left)) };
    let order = || {
        let order = ToldOrder {
            client,
            topic: topic(name)?,
            joined: joined?,
            left: left?,
        };
        host.check_client(client)?;
        host.post(Order::JoinTold(Box::new(order)))
    };
    status(order())
}

/// # Safety
/// `word` is null, or a word whose bytes are there during the call.
unsafe fn said(word: *const abi::Word) -> Result<Option<Received>, Status> {
    // SAFETY: as the caller says.
    let Some(word) = (unsafe { word.as_ref() }).filter(|word| word.kind != 0) else {
        return Ok(None);
    };
    // SAFETY: as the caller says.
    let payload = unsafe { word.payload.as_slice() };
    if payload.len() > WORD_BYTES_MAX {
        return Err(abi::INVALID);
    }
    message(word.kind, payload).map(Some)
}
