//! Calls of the extension `detent.session/1`.

#![allow(unsafe_code)]

use super::HostCalls;
use crate::abi::{self, Bytes, ClientId, Status, TimerId};

impl HostCalls {
    /// The extension, where the host has it as this crate knows it.
    fn turns(self) -> Option<&'static abi::Turns> {
        let (host, id) = (self.pointer(), Bytes::new(abi::TURNS.as_bytes()));
        // SAFETY: `HostCalls::new` had the host's table vouched for; the id outlives the call.
        let table: *const abi::Turns = unsafe { ((*host).get_extension)(host, id) }.cast();
        // SAFETY: the host's extension is valid for ever, as long as its size says.
        unsafe {
            if table.is_null() || !crate::covers!((*table).size, abi::Turns, set_timer) {
                return None;
            }
            Some(&*table)
        }
    }

    /// Has `task` run on the turn of a client. Its data is the host's where the status is [`abi::OK`].
    pub(crate) fn call_turn(self, client: ClientId, task: &abi::Task) -> Status {
        let host = self.pointer();
        self.turns().map_or(abi::UNSUPPORTED, |table| {
            // SAFETY: the task outlives the call, and its functions belong to its data.
            unsafe { (table.call)(host, client, std::ptr::from_ref(task)) }
        })
    }

    /// The same after some time.
    pub(crate) fn set_client_timer(
        self,
        client: ClientId,
        (delay_ms, period_ms): (u64, u64),
        task: &abi::Task,
    ) -> (Status, TimerId) {
        let (host, mut timer) = (self.pointer(), 0);
        let Some(table) = self.turns() else {
            return (abi::UNSUPPORTED, 0);
        };
        let task = std::ptr::from_ref(task);
        // SAFETY: as above; the timer's place too outlives the call.
        let status =
            unsafe { (table.set_timer)(host, client, delay_ms, period_ms, task, &raw mut timer) };
        (status, timer)
    }
}
