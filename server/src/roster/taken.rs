//! Which slots have a client: a bit for each, so that who looks at all clients passes over the many slots that have none.

use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};

const BITS: usize = u64::BITS as usize;

/// Set and cleared by who takes a slot and who frees it; read by anyone at any time, who may miss the change of just now.
pub(super) struct Taken(Box<[AtomicU64]>);

impl Taken {
    /// None of so many slots is taken.
    pub(super) fn new(slots: usize) -> Taken {
        let words = 0..slots.div_ceil(BITS);
        Taken(words.map(|_| AtomicU64::new(0)).collect())
    }

    pub(super) fn add(&self, slot: usize) {
        self.0[slot / BITS].fetch_or(1 << (slot % BITS), Ordering::Relaxed);
    }

    pub(super) fn remove(&self, slot: usize) {
        self.0[slot / BITS].fetch_and(!(1 << (slot % BITS)), Ordering::Relaxed);
    }

    /// The slots that are taken, from the lowest to the highest.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut left = word.load(Ordering::Relaxed);
            iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * BITS + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Taken;

    #[test]
    fn those_that_were_added_and_not_removed_are_there_each_once() {
        let taken = Taken::new(130);
        let there = || taken.iter().collect::<Vec<_>>();
        assert!(there().is_empty());
        for slot in [129, 0, 64, 63, 64] {
            taken.add(slot);
        }
        assert_eq!(there(), [0, 63, 64, 129]);
        for slot in [63, 129, 1] {
            taken.remove(slot);
        }
        assert_eq!(there(), [0, 64]);
    }
}
