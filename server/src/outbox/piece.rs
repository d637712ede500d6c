//! A client that gets what it has missed: piece by piece, each when the one before it has left.
//!
//! The part of [`Outbox`] for the hub's thread, which offers pieces and never waits; the drain thread tells when
//! there is room again. Nothing of it counts as a slow client's fault: what waits here at most is one piece.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::shared::Frames;
use super::{Delivery, Outbox, Phase};
use crate::limits::{PIECE_BYTES, PIECE_DIVISOR};

/// Called once, by whatever thread finds that there is room again; must not wait.
pub type Waker = Box<dyn FnOnce() + Send>;

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It has left: the next may be offered.
    Sent,
    /// It was taken, and something still waits: the waker tells when the next may be offered.
    Taken,
    /// The socket is full: nothing was done, and the waker tells when to offer it again.
    Full,
    /// The connection is closing or closed; nothing was done.
    Gone,
}

impl Outbox {
    /// How large a piece may be, in bytes, so that its rest leaves half of the backlog for what else is said.
    pub fn piece_bytes(&self) -> usize {
        let backlog = self.state.lock().bounds.backlog_bytes_max;
        PIECE_BYTES.min(backlog / PIECE_DIVISOR)
    }

    /// Bytes that may wait for the client.
    pub fn backlog_bytes_max(&self) -> usize {
        self.state.lock().bounds.backlog_bytes_max
    }

    /// Sends a piece of whole frames where the socket is not full. At most one waker is kept.
    pub fn offer(self: &Arc<Self>, piece: &[u8], waker: impl FnOnce() -> Waker) -> Offered {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return match self.take_once(&mut state, piece) {
                Delivery::Queued => Offered::Sent,
                Delivery::Gone => Offered::Gone,
            };
        }
        if state.is_waiting {
            state.waker = Some(waker());
            return Offered::Full;
        }
        self.send(&mut state, Frames::copied(piece));
        if !state.is_waiting {
            return Offered::Sent;
        }
        state.waker = Some(waker());
        Offered::Taken
    }

    /// The client begins or ends to be behind: while it is, what its own thread says to it goes through the hub, which
    /// knows what is to come first.
    pub fn set_behind(&self, is_behind: bool) {
        self.behind.store(is_behind, Ordering::Release);
    }

    /// The client is apart, or not: whether it hears from its beginning on what is said to everyone on its route. Set by
    /// its thread before the hub knows of it.
    pub fn set_apart(&self, is_apart: bool) {
        self.apart.store(is_apart, Ordering::Release);
    }

    /// Whether it was apart when it came.
    pub fn is_apart(&self) -> bool {
        self.apart.load(Ordering::Acquire)
    }

    /// See [`Outbox::set_behind`].
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }
}
