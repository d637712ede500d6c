//! What stands around each host call, so that no panic of ours unwinds into a plugin.
//!
//! Runs on whatever thread makes the call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plugin_api::abi::{FAILED, INVALID, OK, Status};

use crate::outbox::end_own_for_fault;
use crate::threads::crash::lend_to_strangers;

/// Makes a host call. A panic of ours, which would end the process at the edge to C, makes it fail, and where
/// the thread is a connection's, ends its client. The panic hook has reported it.
pub(super) fn guard(call: impl FnOnce() -> Status) -> Status {
    lend_to_strangers();
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        end_own_for_fault();
        FAILED
    })
}

/// Puts what a call gives into the plugin's place for it; [`INVALID`] where that is null. In C a place may hold nothing yet,
/// so that it is written and never referred to.
///
/// # Safety
/// `place` is null or may be written.
#[allow(unsafe_code)]
pub(super) unsafe fn answer<T>(result: Result<T, Status>, place: *mut T) -> Status {
    if place.is_null() {
        return INVALID;
    }
    match result {
        Ok(value) => {
            // SAFETY: the caller vouches for it.
            unsafe { place.write(value) };
            OK
        }
        Err(status) => status,
    }
}
