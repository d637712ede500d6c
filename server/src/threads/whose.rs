//! Whose thread it is that asks: one of ours, or one that a plugin has started.
//!
//! Any thread.

use std::cell::Cell;

thread_local! {
    /// Without a destructor, so that it can be asked until the very end.
    static IS_CONNECTION: Cell<bool> = const { Cell::new(false) };
}

/// This thread is a connection's from now on.
pub(super) fn is_a_connection_from_now_on() {
    IS_CONNECTION.set(true);
}

/// Whether this thread is one of [`spawn`](super::spawn())'s.
pub fn is_connection() -> bool {
    IS_CONNECTION.get()
}

/// Whether the server has started this thread, and no plugin: those of the standard library have names here, and a plugin has a
/// standard library of its own, whose names this one does not know.
pub fn is_of_the_server() -> bool {
    is_connection() || std::thread::current().name().is_some()
}
