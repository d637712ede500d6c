//! What the answer of an `on_request` waits for: a disk, as the server has it wait.
//!
//! The thread that runs the callback, and only while it does; host calls note here what they cannot do at once.

use std::cell::RefCell;

use super::call;

/// What the callback on this thread has asked of a disk.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked {
    /// Something that is in the file alone.
    pub(super) reads: bool,
    /// The disk has answered that, and the callback is called again.
    pub(super) is_again: bool,
    /// Something was to be durable, and is not.
    pub(super) is_not_stored: bool,
}

thread_local! {
    static ASKED: RefCell<Option<Asked>> = const { RefCell::new(None) };
}

/// Runs an `on_request`, again where that is so: what it gives, and what it has asked of a disk.
pub(super) fn in_request<T>(is_again: bool, callback: impl FnOnce() -> T) -> (T, Asked) {
    ASKED.set(Some(Asked {
        is_again,
        ..Asked::default()
    }));
    let given = callback();
    (given, ASKED.take().unwrap_or_default())
}

/// Whether what the file has is known on this thread: a callback is called again for it, and a thread that a plugin has
/// started waits.
pub(super) fn is_known() -> bool {
    let mut is_again = false;
    let is_in_request = with(|asked| {
        asked.reads = !asked.is_again;
        is_again = asked.is_again;
    });
    if is_in_request { is_again } else { may_wait() }
}

/// Notes that the answer waits in vain for something to be stored; false where this thread is in no `on_request`.
pub(super) fn answer_waits() -> bool {
    with(|asked| asked.is_not_stored = true)
}

/// Whether this thread may wait for a disk: none that runs a callback may, and one that a plugin has started does.
pub(super) fn may_wait() -> bool {
    !call::is_on_this_thread()
}

fn with(note: impl FnOnce(&mut Asked)) -> bool {
    ASKED.with(|asked| asked.borrow_mut().as_mut().map(note).is_some())
}
