//! A publisher that waits until the file has its message: it is told once, whatever becomes of the message.
//!
//! Made on the hub's thread, told by the file's thread, or dropped with its queue.

use super::StoreError;
use crate::counters::COUNTERS;

/// Called when it is known whether a message is stored.
pub type Confirm = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// One that is to be called; counted as long as it is there.
pub(in crate::journal) struct Awaited(Option<Confirm>);

impl Awaited {
    pub(super) fn new(confirm: Confirm) -> Awaited {
        COUNTERS.hub.durable.add(1);
        Awaited(Some(confirm))
    }

    pub(super) fn answer(mut self, result: Result<(), StoreError>) {
        if let Some(confirm) = self.0.take() {
            confirm(result);
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        COUNTERS.store.told.add(1);
    }
}
