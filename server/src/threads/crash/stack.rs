//! What the handler runs on: a second stack of each thread, so that a first one which has overflowed can be told of.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::limits::CRASH_STACK_BYTES;

/// Gives this thread a stack for the handler, which costs no memory before that runs.
pub(in crate::threads) fn lend_stack(start: NonNull<u8>, length: usize) {
    let stack = libc::stack_t {
        ss_sp: start.as_ptr().cast(),
        ss_flags: 0,
        ss_size: length,
    };
    // SAFETY: the range is mapped, and nobody else's until the thread has ended. Where the system wants more, an overflow
    // ends the process without a line, as without this.
    unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
}

/// A stack for the handler on a thread of the standard library, whose own is just large enough for what the kernel writes
/// there. Lent to the thread that has made it until it is dropped.
pub struct HandlerStack {
    bytes: Vec<MaybeUninit<u8>>,
    /// It stays on its thread.
    _stays: PhantomData<*const ()>,
}

impl HandlerStack {
    /// Lends one to this thread: for those that run code of plugins.
    pub fn lend() -> HandlerStack {
        let mut bytes = Vec::with_capacity(CRASH_STACK_BYTES);
        if let Some(start) = NonNull::new(bytes.as_mut_ptr()) {
            lend_stack(start.cast(), bytes.capacity());
        }
        HandlerStack {
            bytes,
            _stays: PhantomData,
        }
    }
}

impl Drop for HandlerStack {
    fn drop(&mut self) {
        let none = libc::stack_t {
            ss_sp: ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: self.bytes.capacity(),
        };
        // SAFETY: no handler runs on it, since this thread runs here.
        unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
    }
}
