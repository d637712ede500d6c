//! Which of its own messages each thread waits for: what it says to its client from then on comes behind them.
//!
//! Any thread, about itself.

use std::cell::RefCell;

use crate::ids::RouteId;

thread_local! {
    /// By route, the number of the last message of this thread that may be on its way; most threads speak on one route.
    static LAST: RefCell<Vec<(RouteId, u64)>> = const { RefCell::new(Vec::new()) };
}

/// This thread has said the message of this number.
pub(super) fn note(route: RouteId, number: u64) {
    // A plugin's own thread-local may speak while this thread ends: nobody asks any more then.
    LAST.try_with(|last| {
        let last = &mut *last.borrow_mut();
        match last.iter_mut().find(|(of, _)| *of == route) {
            Some((_, before)) => *before = number,
            None => last.push((route, number)),
        }
    })
    .ok();
}

/// The number of the last message of this thread that may be on its way; 0 where there is none.
pub(super) fn last(route: RouteId) -> u64 {
    let find = |last: &RefCell<Vec<(RouteId, u64)>>| {
        let last = last.borrow();
        last.iter()
            .find(|(of, _)| *of == route)
            .map(|(_, number)| *number)
    };
    // As above.
    LAST.try_with(find).ok().flatten().unwrap_or(0)
}

/// It has come back.
pub(super) fn forget(route: RouteId) {
    // As above.
    LAST.try_with(|last| last.borrow_mut().retain(|(of, _)| *of != route))
        .ok();
}
