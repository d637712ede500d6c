//! What is said to the client: queued behind what was said before, or delivered at once, and flushed.
//!
//! The client's own thread queues its answers here, the hub its broadcasts. What a full socket does not take goes on to the
//! backlog ([`super::backlog`]), which the drain thread sends. Nothing here waits: the lock is held for a copy and one send at
//! most, and by TLS for a turn of records ([`super::secured`]).

use std::sync::Arc;

use super::encoding::Encoding;
use super::frame::{self, HEADER_BYTES_MAX, Opcode};
use super::shared::{Frames, Shared};
use super::{Delivery, NOTHING, Outbox, Phase, State};
use crate::compression::Demand;
use crate::limits::FLUSH_BYTES;

impl Outbox {
    /// Queues whole frames; they leave with the next flush, in this order. A backlog over its limit
    /// closes the client (1008).
    pub fn queue(self: &Arc<Self>, frames: &[u8]) -> Delivery {
        self.queue_locked(&mut self.state.lock(), frames)
    }

    pub(super) fn queue_locked(self: &Arc<Self>, state: &mut State, frames: &[u8]) -> Delivery {
        if state.phase != Phase::Open {
            return self.take_once(state, frames);
        }
        if state.is_waiting {
            return self.append_to_backlog(state, Frames::copied(frames));
        }
        if state.queue.len() + frames.len() > FLUSH_BYTES {
            self.send(state, Frames::copied(frames));
        } else {
            state.queue.append(frames);
        }
        Delivery::Queued
    }

    /// As [`Outbox::queue`], for the hub, which flushes many outboxes at the end of a round: true where that has
    /// to be done for this one and is not promised already.
    pub fn queue_to_flush(self: &Arc<Self>, frames: Frames<'_>) -> bool {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            self.take_once(&mut state, frames.bytes());
            return false;
        }
        if state.is_waiting {
            self.append_to_backlog(&mut state, frames);
            return false;
        }
        if state.queue.len() + frames.bytes().len() > FLUSH_BYTES {
            self.send(&mut state, frames);
            return false;
        }
        state.queue.append(frames.bytes());
        !std::mem::replace(&mut state.is_promised, true)
    }

    /// Queues what keeps a silent connection alive, as [`Outbox::queue`] does.
    pub fn queue_ping(self: &Arc<Self>) -> Delivery {
        self.queue(&self.encoding().ping())
    }

    /// Queues one message, as [`Outbox::queue`] does; a large one is sent at once from where it is. Compressed as
    /// `demand` of its route says, where that was agreed. Only for the client's own thread.
    pub fn queue_message(
        self: &Arc<Self>,
        opcode: Opcode,
        payload: &[u8],
        demand: &Demand,
    ) -> Delivery {
        match self.encoding() {
            Encoding::Frame => self.queue_frame(opcode, payload),
            Encoding::Deflate(window) => match demand.level_for_one(payload.len()) {
                Some(level) => self.queue_compressed(opcode, payload, (window, level)),
                // Not from within a frame that compressing needs: an idle client keeps every page of its stack.
                None => self.queue_frame(opcode, payload),
            },
            Encoding::Envelope(Some(window)) => {
                self.queue_enveloped(opcode, payload, window, demand)
            }
            other => self.queue(&other.message(opcode, payload)),
        }
    }

    #[inline(always)]
    pub(super) fn queue_frame(self: &Arc<Self>, opcode: Opcode, payload: &[u8]) -> Delivery {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Delivery::Gone;
        }
        if state.is_waiting {
            // As large as it may be, it is not copied once more.
            let frame = Arc::new(Shared::new(frame::encode(opcode, payload)));
            return self.append_to_backlog(&mut state, Frames::shared(&frame));
        }
        if state.queue.len() + payload.len() + HEADER_BYTES_MAX <= FLUSH_BYTES {
            state.queue.append_frame(opcode, payload);
            return Delivery::Queued;
        }
        state.queue.append_header(opcode, payload.len());
        if state.session.is_some() {
            self.send_payload_secured(&mut state, payload);
            return Delivery::Queued;
        }
        let sent = self.send_two_parts(state.queue.bytes(), payload);
        self.note_sent(&mut state, sent, |queue, count| {
            queue.take_payload(count, payload)
        });
        Delivery::Queued
    }

    /// Sends what is queued and then `run`, a run of whole frames, with one non-blocking send;
    /// only what the socket does not take is copied, or shared.
    ///
    /// Inlined with all that it calls down to the system call, as [`Outbox::flush`] is. The kernel
    /// leaves its own return addresses where the processor looks for ours, and where it guards its
    /// returns ("Safe RET", AMD's Zen 1 to 4) the first return behind a `send` costs half a
    /// microsecond, a seventh of a delivery. The hub's loop has none.
    #[inline(always)]
    pub fn deliver(self: &Arc<Self>, run: Frames<'_>) -> Delivery {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return self.take_once(&mut state, run.bytes());
        }
        if state.is_waiting {
            return self.append_to_backlog(&mut state, run);
        }
        if state.queue.is_empty() {
            self.send_alone(&mut state, run);
        } else {
            self.send(&mut state, run);
        }
        Delivery::Queued
    }

    /// Sends what is queued as far as the socket takes it; the drain thread sees to the rest.
    #[inline(always)]
    pub fn flush(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if !state.is_waiting && !state.queue.is_empty() {
            self.send(&mut state, NOTHING);
        }
    }

    /// Keeps the promise of [`Outbox::queue_to_flush`]; says how many bytes that were.
    #[inline(always)]
    pub fn flush_for_hub(self: &Arc<Self>) -> usize {
        let mut state = self.state.lock();
        state.is_promised = false;
        let bytes = state.queue.len();
        if !state.is_waiting && bytes > 0 {
            self.send(&mut state, NOTHING);
        }
        bytes
    }
}
