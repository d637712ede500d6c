//! Journals of a stream that several hosts write: it counts, and what is said here has its offset from there.

use super::chain::{Chain, Placed};
use super::position::{Epoch, Position};
use super::store::Line;
use super::{Bounds, Journals};

impl<M: Line> Journals<M> {
    /// Those of a stream, which counts: it is in `epoch`, which begins at `begin`, and nothing up to `from` can be had of it.
    pub fn of_stream(bounds: Bounds, epoch: Epoch, begin: u64, from: u64) -> Journals<M> {
        let mut chain = Chain::new(epoch, begin);
        chain.come_to(from);
        let mut journals = Journals {
            epoch,
            last: from,
            chain: Some(chain),
            ..Journals::new(bounds)
        };
        journals.forgotten.begin_at(from);
        journals
    }

    /// Whether a stream counts, and what is said has its offset from there.
    pub fn are_of_stream(&self) -> bool {
        self.chain.is_some()
    }

    /// The stream goes on in another epoch, which begins at `begin`; what is kept stays.
    pub fn begin_epoch(&mut self, epoch: Epoch, begin: u64) {
        if let Some(chain) = &mut self.chain {
            chain.begin(epoch, begin);
            self.epoch = epoch;
        }
    }

    /// The stream was read up to this offset.
    pub fn come_to(&mut self, offset: u64) {
        if let Some(chain) = &mut self.chain {
            chain.come_to(offset);
        }
    }

    /// The message that is appended next has this offset, which the stream has given. False where it is there already, or
    /// belongs to another epoch.
    pub fn is_next(&mut self, position: Position) -> bool {
        let is_next = position.epoch == self.epoch && position.offset > self.last;
        if is_next {
            self.come_to(position.offset);
            self.last = position.offset - 1;
        }
        is_next
    }

    /// Whether a position is behind everything that was read of the stream: another host has read more.
    pub fn are_before(&self, position: Position) -> bool {
        let chain = self.chain.as_ref();
        chain.is_some_and(|chain| chain.place(position) == Placed::Ahead)
    }
}
