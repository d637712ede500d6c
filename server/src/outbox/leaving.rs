//! Sockets that have had their last word and stay open a little, so that it arrives: how many there
//! are, and who of them goes first where they are too many.
//!
//! Whoever finishes a connection counts it, the drain thread cuts. Each holds an open file and little
//! else; they are bounded beside the connections, which are places.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Outbox;
use crate::limits::{LEAVING_BEHIND_MAX, LEAVING_MAX};

/// The count; shared through the handles of the drain thread.
pub(super) struct Count {
    sockets: AtomicUsize,
    max: AtomicUsize,
    /// Files are short: all are to be cut that can be.
    is_short: AtomicBool,
}

impl Default for Count {
    fn default() -> Count {
        Count {
            sockets: AtomicUsize::new(0),
            max: AtomicUsize::new(LEAVING_MAX as usize),
            is_short: AtomicBool::new(false),
        }
    }
}

impl Count {
    /// From now on so many may be open.
    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Whether there are clearly more of them than may be.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_over_by(LEAVING_BEHIND_MAX)
    }

    /// All are to be cut that can be.
    pub(super) fn cut_all(&self) {
        self.is_short.store(true, Ordering::Release);
    }

    fn is_over_by(&self, more: usize) -> bool {
        self.sockets.load(Ordering::Relaxed) > self.max.load(Ordering::Relaxed) + more
    }
}

/// One that is counted, as long as its outbox lives.
pub(super) struct Leaver(Arc<Count>);

impl Leaver {
    pub(super) fn new(count: &Arc<Count>) -> Leaver {
        count.sockets.fetch_add(1, Ordering::Relaxed);
        Leaver(count.clone())
    }
}

impl Drop for Leaver {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Those that the drain thread may cut, since nothing is left to send to them: the oldest first.
#[derive(Default)]
pub(super) struct Told {
    by_age: BTreeMap<u64, Arc<Outbox>>,
    next: u64,
}

impl Told {
    /// One more has its answer; gives the number under which it is found.
    pub(super) fn add(&mut self, outbox: &Arc<Outbox>) -> u64 {
        self.next += 1;
        self.by_age.insert(self.next, outbox.clone());
        self.next
    }

    /// It has gone.
    pub(super) fn remove(&mut self, number: u64) {
        self.by_age.remove(&number);
    }

    /// One that has to go now.
    pub(super) fn next_to_cut(&self, count: &Count) -> Option<Arc<Outbox>> {
        if !count.is_over_by(0) && !count.is_short.load(Ordering::Acquire) {
            return None;
        }
        let oldest = self.by_age.values().next().cloned();
        if oldest.is_none() {
            count.is_short.store(false, Ordering::Release);
        }
        oldest
    }
}
