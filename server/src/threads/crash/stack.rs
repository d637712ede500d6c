//! What the handler runs on: a second stack of each thread, so that a first one which has overflowed can be told of.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::limits::CRASH_STACK_BYTES;
use crate::threads::whose::is_of_the_server;

thread_local! {
    /// Without a destructor, so that it can be asked until the very end.
    static WAS_SEEN: Cell<bool> = const { Cell::new(false) };
    /// Lent to a thread that a plugin has started, until that ends.
    static LENT: RefCell<Option<HandlerStack>> = const { RefCell::new(None) };
}

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

/// Lends one to this thread, until it ends, where a plugin has started it: at its first host call. One that has a stack for
/// handlers already, as threads of Go have, keeps that.
#[inline]
pub fn lend_to_strangers() {
    if !WAS_SEEN.get() {
        lend_to_stranger();
    }
}

#[cold]
fn lend_to_stranger() {
    WAS_SEEN.set(true);
    if is_of_the_server() || has_stack() {
        return;
    }
    // A plugin's own thread-local may call the host while this thread ends: then it is not lent any more.
    LENT.try_with(|lent| lent.replace(Some(HandlerStack::lend())))
        .ok();
}

fn has_stack() -> bool {
    let mut stack = libc::stack_t {
        ss_sp: ptr::null_mut(),
        ss_flags: libc::SS_DISABLE,
        ss_size: 0,
    };
    // SAFETY: it only asks.
    unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
    stack.ss_flags & libc::SS_DISABLE == 0
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
