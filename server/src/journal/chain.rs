//! Epochs one behind the other, with one counting of offsets through all of them: how a stream counts that several
//! hosts share. Plain memory of the hub's thread.
//!
//! Where an epoch ends, the next one begins: what was said before that is the same for everybody, so that a position of an
//! earlier epoch holds as long as it is not behind the end of that.

use super::position::{Epoch, Position};
use crate::limits::EPOCHS_KEPT;

/// The last epochs, and how far what is said is known.
#[derive(Debug)]
pub(super) struct Chain {
    /// Each with the offset at which it begins; the last one is that of now. Never empty.
    epochs: Vec<(Epoch, u64)>,
    /// The last offset of the stream that was read, kept or not.
    top: u64,
}

/// Where a position stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// At this offset.
    Here(u64),
    /// Behind everything that was read so far.
    Ahead,
    /// In a counting that is over, or never was.
    Elsewhere,
}

impl Chain {
    /// Counts in `epoch`, which begins at `begin`.
    pub(super) fn new(epoch: Epoch, begin: u64) -> Chain {
        Chain {
            epochs: vec![(epoch, begin)],
            top: begin,
        }
    }

    /// The next epoch begins at `begin`.
    pub(super) fn begin(&mut self, epoch: Epoch, begin: u64) {
        self.epochs.push((epoch, begin));
        if self.epochs.len() > EPOCHS_KEPT {
            self.epochs.remove(0);
        }
        self.top = self.top.max(begin);
    }

    /// So far was read.
    pub(super) fn come_to(&mut self, offset: u64) {
        self.top = self.top.max(offset);
    }

    /// The last offset that was read.
    pub(super) fn top(&self) -> u64 {
        self.top
    }

    /// The epoch in which the message of an offset was said; an epoch begins behind the offset that it begins at.
    pub(super) fn epoch_of(&self, offset: u64) -> Epoch {
        let of = self.epochs.iter().rev().find(|(_, begin)| *begin < offset);
        of.unwrap_or(&self.epochs[0]).0
    }

    /// Where a position stands.
    pub(super) fn place(&self, position: Position) -> Placed {
        let Position { epoch, offset } = position;
        let (now, _) = self.epochs[self.epochs.len() - 1];
        let Some(at) = self.epochs.iter().position(|(of, _)| *of == epoch) else {
            // Epochs are named by the time at which they were opened.
            return match epoch.number() > now.number() {
                true => Placed::Ahead,
                false => Placed::Elsewhere,
            };
        };
        let end = self.epochs.get(at + 1).map(|(_, begin)| *begin);
        match end {
            _ if offset < self.epochs[at].1 => Placed::Elsewhere,
            Some(end) if offset > end => Placed::Elsewhere,
            None if offset > self.top => Placed::Ahead,
            _ => Placed::Here(offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Chain, Placed};
    use crate::journal::position::{Epoch, Position};
    use crate::limits::EPOCHS_KEPT;

    fn epoch(number: u64) -> Epoch {
        Epoch::from_number(number).expect("it is small")
    }

    fn at(number: u64, offset: u64) -> Position {
        Position {
            epoch: epoch(number),
            offset,
        }
    }

    #[test]
    fn a_position_holds_through_later_epochs_up_to_the_end_of_its_own() {
        let mut chain = Chain::new(epoch(100), 0);
        chain.come_to(7);
        assert_eq!(chain.place(at(100, 7)), Placed::Here(7));
        assert_eq!(chain.place(at(100, 8)), Placed::Ahead);
        chain.begin(epoch(200), 7);
        for (number, offset, placed) in [
            (100, 5, Placed::Here(5)),
            (100, 7, Placed::Here(7)),
            (200, 7, Placed::Here(7)),
            // Behind the end: it was lost.
            (100, 8, Placed::Elsewhere),
            (200, 8, Placed::Ahead),
            (200, 6, Placed::Elsewhere),
            (300, 1, Placed::Ahead),
            (150, 1, Placed::Elsewhere),
            (99, 1, Placed::Elsewhere),
        ] {
            assert_eq!(chain.place(at(number, offset)), placed, "{number}-{offset}");
        }
        assert_eq!(chain.epoch_of(7), epoch(100));
        assert_eq!(chain.epoch_of(8), epoch(200));
    }

    #[test]
    fn only_the_last_epochs_are_kept() {
        let mut chain = Chain::new(epoch(1), 0);
        for number in 2..=EPOCHS_KEPT as u64 + 1 {
            chain.begin(epoch(number), number);
        }
        assert_eq!(chain.place(at(1, 0)), Placed::Elsewhere);
        assert_eq!(chain.place(at(2, 2)), Placed::Here(2));
    }
}
