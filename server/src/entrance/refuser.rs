//! Tells those who are not let in so, without a thread.
//!
//! Runs on the acceptors' threads; the drain thread sees to what is left, and bounds how many linger.

use std::sync::Arc;

use log::Level;
use socket2::Socket;

use crate::counters::COUNTERS;
use crate::http::peer::Shown;
use crate::http::refusal::Refusal;
use crate::http::response::{Form, Response};
use crate::logging::about::About;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::drain::DrainHandle;
use crate::outbox::{Ending, Outbox};
use crate::tls;

/// What somebody understands who has no thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// An answer in HTTP.
    Http,
    /// An alert, which stands for every reason: nobody is there to shake hands with, so that an answer would be noise.
    Tls,
}

/// One acceptor's refusals.
pub(super) struct Refuser {
    drain: DrainHandle,
    log: RefusalLog,
}

impl Refuser {
    pub(super) fn new(drain: DrainHandle, log: RefusalLog) -> Refuser {
        Refuser { drain, log }
    }

    /// Answers one who has got no place.
    pub(super) fn refuse(
        &self,
        socket: Socket,
        shown: Shown,
        refusal: &Refusal,
        language: Language,
    ) {
        let outbox = Outbox::for_refusal(socket, self.drain.clone());
        self.answer(&outbox, shown, refusal, language);
    }

    /// The last word to a connection that has no thread. The log and the counters have what was really
    /// sent: who has gone already gets nothing.
    pub(super) fn answer(
        &self,
        outbox: &Arc<Outbox>,
        shown: Shown,
        refusal: &Refusal,
        language: Language,
    ) {
        let Refusal { status, why } = refusal;
        match language {
            Language::Http => {
                outbox.queue_http(&Response::text(*status, why).encode(Form::LAST));
            }
            Language::Tls => outbox.queue_http(&tls::REFUSAL),
        }
        outbox.finish(Ending::LastWord);
        let about = About {
            address: Some(&shown),
            ..About::default()
        };
        if outbox.has_last_word() {
            COUNTERS.acceptors.refused.add(status.as_u16());
            let about = About {
                status: Some(status.as_u16()),
                ..about
            };
            let line = format_args!("{shown} - -: {} {why}", status.as_u16());
            self.log.note_about(Level::Warn, &about, line);
        } else {
            COUNTERS.acceptors.unanswered.add(1);
            let line = format_args!("{shown} - -: left before it was told: {why}");
            self.log.note_about(Level::Warn, &about, line);
        }
    }
}
