//! Frames that are offered to many clients at once: held once, however many of them wait for it.
//!
//! The hub makes them and offers them; an outbox whose socket does not take all of a large one keeps a
//! share of it instead of a copy.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::limits::SHARED_BYTES_LEAST;
use crate::limits::memory::{Account, Part};

/// A run of whole frames. It changes only while nobody else has a share.
#[derive(Debug, Default)]
pub struct Shared {
    bytes: Vec<u8>,
    /// Counted when the first outbox keeps a share.
    account: OnceLock<Account>,
}

impl Shared {
    /// A run of these frames.
    pub fn new(frames: Vec<u8>) -> Shared {
        Shared {
            bytes: frames,
            account: OnceLock::new(),
        }
    }

    /// The memory of it, to collect frames in.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        self.account.take();
        &mut self.bytes
    }

    /// A share of it, to be kept.
    pub(super) fn keep(self: &Arc<Shared>) -> Arc<Shared> {
        self.account.get_or_init(|| {
            let mut account = Account::new(Part::Backlogs);
            account.set(self.bytes.capacity());
            account
        });
        self.clone()
    }
}

impl Clone for Shared {
    /// A copy in which nobody has a share.
    fn clone(&self) -> Shared {
        Shared::new(self.bytes.clone())
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whole frames that are offered to one client. Where they are its bytes is told once: they are looked at again and
/// again on the way to the system call.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    /// Of which what has to wait is shared where it is large; else it is copied.
    run: Option<&'a Arc<Shared>>,
}

impl<'a> Frames<'a> {
    /// Of which what has to wait is copied.
    #[inline(always)]
    pub const fn copied(bytes: &'a [u8]) -> Frames<'a> {
        Frames { bytes, run: None }
    }

    /// All of a run.
    #[inline(always)]
    pub fn shared(run: &'a Arc<Shared>) -> Frames<'a> {
        Frames {
            bytes: run,
            run: Some(run),
        }
    }

    /// Their bytes.
    #[inline(always)]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The run to keep a share of for all bytes behind the first `sent`, where that is worth while.
    pub(super) fn share(self, sent: usize) -> Option<&'a Arc<Shared>> {
        self.run
            .filter(|run| run.len() - sent >= SHARED_BYTES_LEAST)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Shared;

    /// Cause: a mutant survived whose copy was empty.
    #[test]
    fn a_copy_has_all_of_it_and_no_share() {
        let run = Arc::new(Shared::new(b"frames".to_vec()));
        let kept = run.keep();
        let copy = Shared::clone(&run);
        assert_eq!((&*copy, &**kept), (&b"frames"[..], &b"frames"[..]));
        assert!(copy.account.get().is_none() && run.account.get().is_some());
    }
}
