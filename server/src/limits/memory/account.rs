//! How a holder tells what it holds.

use super::{LEDGER, Part};
use crate::limits::MEMORY_GRAIN_BYTES;

/// What one holder has told; taken back when dropped. Used by one thread at a time.
#[derive(Debug)]
pub struct Account {
    part: Part,
    grains: usize,
}

impl Account {
    /// Nothing yet.
    pub const fn new(part: Part) -> Account {
        Account { part, grains: 0 }
    }

    /// It holds so many bytes now. True where what all know has changed.
    #[inline(always)]
    pub fn set(&mut self, bytes: usize) -> bool {
        let grains = bytes / MEMORY_GRAIN_BYTES;
        grains != self.grains && self.book(grains)
    }

    /// Bytes that were told: whole grains.
    pub fn told(&self) -> usize {
        self.grains * MEMORY_GRAIN_BYTES
    }

    #[cold]
    #[inline(never)]
    fn book(&mut self, grains: usize) -> bool {
        let bytes = |grains: usize| (grains * MEMORY_GRAIN_BYTES) as u64;
        if grains > self.grains {
            LEDGER.add(self.part, bytes(grains - self.grains));
        } else {
            LEDGER.remove(self.part, bytes(self.grains - grains));
        }
        self.grains = grains;
        true
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// One client that is here, with what it costs while it does nothing.
#[derive(Debug)]
pub struct AtRest {
    bytes: u64,
}

impl AtRest {
    /// It has come, and costs so many bytes until this is dropped.
    pub fn new(bytes: u64) -> AtRest {
        LEDGER.add(Part::AtRest, bytes);
        AtRest { bytes }
    }
}

impl Drop for AtRest {
    fn drop(&mut self) {
        LEDGER.remove(Part::AtRest, self.bytes);
    }
}
