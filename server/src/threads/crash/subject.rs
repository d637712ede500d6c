//! What a thread works at, for the line about its end. Written by the thread itself, read by the handler on it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::AtomicU64;

/// What one thread works at. No part of it has a destructor, so that it can be read until the very end.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    /// Where its callbacks are noted; null for none. Valid as long as the scope that has set it.
    pub(super) note: *const AtomicU64,
    /// Whose they are; 0 for nobody's.
    pub(super) client: u64,
    /// The call that it makes otherwise, and of whom, both valid as long as their scope.
    pub(super) call: Option<(&'static str, *const str)>,
}

const NOTHING: Subject = Subject {
    note: ptr::null(),
    client: 0,
    call: None,
};

thread_local! {
    static SUBJECT: Cell<Subject> = const { Cell::new(NOTHING) };
    static GUARD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// What this thread works at.
pub(super) fn current() -> Subject {
    SUBJECT.get()
}

/// The addresses of the guard below this thread's stack; empty where that is not ours.
pub(super) fn guard() -> Range<usize> {
    let (start, end) = GUARD.get();
    start..end
}

/// Says where the guard below this thread's stack is.
pub(in crate::threads) fn set_guard(guard: Range<usize>) {
    GUARD.set((guard.start, guard.end));
}

/// What a thread works at until this is dropped, on that thread.
#[must_use = "it ends with this"]
pub struct Scope<'a> {
    before: Subject,
    /// What is pointed to outlives it; it stays on its thread.
    borrows: PhantomData<(&'a str, *const ())>,
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        SUBJECT.set(self.before);
    }
}

/// This thread runs callbacks of `client` (0 for none) that are noted in `note`.
pub fn run_for(note: &AtomicU64, client: u64) -> Scope<'_> {
    enter(Subject {
        note,
        client,
        call: None,
    })
}

/// This thread makes the call `what` of `whom`, which is not noted elsewhere.
pub fn calling<'a>(what: &'static str, whom: &'a str) -> Scope<'a> {
    enter(Subject {
        call: Some((what, ptr::from_ref(whom))),
        ..NOTHING
    })
}

fn enter<'a>(subject: Subject) -> Scope<'a> {
    Scope {
        before: SUBJECT.replace(subject),
        borrows: PhantomData,
    }
}
