//! Whose a request is, and how the log names it.
//!
//! The part of [`Exchange`] that looks at who asks and tells of it; runs on the connection's thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::StatusCode;
use log::{Level, debug, warn};

use super::{Exchange, Outcome};
use crate::connection::Context;
use crate::http::peer::{Arrival, ClientAddress, Remote, Shown};
use crate::http::provenance::{self, Found};
use crate::http::reader::{ReadError, Reader};
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::response::{Form, Response};
use crate::logging::Address;
use crate::logging::about::{About, set_own_client};
use crate::roster::admission::Ticket;
use crate::roster::whose::Whose;

/// A request as the log names it, written out when a line wants it.
pub(super) struct Name<'r> {
    pub(super) client: Shown,
    pub(super) method: &'r str,
    pub(super) path: &'r str,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name {
            client,
            method,
            path,
        } = self;
        write!(formatter, "{client} {method} {path}")
    }
}

impl Exchange<'_> {
    /// Tells the log whose thread this is.
    pub(super) fn introduce(&self, client: ClientAddress, shown: Shown) -> Address {
        let address: Address = Arc::new(shown);
        let counted = Whose::of_request(client, self.arrival.peer.remote().counted());
        set_own_client(self.client, counted, address.clone());
        address
    }

    /// There is no head. The log hears of the peer, as far as that is known without a request: what the
    /// request before has told holds for that one only.
    pub(super) fn end_unread(
        &self,
        reader: &Reader<'_>,
        ticket: &mut Ticket,
        error: ReadError,
    ) -> Outcome {
        let name = self.name_unread();
        self.introduce(self.arrival.peer.address(), name.client);
        match error {
            ReadError::Left => self.left(&name),
            ReadError::Refused(refusal) => self.refuse_head(reader, ticket, &refusal),
        }
    }

    /// A request of which nothing was read.
    pub(super) fn name_unread(&self) -> Name<'_> {
        Name {
            client: nobody_yet(self.context, &self.arrival),
            method: "-",
            path: "-",
        }
    }

    pub(super) fn note(&self, name: &Name<'_>, status: StatusCode, why: &str) {
        let status = status.as_u16();
        let line = format_args!("{name}: {status} {why}");
        let about = About::answered(status);
        self.context.refusals.note_about(Level::Info, &about, line);
    }

    pub(super) fn left(&self, name: &Name<'_>) -> Outcome {
        debug!("{name}: left before its request was complete");
        Outcome::Left
    }

    /// A head that is refused is named as far as its first line can be read.
    fn refuse_head(&self, reader: &Reader<'_>, ticket: &mut Ticket, refusal: &Refusal) -> Outcome {
        let (method, path) = reader.refused_name().unwrap_or(("-", "-"));
        let name = Name {
            method,
            path,
            ..self.name_unread()
        };
        self.note(&name, refusal.status, &refusal.why);
        let form = Form {
            is_head: method == "HEAD",
            closes: true,
        };
        self.send(Response::text(refusal.status, &refusal.why), form, ticket)
    }

    /// Notes whose the request is, and tells once of a proxy that keeps it to itself.
    #[inline(never)]
    pub(super) fn find_client(&self, request: &mut Request) -> Found {
        let rules = &self.context.sites.current().rules;
        let local = || self.outbox.local_address();
        let found = provenance::of(request, &self.arrival, local, rules);
        // What the request has as its peer's text is that of the socket, whomever a proxy has named.
        let is_socket = match self.arrival.peer.remote() {
            Remote::Tcp(socket) => {
                socket.is_ipv4() && found.client == ClientAddress::Known(socket.ip())
            }
            Remote::Unix(_) => false,
        };
        if !is_socket {
            request.provenance.client_address = Some(found.client.to_string().into());
        }
        let has_told = &self.context.has_told_of_foreign_name;
        if found.is_misdirected && !has_told.swap(true, Ordering::Relaxed) {
            let host = request.header("host").unwrap_or_default();
            let host = String::from_utf8_lossy(host);
            warn!(
                "somebody on this machine asks for {host}, which is outside here: where a proxy stands \
                 before the server, let it add X-Forwarded-For, or nobody's address is known; where this is \
                 a name of the server, add it to `hosts`"
            );
        }
        found
    }
}

/// Whom the log has while no request has told for whom a proxy speaks.
fn nobody_yet(context: &Context, arrival: &Arrival) -> Shown {
    let rules = &context.sites.current().rules;
    arrival.peer.shown(&rules.trusted_proxies)
}
