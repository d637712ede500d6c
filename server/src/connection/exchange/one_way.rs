//! Requests for something that is only listened to: event streams.
//!
//! The part of [`Exchange`] that lets their clients in; runs on the connection's thread.

use std::sync::Arc;

use super::{Answer, Exchange, Unserved};
use crate::counters::COUNTERS;
use crate::http::provenance::Found;
use crate::http::reader::Reader;
use crate::http::refusal::Refusal;
use crate::http::request::{Kind, Request};
use crate::http::response::Form;
use crate::http::{event_stream, origin};
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
        if reader.has_unread_body() {
            let why = "a request for an event stream has no body";
            return Err(Refusal::malformed(why).into());
        }
        let origins = &mounted.client.origins;
        origin::check(request, origins)?;
        request.kind = Kind::EventStream;
        if request.method() == "GET" {
            self.claim_place(ticket, found.client)?;
        }
        let admitted = self.ask_plugin(mounted, request)?;
        let head = event_stream::accept(request, origins, admitted.0);
        if request.method() == "HEAD" {
            return Ok(Answer::Plain(head));
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
}
