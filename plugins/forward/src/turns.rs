//! So many at once; the others wait for their turn.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) struct Turns {
    free: Mutex<usize>,
    changed: Condvar,
}

/// Given back when it is dropped.
pub(crate) struct Turn<'t>(&'t Turns);

impl Turns {
    pub(crate) fn new(count: usize) -> Turns {
        Turns {
            free: Mutex::new(count),
            changed: Condvar::new(),
        }
    }

    /// Blocks until one is free; none where that takes too long.
    pub(crate) fn take(&self, patience: Duration) -> Option<Turn<'_>> {
        let free = self.lock();
        let waited = self
            .changed
            .wait_timeout_while(free, patience, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        // Nothing panics with it.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.changed.notify_one();
    }
}
