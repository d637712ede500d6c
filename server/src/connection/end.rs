//! How a connection ends: what the peer did, what it is told, and how its socket is left.
//!
//! Runs on the client's own thread. Whoever was first to say why is right: our side's cause stands in
//! the outbox.

use std::io::ErrorKind;

use log::{Level, info};
use tungstenite::Error;
use tungstenite::error::ProtocolError;

use super::frames;
use super::messages::Connection;
use crate::logging::about::About;
use crate::outbox::Ending;
use crate::outbox::cause::{ABNORMAL, Cause, INVALID_DATA, NO_CODE, PROTOCOL_ERROR};
use crate::plugin::CallbackError;

impl Connection {
    /// The connection has failed or is over: why, and how the socket is to be left.
    #[cold]
    #[inline(never)]
    pub(super) fn end_for(&mut self, error: Error) -> (Cause, Ending) {
        let ours = self.outbox.cause();
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => {
                let cause = ours.or(self.peer_cause.take());
                (
                    cause.unwrap_or_else(|| Cause::peer(NO_CODE, "")),
                    Ending::Complete,
                )
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                let ended = Cause::peer(ABNORMAL, "the connection ended without a Close frame");
                (ours.unwrap_or(ended), Ending::Complete)
            }
            Error::Io(error) if frames::violation(&error).is_none() => {
                (ours.unwrap_or_else(|| self.broken(&error)), Ending::Broken)
            }
            error => (
                ours.unwrap_or_else(|| self.rejected(&error)),
                Ending::LastWord,
            ),
        }
    }

    /// Our own code has panicked, which the hook has reported: the client is closed with 1011, and its
    /// plugin is told why like of any other end.
    pub(super) fn end_for_fault(&self) -> (Cause, Ending) {
        self.outbox.end_for_fault(&[]);
        let cause = self.outbox.cause();
        (cause.unwrap_or_else(Cause::fault), Ending::LastWord)
    }

    /// The transport failed: the peer reset the connection, or vanished.
    fn broken(&mut self, error: &std::io::Error) -> Cause {
        if error.kind() == ErrorKind::TimedOut {
            info!("{} vanished: {error}", self.outbox.name());
        }
        let text = error.to_string();
        self.report_to_plugin(&text);
        Cause::peer(ABNORMAL, text)
    }

    /// The peer broke a rule: it is told which, and nothing more is read from it.
    fn rejected(&mut self, error: &Error) -> Cause {
        let (code, reason) = match error {
            Error::Io(error) if let Some(violation) = frames::violation(error) => {
                (violation.code, violation.reason.to_string())
            }
            Error::Utf8(_) => (INVALID_DATA, "text is not valid UTF-8".to_owned()),
            Error::Protocol(error) => (PROTOCOL_ERROR, lower_first(&error.to_string())),
            error => (PROTOCOL_ERROR, lower_first(&error.to_string())),
        };
        self.reject(code, reason)
    }

    /// Closes the client for what it did; the plugin and the log are told.
    pub(super) fn reject(&mut self, code: u16, reason: String) -> Cause {
        let name = self.outbox.name();
        let line = format_args!("{name}: {reason}; closed with {code}");
        let about = About::closed(code);
        self.refusals.note_about(Level::Info, &about, line);
        self.report_to_plugin(&reason);
        let cause = Cause::server(code, reason);
        self.outbox.close(cause.clone());
        cause
    }

    /// Tells the plugin of an error of the connection, which ends in any case.
    fn report_to_plugin(&mut self, text: &str) {
        let error = CallbackError::Transport {
            text: text.to_owned(),
        };
        let client = self.client;
        self.place
            .call(|plugin, session| plugin.on_error(client, session, &error));
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}
