//! What has become of messages on their way into files of journals, all files together.

use serde::Serialize;

use crate::counters::COUNTERS;

/// The files since the start.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct StoreFigures {
    /// Messages that are in a file, and that none took.
    pub(in crate::admin) stored: u64,
    pub(in crate::admin) unstored: u64,
    /// Batches in which they came there.
    pub(in crate::admin) batches: u64,
    /// Pieces that were read for clients that came back.
    pub(in crate::admin) fetched: u64,
    /// Times that something began to be wrong, and damaged files that were set aside.
    pub(in crate::admin) troubles: u64,
    pub(in crate::admin) set_aside: u64,
    /// Bytes that wait for the disk.
    pub(in crate::admin) waiting_bytes: u64,
    /// Messages whose publishers wait for the disk.
    pub(in crate::admin) durable_waiting: u64,
    /// Gaps that were told, by why.
    pub(in crate::admin) gaps: [(&'static str, u64); 3],
}

impl StoreFigures {
    pub(super) fn read() -> StoreFigures {
        let (store, hub) = (&COUNTERS.store, &COUNTERS.hub);
        // What was taken is read first, so that it is not more than what was put in.
        let (taken, told) = (store.taken_bytes.get(), store.told.get());
        let [too_old, other_epoch, hole] = &hub.gaps;
        StoreFigures {
            stored: store.written.get(),
            unstored: store.lost.get(),
            batches: store.batches.get(),
            fetched: store.fetched.get(),
            troubles: store.troubles.get(),
            set_aside: store.set_aside.get(),
            waiting_bytes: hub.filed_bytes.get().saturating_sub(taken),
            durable_waiting: hub.durable.get().saturating_sub(told),
            gaps: [
                ("too-old", too_old.get()),
                ("other-epoch", other_epoch.get()),
                ("hole", hole.get()),
            ],
        }
    }
}
