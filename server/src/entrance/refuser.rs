//! Tells those who are not let in so, without a thread.
//!
//! Runs on the acceptors' threads; the drain thread sees to what is left.

use std::net::TcpStream;
use std::sync::Arc;

use http::StatusCode;
use log::Level;

use crate::counters::COUNTERS;
use crate::http::peer::Shown;
use crate::http::response::{Form, Response};
use crate::limits::REFUSALS_MAX;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::drain::DrainHandle;
use crate::outbox::{Ending, Outbox};

/// One acceptor's refusals.
pub(super) struct Refuser {
    /// Each refused connection that still lingers holds one count.
    lingering: Arc<()>,
    drain: DrainHandle,
    log: RefusalLog,
}

impl Refuser {
    pub(super) fn new(drain: DrainHandle, log: RefusalLog) -> Refuser {
        Refuser {
            lingering: Arc::new(()),
            drain,
            log,
        }
    }

    /// Answers without a thread; past a number that still linger, closes without an answer.
    pub(super) fn refuse(&self, socket: TcpStream, shown: Shown, status: StatusCode, why: &str) {
        let line = format_args!("{shown} - -: {} {why}", status.as_u16());
        self.log.note(Level::Warn, line);
        if Arc::strong_count(&self.lingering) > REFUSALS_MAX {
            COUNTERS.acceptors.refused.add(status.as_u16());
            COUNTERS.acceptors.unanswered.add(1);
            return;
        }
        let outbox = Outbox::for_refusal(socket, self.lingering.clone(), self.drain.clone());
        Refuser::answer(&outbox, status, why);
    }

    /// The last word to a connection that has no thread.
    pub(super) fn answer(outbox: &Arc<Outbox>, status: StatusCode, why: &str) {
        COUNTERS.acceptors.refused.add(status.as_u16());
        outbox.queue_http(&Response::text(status, why).encode(Form::LAST));
        outbox.finish(Ending::LastWord);
    }
}
