//! What a client's own thread answers it, compressed.
//!
//! Runs on that thread alone, and compresses before it takes the outbox's lock, since the hub must not wait for
//! that.
//!
//! # Answers that refer to those before
//!
//! Where that was agreed, the thread keeps a compressor with what it has said. The client inflates every compressed frame
//! that it gets into one window, those that come from the hub as well, of which this compressor knows
//! nothing. So an answer may only refer to those before if nothing of others has come in between, which is looked at under the
//! lock: the outbox's count of bytes, and of messages that were dropped, are as the last answer has left them.
//! Otherwise the compressor forgets first: what refers to nothing is right wherever it stands.

use std::cell::RefCell;
use std::sync::Arc;

use super::envelope::Sealed;
use super::frame::{self, Opcode};
use super::{Delivery, Outbox, State};
use crate::compression::{Agreed, Compressor, Demand, Window, deflate};

/// A compressor with what it was given.
struct Past {
    compressor: Compressor,
    /// Where in the outbox the last of it ends.
    end: Option<Place>,
}

/// A place between two frames of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Bytes before it, sent or not.
    bytes: u64,
    /// Messages that were dropped before it.
    dropped: u64,
}

thread_local! {
    /// Of the client whose connection thread this is; none while it is silent. On the heap, since every thread's stack
    /// has room for this.
    static PAST: RefCell<Option<Box<Past>>> = const { RefCell::new(None) };
}

/// What this thread has said is referred to no more, and takes no memory.
pub(super) fn forget() {
    // A plugin's own thread-local may call the host while this thread ends.
    PAST.try_with(RefCell::take).ok();
}

impl Outbox {
    /// What was agreed with the client about compression; none where nothing was.
    pub fn agreed(&self) -> Option<Agreed> {
        self.agreed.get().copied()
    }

    /// One message in an envelope.
    #[inline(never)]
    pub(super) fn queue_enveloped(
        self: &Arc<Self>,
        opcode: Opcode,
        payload: &[u8],
        window: Window,
        demand: &Demand,
    ) -> Delivery {
        let Sealed { payload, .. } = Sealed::new(None, opcode, payload);
        match demand.level_for_one(payload.len()) {
            Some(level) => self.queue_compressed(Opcode::Text, &payload, (window, level)),
            None => self.queue_frame(Opcode::Text, &payload),
        }
    }

    #[inline(never)]
    pub(super) fn queue_compressed(
        self: &Arc<Self>,
        opcode: Opcode,
        payload: &[u8],
        (window, level): (Window, u8),
    ) -> Delivery {
        let refers_back = self.agreed().is_some_and(|agreed| agreed.refers_back);
        let queued = if refers_back {
            let queue = |past: &RefCell<Option<Box<Past>>>| {
                let mut past = past.borrow_mut();
                if past
                    .as_ref()
                    .is_some_and(|past| !past.compressor.is_for(window, level))
                {
                    *past = None;
                }
                let past = past.get_or_insert_with(|| {
                    Box::new(Past {
                        compressor: Compressor::new(window, level),
                        end: None,
                    })
                });
                past.queue(self, opcode, payload)
            };
            PAST.try_with(queue).ok().flatten()
        } else {
            let wrap = |payload: &[u8]| frame::encode_compressed(opcode, payload);
            deflate(payload, window, level, wrap).map(|frame| self.queue(&frame))
        };
        queued.unwrap_or_else(|| self.queue_frame(opcode, payload))
    }
}

impl Past {
    /// None where the message does not get shorter.
    fn queue(&mut self, outbox: &Arc<Outbox>, opcode: Opcode, payload: &[u8]) -> Option<Delivery> {
        let place = Place::now(&outbox.state.lock());
        if self.end != Some(place) {
            self.compressor.forget();
        }
        let refers_back = self.compressor.has_past();
        let mut frame = frame::encode_compressed(opcode, self.compressor.run(payload)?);
        let mut state = outbox.state.lock();
        if refers_back && Place::now(&state) != place {
            // Something of others has come in between meanwhile.
            drop(state);
            self.compressor.forget();
            frame = frame::encode_compressed(opcode, self.compressor.run(payload)?);
            state = outbox.state.lock();
        }
        let before = Place::now(&state);
        let delivery = outbox.queue_locked(&mut state, &frame);
        // Nothing goes on from a message that was itself dropped.
        let behind = Place {
            bytes: before.bytes + frame.len() as u64,
            ..before
        };
        self.end = (Place::now(&state) == behind).then_some(behind);
        Some(delivery)
    }
}

impl Place {
    fn now(state: &State) -> Place {
        Place {
            bytes: state.sent + state.queue.len() as u64,
            dropped: state.dropped,
        }
    }
}
