//! A task of a plugin for the turn of one of its clients, as the host holds it.
//!
//! Any thread puts it somewhere, who has the client's seat runs it, the last who holds it ends it. Knows nothing of the
//! calls that bring it.
#![allow(unsafe_code)]

use std::ffi::c_void;

use plugin_api::abi::{self, Sink, Status};
use plugin_api::covers;

use crate::ids::ClientId;

type Run = unsafe extern "C" fn(
    *mut c_void,
    *mut c_void,
    abi::ClientId,
    *mut c_void,
    *const Sink,
) -> Status;

/// A task that the host has taken; it ends with the last who holds it.
pub(in crate::plugin) struct Job {
    data: *mut c_void,
    run: Run,
    end: Option<unsafe extern "C" fn(*mut c_void)>,
    /// Where the host of the instance is whose task it is: no other instance may run it.
    host: usize,
}

// SAFETY: the ABI lets a task go from thread to thread; it is only handed back to the plugin.
unsafe impl Send for Job {}
// SAFETY: it is run by who has the seat of its one client, and ended by the last who holds it.
unsafe impl Sync for Job {}

impl Job {
    /// A task of the instance whose host is there.
    ///
    /// # Safety
    /// `task` is null or a task whose functions belong to its data.
    pub(super) unsafe fn take(host: *const abi::Host, task: *const abi::Task) -> Option<Job> {
        // SAFETY: as the caller says; the size is asked for first.
        let task = unsafe {
            if task.is_null() || !covers!((*task).size, abi::Task, end) {
                return None;
            }
            &*task
        };
        let (data, run, end) = (task.data, task.run, task.end);
        Some(Job {
            data,
            run,
            end,
            host: host.addr(),
        })
    }

    /// Not taken after all: it is the plugin's again.
    pub(super) fn give_back(mut self) {
        self.end = None;
    }

    /// Whether it is of the instance that has this host.
    pub(in crate::plugin) fn is_of(&self, host: *const abi::Host) -> bool {
        self.host == host.addr()
    }

    /// # Safety
    /// `route` and `session` are those of the client and of the instance whose task it is, and whoever calls has the
    /// client's seat.
    pub(in crate::plugin) unsafe fn run(
        &self,
        route: *mut c_void,
        session: *mut c_void,
        client: ClientId,
        error: *const Sink,
    ) -> Status {
        // SAFETY: as the caller says.
        unsafe { (self.run)(route, session, client.0, self.data, error) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(end) = self.end {
            // SAFETY: nobody else holds it any more; the library is never unloaded.
            unsafe { end(self.data) };
        }
    }
}
