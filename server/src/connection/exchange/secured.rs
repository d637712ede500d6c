//! The handshake of TLS, before the first request.
//!
//! On the connection's thread, within the time of that request and with the permit of one whose head is waited for.

use std::sync::Arc;

use log::{Level, debug};

use super::{Exchange, Outcome};
use crate::counters::COUNTERS;
use crate::http::reader::{ReadError, Reader, Unsecured};
use crate::logging::about::About;
use crate::roster::admission::Ticket;
use crate::tls::Credentials;

impl Exchange<'_> {
    /// Agrees with the client on a session. Blocks as reading a head does.
    ///
    /// # Errors
    /// The end of the connection: there is none, and the client has been told so as far as it can be.
    ///
    /// Apart, so that who comes without TLS has no stack for it.
    #[cold]
    #[inline(never)]
    pub(in crate::connection) fn secure(
        &mut self,
        reader: &mut Reader<'_>,
        ticket: &mut Ticket,
        credentials: &Credentials,
    ) -> Result<(), Outcome> {
        let counts = &COUNTERS.of(self.client).handshakes;
        let session = match credentials.session() {
            Ok(session) => session,
            Err(error) => return Err(self.end_unsecured(&error.to_string())),
        };
        let why = match reader.shake_hands(session) {
            Ok(agreement) => {
                let count = match agreement.is_resumed {
                    true => &counts.resumed,
                    false => &counts.full,
                };
                count.add(1);
                self.is_secured = true;
                self.certificate = self.outbox.peer_certificate().map(Arc::new);
                return Ok(());
            }
            Err(Unsecured::Plain(refusal)) => {
                let error = ReadError::Refused(refusal);
                return Err(self.end_unread(reader, ticket, error));
            }
            Err(Unsecured::Left) => {
                let name = self.name_unread();
                debug!("{name}: left before its handshake of TLS was over");
                return Err(Outcome::Left);
            }
            Err(Unsecured::Late(why)) => why,
            Err(Unsecured::Failed(error)) => error.to_string(),
        };
        counts.failed.add(1);
        Err(self.end_unsecured(&why))
    }

    fn end_unsecured(&self, why: &str) -> Outcome {
        let name = self.name_unread();
        self.introduce(self.arrival.peer.address(), name.client);
        let line = format_args!("{name}: no TLS was agreed on: {why}");
        let refusals = &self.context.refusals;
        refusals.note_about(Level::Info, &About::default(), line);
        Outcome::Ended
    }
}
