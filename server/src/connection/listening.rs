//! A client that only listens, between `on_open` and `on_close`: one of an event stream, or one that waits for one
//! message.
//!
//! Runs on the client's own thread, which waits in a read for the client to go, wakes to keep a stream alive, and
//! is woken by the end that our side begins. What the hub and others send passes the outbox, as for any client.

use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use log::info;

use super::Opened;
use super::leave::leave;
use super::stream::OutboxStream;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::cause::{ABNORMAL, Cause, NO_CODE};
use crate::outbox::{Ending, Outbox};
use crate::plugin::Place;
use crate::threads;

/// Bytes that are read at once, and dropped: a client has nothing to say.
const READ_BYTES: usize = 256;

/// A client that only listens.
pub(super) struct Listener {
    outbox: Arc<Outbox>,
    place: Place,
    stream: OutboxStream,
    refusals: RefusalLog,
}

impl Listener {
    #[inline(never)]
    pub(super) fn new(
        outbox: &Arc<Outbox>,
        opened: Box<Opened>,
        refusals: RefusalLog,
    ) -> Box<Listener> {
        let Opened { place, stream, .. } = *opened;
        Box::new(Listener {
            outbox: outbox.clone(),
            place,
            stream,
            refusals,
        })
    }

    /// Apart from the thread's lasting frame, as nothing of it is for a WebSocket.
    #[inline(never)]
    pub(super) fn run_to_end(mut self: Box<Self>) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.wait_for_end()));
        let (cause, ending) = ended.unwrap_or_else(|_| {
            self.outbox.end_for_fault(&[]);
            let cause = self.outbox.cause();
            (cause.unwrap_or_else(Cause::fault), Ending::LastWord)
        });
        leave(&self.outbox, self.place, &self.refusals, &cause, ending);
    }

    /// Blocks until the client has gone or our side ends it; says why, and how the socket is to be left.
    fn wait_for_end(&mut self) -> (Cause, Ending) {
        threads::give_back();
        let mut dropped = [0; READ_BYTES];
        loop {
            match self.stream.read(&mut dropped) {
                Ok(0) => {
                    return match self.outbox.cause() {
                        Some(ours) => (ours, Ending::LastWord),
                        None => (Cause::peer(NO_CODE, ""), Ending::Complete),
                    };
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => threads::give_back(),
                Err(error) => {
                    let ours = self.outbox.cause();
                    let name = self.outbox.name();
                    let cause = ours.unwrap_or_else(|| {
                        info!("{name} has gone: {error}");
                        Cause::peer(ABNORMAL, error.to_string())
                    });
                    return (cause, Ending::Broken);
                }
            }
        }
    }
}
