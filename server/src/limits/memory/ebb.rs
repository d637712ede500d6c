//! When it is worth while to give memory back: much less is held than was, and it stays so.
//!
//! Plain arithmetic, for the main thread's tick.

use std::time::Instant;

use crate::limits::{EBB_AGAIN, EBB_BYTES_LEAST, EBB_CALM};

/// How much was held, since memory was last given back.
#[derive(Debug, Default)]
pub struct Ebb {
    highest: u64,
    since: Option<Instant>,
    again_at: Option<Instant>,
}

impl Ebb {
    /// So many bytes are held now, and `highest` at most since this was last told. True where memory is to be given
    /// back: of what was held, much was let go some time ago; and once more a while after that, for those who were late.
    pub fn is_over(&mut self, now: Instant, bytes: u64, highest: u64) -> bool {
        self.highest = self.highest.max(bytes).max(highest);
        if self.highest - bytes < EBB_BYTES_LEAST {
            self.since = None;
            return self.again_at.take_if(|at| *at <= now).is_some();
        }
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) < EBB_CALM {
            return false;
        }
        *self = Ebb {
            highest: bytes,
            since: None,
            again_at: Some(now + EBB_AGAIN),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{EBB_AGAIN, EBB_BYTES_LEAST, EBB_CALM, Ebb};

    #[test]
    fn what_was_let_go_is_given_back_soon_and_once_more() {
        let mut ebb = Ebb::default();
        let start = Instant::now();
        let mut given_back = Vec::new();
        for second in 0..100 {
            let held = match second {
                10..20 => 3 * EBB_BYTES_LEAST,
                _ => EBB_BYTES_LEAST / 2,
            };
            let now = start + Duration::from_secs(second);
            if ebb.is_over(now, held, held) {
                given_back.push(Duration::from_secs(second - 20));
            }
        }
        assert_eq!(given_back, [EBB_CALM, EBB_CALM + EBB_AGAIN]);
    }

    /// Cause: a flood that was over before anybody looked was given back never.
    #[test]
    fn what_was_held_between_two_looks_counts() {
        let mut ebb = Ebb::default();
        let start = Instant::now();
        assert!(!ebb.is_over(start, 0, 2 * EBB_BYTES_LEAST));
        assert!(ebb.is_over(start + EBB_CALM, 0, 0));
    }

    #[test]
    fn what_comes_and_goes_is_left_alone() {
        let mut ebb = Ebb::default();
        let start = Instant::now();
        for second in 0..100 {
            let held = if second % 2 == 0 {
                0
            } else {
                3 * EBB_BYTES_LEAST
            };
            assert!(!ebb.is_over(start + Duration::from_secs(second), held, held));
        }
    }
}
