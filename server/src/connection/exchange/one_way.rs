//! Requests whose client only listens: to an event stream, or until the first message.
//!
//! The part of [`Exchange`] that lets their clients in; runs on the connection's thread.

use std::sync::Arc;

use http::StatusCode;

use super::{Answer, Exchange, Unserved};
use crate::counters::COUNTERS;
use crate::http::provenance::Found;
use crate::http::reader::Reader;
use crate::http::refusal::Refusal;
use crate::http::request::{Kind, Request};
use crate::http::response::{Form, Response};
use crate::http::{event_stream, origin, poll};
use crate::ids::ClientId;
use crate::outbox::Last;
use crate::outbox::cause::{INTERNAL, POLICY};
use crate::roster::admission::Ticket;
use crate::routes::table::Mounted;

impl Exchange<'_> {
    /// A client that listens to events, or the head of what it would get.
    pub(super) fn open_stream(
        &self,
        reader: &Reader<'_>,
        ticket: &mut Ticket,
        request: &mut Request,
        mounted: &Arc<Mounted>,
        found: Found,
    ) -> Result<Answer, Unserved> {
        self.check_listener(reader, request, mounted)?;
        request.kind = Kind::EventStream;
        if request.method() == "GET" {
            self.claim_place(ticket, found.client)?;
        }
        let admitted = self.ask_plugin(mounted, request)?;
        let origins = &mounted.client.origins;
        let head = event_stream::accept(request, origins, *admitted.0);
        if request.method() == "HEAD" {
            return Ok(Answer::plain(head));
        }
        let form = Form {
            is_head: false,
            closes: true,
        };
        self.outbox.queue_http(&head.encode_head(form));
        let retry = event_stream::retry(self.client.0);
        self.outbox.queue_http(retry.as_bytes());
        self.outbox.become_event_stream();
        COUNTERS.of(self.client).answered.add(head.status.as_u16());
        Ok(Answer::Upgraded(mounted.clone()))
    }

    /// A client whose answer ends with its first message.
    pub(super) fn open_poll(
        &self,
        reader: &Reader<'_>,
        ticket: &mut Ticket,
        request: &Request,
        mounted: &Arc<Mounted>,
        found: Found,
    ) -> Result<Answer, Unserved> {
        self.check_listener(reader, request, mounted)?;
        self.claim_place(ticket, found.client)?;
        let admitted = self.ask_plugin(mounted, request)?;
        let response = poll::accept(request, &mounted.client.origins, *admitted.0);
        let client = self.client;
        self.outbox
            .become_poll(Box::new(move |last| answer(client, response, last)));
        Ok(Answer::Upgraded(mounted.clone()))
    }

    fn check_listener(
        &self,
        reader: &Reader<'_>,
        request: &Request,
        mounted: &Mounted,
    ) -> Result<(), Unserved> {
        if reader.has_unread_body() {
            let why = "a request of one who listens has no body";
            return Err(Refusal::malformed(why).into());
        }
        origin::check(request, &mounted.client.origins)?;
        Ok(())
    }
}

/// The answer to one who waits, whatever thread has it.
fn answer(client: ClientId, mut response: Response, last: Last<'_>) -> Vec<u8> {
    match last {
        Last::Messages(body) | Last::Silence(Some(body)) => response.body = body.to_vec(),
        Last::Silence(None) => response.status = StatusCode::NO_CONTENT,
        Last::Closed { code, reason } => {
            let status = match code {
                POLICY => StatusCode::FORBIDDEN,
                INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            response = Response::text(status, reason);
        }
    }
    COUNTERS.of(client).answered.add(response.status.as_u16());
    response.encode(Form {
        is_head: false,
        closes: true,
    })
}
