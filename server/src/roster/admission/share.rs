//! How much one address may have where little is left.
//!
//! Arithmetic alone; knows nothing of who holds what.

use crate::limits::{FEW, SCARCE_DIVISOR};

/// An address gets one of the `left` that are left of `limit` only if it holds fewer than this; none where
/// more than a tenth is left. With [`FEW`] to the end, 14 addresses would take 1,000 for themselves: one
/// of them 900, and the others the rest. So it falls with what is left, by its square, down to one.
pub(super) fn of_one(left: usize, limit: usize) -> Option<usize> {
    let last = limit / SCARCE_DIVISOR;
    (1..=last)
        .contains(&left)
        .then(|| (FEW * left * left / (last * last)).clamp(1, FEW))
}

#[cfg(test)]
mod tests {
    use super::of_one;
    use crate::limits::FEW;

    #[test]
    fn it_begins_with_the_last_tenth_and_never_falls_to_nothing() {
        assert_eq!(of_one(101, 1_000), None);
        assert_eq!(of_one(100, 1_000), Some(FEW));
        assert_eq!(of_one(50, 1_000), Some(FEW / 4));
        assert_eq!(of_one(1, 1_000), Some(1));
        assert_eq!(of_one(1, 9), None, "a tenth of so few is nothing");
        assert_eq!(of_one(0, 1_000), None, "nothing has no shares");
        let most = 1 << 20;
        for left in 1..=most / 10 {
            let share = of_one(left, most).expect("few are left");
            assert!((1..=FEW).contains(&share));
            assert!(share <= of_one(left + 1, most).unwrap_or(FEW));
        }
    }

    /// Whether each takes all that it can get before the next, or all take in turn.
    #[test]
    fn half_as_many_addresses_as_are_left_do_not_take_it_all() {
        for limit in [100, 1_000, 17_000] {
            let (last, addresses) = (limit / 10, limit / 20);
            let takes = |left: &mut usize, held: &mut usize| {
                let takes = of_one(*left, limit).is_some_and(|share| *held < share);
                if takes {
                    *held += 1;
                    *left -= 1;
                }
                takes
            };
            let mut left = last;
            for held in &mut vec![0; addresses] {
                while takes(&mut left, held) {}
            }
            assert!(left * 10 > last, "{left} of the last of {limit}");
            let (mut left, mut held) = (last, vec![0; addresses]);
            while held.iter_mut().any(|held| takes(&mut left, held)) {}
            assert!(left * 10 > last, "{left} of the last of {limit}");
        }
    }
}
