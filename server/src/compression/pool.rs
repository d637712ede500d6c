//! The compressors of the process: so many, lent to whoever compresses a message.
//!
//! Any thread but the hub's. The lock is held for a look through a short list.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::agreed::Window;
use super::compressor::Compressor;
use crate::limits::{COMPRESSOR_WAIT, COMPRESSORS_LEAST, COMPRESSORS_MOST};

/// Those of the whole process.
pub(super) static COMPRESSORS: LazyLock<Pool> = LazyLock::new(|| {
    // Twice the processors, so that one that waits for its turn does not stop those that have theirs.
    let processors = available_parallelism().map_or(1, usize::from);
    Pool::new((2 * processors).clamp(COMPRESSORS_LEAST, COMPRESSORS_MOST))
});

/// A bounded number of compressors.
pub(super) struct Pool {
    most: usize,
    state: Mutex<State>,
    /// Signalled once for each that comes back.
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Compressor>,
    lent: usize,
}

/// A compressor that is lent; it goes back by itself.
pub(super) struct Lent<'a> {
    pool: &'a Pool,
    compressor: Option<Compressor>,
}

impl Pool {
    pub(super) fn new(most: usize) -> Pool {
        Pool {
            most,
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// One without a past; none where all are busy for too long.
    pub(super) fn lend(&self, window: Window, level: u8) -> Option<Lent<'_>> {
        let mut state = self.state.lock();
        if state.lent == self.most {
            let deadline = Instant::now() + COMPRESSOR_WAIT;
            while state.lent == self.most {
                if self.returned.wait_until(&mut state, deadline).timed_out() {
                    return None;
                }
            }
        }
        state.lent += 1;
        let found = state.idle.iter().rposition(|of| of.is_for(window, level));
        let found = match found {
            Some(index) => Ok(state.idle.swap_remove(index)),
            // Another one gives way to it, where there are as many as there may be.
            None if state.lent + state.idle.len() > self.most => Err(state.idle.pop()),
            None => Err(None),
        };
        drop(state);
        let compressor = found.unwrap_or_else(|gives_way| {
            drop(gives_way);
            Compressor::new(window, level)
        });
        Some(Lent {
            pool: self,
            compressor: Some(compressor),
        })
    }
}

impl Deref for Lent<'_> {
    type Target = Compressor;

    fn deref(&self) -> &Compressor {
        // It is taken only when this is dropped.
        self.compressor.as_ref().expect("lent")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Compressor {
        self.compressor.as_mut().expect("lent")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut compressor = self.compressor.take();
        if let Some(compressor) = &mut compressor {
            compressor.forget();
            compressor.shrink();
        }
        let mut state = self.pool.state.lock();
        state.idle.extend(compressor);
        state.lent -= 1;
        drop(state);
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use crate::compression::Window;

    #[test]
    fn no_more_are_made_than_there_may_be() {
        let pool = Pool::new(2);
        let [nine, fifteen] = [9, 15].map(|bits| Window::new(bits).expect("one"));
        let first = pool.lend(nine, 6).expect("one is there");
        let second = pool.lend(fifteen, 6).expect("another is there");
        assert!(pool.lend(nine, 6).is_none(), "both are busy");
        drop((first, second));
        assert_eq!(pool.state.lock().idle.len(), 2);
        drop(pool.lend(nine, 1).expect("one gives way"));
        assert_eq!(pool.state.lock().idle.len(), 2);
    }
}
