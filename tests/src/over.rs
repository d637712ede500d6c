//! How a test tells its own threads that it is over.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a test is over, for threads that go on until then.
#[derive(Default)]
pub struct Over(AtomicBool);

/// The test is over when this is dropped.
#[must_use]
pub struct UntilOver<'a>(&'a AtomicBool);

impl Over {
    /// Whether it is.
    pub fn is_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// For whoever ends it. Where that one panics it is over too: the scope that both are in would wait for the others
    /// for ever, and the test would hang instead of telling what is wrong.
    pub fn when_dropped(&self) -> UntilOver<'_> {
        UntilOver(&self.0)
    }
}

impl Drop for UntilOver<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
