//! The extension `detent.session/1` of the host in memory: what is to run on the turn of a client.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::host::MemoryHost;
use super::job::Job;
use super::place::fill;
use crate::abi::{self, Status, TimerId};

static TABLE: abi::Turns = abi::Turns {
    size: size_of::<abi::Turns>() as u32,
    reserved: 0,
    call,
    set_timer,
};

pub(super) fn table() -> *const c_void {
    (&raw const TABLE).cast()
}

/// The server's bound.
const CALLS_PER_CLIENT_MAX: usize = 64;

unsafe extern "C" fn call(host: *const abi::Host, client: u64, task: *const abi::Task) -> Status {
    // SAFETY: the plugin vouches, as the ABI asks.
    let (memory, job) = unsafe { (MemoryHost::from_abi(host), Job::of(host, task)) };
    if let Err(status) = memory.check_client(client) {
        return status;
    }
    if memory.is_held() {
        return abi::LATER;
    }
    let mut state = memory.world.lock();
    let waiting = state.calls.iter().filter(|(of, _)| *of == client);
    if waiting.count() >= CALLS_PER_CLIENT_MAX {
        return abi::EXHAUSTED;
    }
    job.take();
    state.calls.push_back((client, job));
    abi::OK
}

unsafe extern "C" fn set_timer(
    host: *const abi::Host,
    client: u64,
    delay_ms: u64,
    period_ms: u64,
    task: *const abi::Task,
    timer: *mut TimerId,
) -> Status {
    // SAFETY: the plugin vouches, as the ABI asks.
    let (memory, job) = unsafe { (MemoryHost::from_abi(host), Job::of(host, task)) };
    let set = memory.set_task(client, &job, delay_ms, period_ms);
    if set.is_ok() {
        job.take();
    }
    // SAFETY: the plugin vouches.
    unsafe { fill(timer, set) }
}
