//! A task of a plugin for the turn of one of its clients, as the host in memory holds it.
//!
//! Any thread puts it somewhere, who has the client's turn runs it, the last who holds it ends it.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::abi::{self, Sink, Status};

/// A task that the host has taken; it ends with the last who holds it.
pub(super) struct Job {
    task: abi::Task,
    /// Where the host is whose task it is: no other value of the plugin may run it.
    host: usize,
    is_taken: AtomicBool,
}

// SAFETY: the ABI lets a task go from thread to thread; it is only handed back to the plugin.
unsafe impl Send for Job {}
// SAFETY: it is run by who has the turn of its one client, and ended by the last who holds it.
unsafe impl Sync for Job {}

impl Job {
    /// # Safety
    /// `task` is a task whose functions belong to its data.
    pub(super) unsafe fn of(host: *const abi::Host, task: *const abi::Task) -> Arc<Job> {
        // SAFETY: as the caller says; plain data is copied.
        let task = unsafe { task.read() };
        Arc::new(Job {
            task,
            host: host.addr(),
            is_taken: false.into(),
        })
    }

    /// From here on it is the host's to end.
    pub(super) fn take(&self) {
        self.is_taken.store(true, Ordering::Release);
    }

    pub(super) fn is_of(&self, host: *const abi::Host) -> bool {
        self.host == host.addr()
    }

    /// # Safety
    /// `route` and `session` are those of the client and of the value whose task it is, and whoever calls has the
    /// client's turn.
    pub(super) unsafe fn run(
        &self,
        route: *mut c_void,
        session: *mut c_void,
        client: u64,
        error: *const Sink,
    ) -> Status {
        // SAFETY: as the caller says.
        unsafe { (self.task.run)(route, session, client, self.task.data, error) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(end) = self.task.end
            && *self.is_taken.get_mut()
        {
            // SAFETY: nobody else holds it any more.
            unsafe { end(self.task.data) };
        }
    }
}
