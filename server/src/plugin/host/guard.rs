//! What stands around each host call, so that no panic of ours unwinds into a plugin.
//!
//! Runs on whatever thread makes the call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plugin_api::abi::{FAILED, Status};

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
