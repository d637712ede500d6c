//! One request and its answer.
//!
//! Runs on the connection's thread; the plugin's `on_upgrade` and `on_request` run in here.

mod asked;
mod checks;
mod from_file;
mod one_way;
mod secured;
mod whose;

use std::sync::Arc;

use log::debug;

use super::Context;
use crate::counters::COUNTERS;
use crate::http::framing;
use crate::http::peer::{Arrival, ClientAddress, Shown};
use crate::http::provenance::Found;
use crate::http::reader::{ReadError, Reader};
use crate::http::refusal::Refusal;
use crate::http::request::{Kind, Request};
use crate::http::request_line::Version;
use crate::http::response::{Form, METHODS, Response};
use crate::http::{event_stream, origin, poll, redirect, upgrade};
use crate::ids::ClientId;
use crate::logging::about::set_own_route;
use crate::outbox::Outbox;
use crate::roster::admission::Ticket;
use crate::roster::whose::Whose;
use crate::routes::table::Mounted;
use crate::threads::fault_point;
use crate::tls::PeerCertificate;
use asked::out_of_service;
use checks::{check_method, check_name, may_be_followed};
use whose::Name;

/// What the connection does next.
pub(super) enum Outcome {
    /// 101 is queued.
    Upgraded(Arc<Mounted>, Box<Request>),
    /// The answer is queued, and another request may follow.
    Kept,
    /// The answer is queued, and it was the last.
    Ended,
    /// The peer left before its request was complete.
    Left,
}

/// What the exchanges of one connection have in common.
pub(super) struct Exchange<'a> {
    context: &'a Context,
    client: ClientId,
    outbox: &'a Arc<Outbox>,
    arrival: Arrival,
    /// TLS was agreed on.
    is_secured: bool,
    /// What the client has shown by it.
    certificate: Option<Arc<PeerCertificate>>,
}

/// Responses are boxed, since each that is passed on costs stack on the way to a handshake.
enum Answer {
    Upgraded(Arc<Mounted>),
    Plain(Box<Response>),
}

impl Answer {
    fn plain(response: Response) -> Answer {
        Answer::Plain(Box::new(response))
    }
}

enum Unserved {
    Refused(Refusal),
    ByPlugin(Box<Response>),
    Left,
}

impl From<Refusal> for Unserved {
    fn from(refusal: Refusal) -> Unserved {
        Unserved::Refused(refusal)
    }
}

impl From<ReadError> for Unserved {
    fn from(error: ReadError) -> Unserved {
        match error {
            ReadError::Refused(refusal) => Unserved::Refused(refusal),
            ReadError::Left => Unserved::Left,
        }
    }
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        context: &'a Context,
        client: ClientId,
        outbox: &'a Arc<Outbox>,
        arrival: Arrival,
    ) -> Exchange<'a> {
        Exchange {
            context,
            client,
            outbox,
            arrival,
            is_secured: false,
            certificate: None,
        }
    }

    /// Reads for whom a proxy has opened the connection, where the listener is for such proxies; that stands
    /// before the first request. Blocks as reading a head does.
    ///
    /// # Errors
    /// The end of the connection: it is refused, or the peer has left.
    #[inline(never)]
    pub(super) fn meet_proxy(
        &mut self,
        reader: &mut Reader<'_>,
        ticket: &mut Ticket,
    ) -> Result<(), Outcome> {
        if !self.arrival.entry.has_proxy_protocol {
            return Ok(());
        }
        match reader.read_proxy_header() {
            Ok(relayed) => {
                let proxy = self.arrival.peer.remote();
                self.arrival.peer = relayed.peer(proxy);
                let client = Whose::of_request(self.arrival.peer.address(), proxy.counted());
                ticket.belongs_to(client, self.outbox);
                Ok(())
            }
            Err(error) => Err(self.end_unread(reader, ticket, error)),
        }
    }

    /// Reads one request and queues its answer. `left` requests may follow on this connection.
    pub(super) fn run(&self, reader: &mut Reader<'_>, ticket: &mut Ticket, left: usize) -> Outcome {
        let peer = self.arrival.peer.remote().text();
        let mut request = match reader.read_head(&peer) {
            Ok(request) => request,
            Err(error) => return self.end_unread(reader, ticket, error),
        };
        request.certificate.clone_from(&self.certificate);
        let found = self.find_client(&mut request);
        let shown = self.arrival.peer.shown_as(found.client);
        let address = self.introduce(found.client, shown);
        let answer = match self.answer(reader, ticket, &mut request, found) {
            Ok(Answer::Upgraded(mounted)) => {
                self.outbox.set_address(address);
                return Outcome::Upgraded(mounted, request);
            }
            Ok(Answer::Plain(response)) => Ok(response),
            Err(why) => Err(why),
        };
        self.reply(reader, ticket, &request, shown, answer, left)
    }

    /// Answers whom it made no client. Like [`Exchange::answer_plain`] it is apart, so that a handshake needs no stack for it:
    /// a page more costs each client more than all the rest of what we do for it.
    #[inline(never)]
    fn reply(
        &self,
        reader: &Reader<'_>,
        ticket: &mut Ticket,
        request: &Request,
        client: Shown,
        answer: Result<Box<Response>, Unserved>,
        left: usize,
    ) -> Outcome {
        let name = Name {
            client,
            method: request.method(),
            path: request.path(),
        };
        let (response, ends) = match answer {
            Ok(response) => {
                let status = response.status.as_u16();
                debug!(status; "{name}: {status}");
                (response, false)
            }
            Err(Unserved::Refused(refusal)) => {
                let status = refusal.status;
                self.note(&name, status, &refusal.why);
                let response = Response::text(status, &refusal.why);
                (Box::new(response), refusal.ends_connection())
            }
            Err(Unserved::ByPlugin(response)) => {
                self.note(&name, response.status, "refused by the plugin");
                (response, false)
            }
            Err(Unserved::Left) => return self.left(&name),
        };
        let form = Form {
            is_head: request.method() == "HEAD",
            closes: ends
                || left == 0
                || !reader.keeps_alive()
                || request.version() == Version::Http10
                || !may_be_followed(request, reader),
        };
        self.send(*response, form, ticket)
    }

    /// Sends at once: what runs next may block for long.
    fn send(&self, mut response: Response, mut form: Form, ticket: &mut Ticket) -> Outcome {
        if let Some(seconds) = self.arrival.entry.hsts.filter(|_| self.is_secured) {
            redirect::stay_with_tls(&mut response, seconds);
        }
        // One that has no request under way, such as a path without a route, has waited until now.
        ticket.end_wait();
        form.closes |= self.outbox.is_stopping() || self.outbox.is_asked_to_leave();
        COUNTERS
            .of(self.client)
            .answered
            .add(response.status.as_u16());
        self.outbox.queue_http(&response.encode_head(form));
        self.outbox.queue_http(response.sent_body(form));
        // It may be large, and what is queued holds it now.
        let file = response.into_sent_file(form);
        self.outbox.flush();
        if file.is_some_and(|file| !self.send_file(file)) {
            return Outcome::Ended;
        }
        if self.outbox.end_answer() && !form.closes {
            Outcome::Kept
        } else {
            Outcome::Ended
        }
    }

    fn answer(
        &self,
        reader: &mut Reader<'_>,
        ticket: &mut Ticket,
        request: &mut Request,
        found: Found,
    ) -> Result<Answer, Unserved> {
        if !reader.has_unread_body() {
            self.begin_answer()?;
        }
        fault_point("request");
        check_method(request)?;
        if let Some(answer) = self.answer_for_no_route(request) {
            return Ok(Answer::Plain(answer));
        }
        let mounted = self.find_route(request)?;
        let peer = self.arrival.peer.remote().counted();
        ticket.begin_request(Whose::of_request(found.client, peer))?;
        let origins = &mounted.client.origins;
        request.provenance.is_inside =
            found.may_be_inside && origin::may_be_inside(request, origins);
        if upgrade::is_wanted(request) {
            request.kind = Kind::WebSocket;
            upgrade::check(request)?;
            origin::check(request, origins)?;
            self.claim_place(ticket, found.client)?;
            self.admit(&mounted, request)?;
            return Ok(Answer::Upgraded(mounted));
        }
        self.answer_plain(reader, ticket, request, &mounted, found)
    }

    /// What is answered whatever the routes are: for the server as a whole, about its health, and where a listener only
    /// sends people on.
    #[inline(never)]
    fn answer_for_no_route(&self, request: &Request) -> Option<Box<Response>> {
        if request.path() == "*" {
            return Some(Box::new(Response::options(METHODS)));
        }
        if let Some(answer) = self.health(request) {
            return Some(Box::new(answer));
        }
        let port = self.arrival.entry.redirects_to?;
        Some(Box::new(redirect::to_tls(request, port)))
    }

    /// All but a handshake.
    #[inline(never)]
    fn answer_plain(
        &self,
        reader: &mut Reader<'_>,
        ticket: &mut Ticket,
        request: &mut Request,
        mounted: &Arc<Mounted>,
        found: Found,
    ) -> Result<Answer, Unserved> {
        let origins = &mounted.client.origins;
        if found.is_misdirected {
            check_name(request)?;
        }
        if mounted.has_event_stream && event_stream::is_wanted(request) {
            return self.open_stream(reader, ticket, request, mounted, found);
        }
        if mounted.has_event_stream && poll::wait(request)?.is_some() {
            request.kind = Kind::Poll;
            return self.open_poll(reader, ticket, request, mounted, found);
        }
        if mounted.has_event_stream && event_stream::is_preflight(request) {
            let answer = event_stream::preflight(request, origins)?;
            return Ok(Answer::plain(answer));
        }
        if !matches!(request.method(), "GET" | "HEAD" | "OPTIONS") {
            // A page elsewhere must not make a browser change something here.
            origin::check(request, origins)?;
        }
        let expects_continue = framing::expects_continue(request)?;
        if reader.has_unread_body() {
            if expects_continue && reader.is_empty() {
                self.outbox.queue_continue();
            }
            request.body = reader.read_body()?;
            self.begin_answer()?;
        }
        self.outbox.set_write_timeout(mounted.client.write_timeout);
        self.serve(&mounted.route, request).map(Answer::plain)
    }

    /// The server's own health, where the settings have a path for that and it is asked for: by whatever name,
    /// since who looks after a server asks for its address.
    fn health(&self, request: &Request) -> Option<Response> {
        let site = self.context.sites.current();
        let is_asked = site.health.as_deref() == Some(request.path());
        if !is_asked || !matches!(request.method(), "GET" | "HEAD") {
            return None;
        }
        Some(Response::health(self.context.readiness.check()))
    }

    /// From here on the stop waits for the answer; no plugin is asked for one that cannot be sent.
    fn begin_answer(&self) -> Result<(), Unserved> {
        if self.outbox.begin_answer() {
            Ok(())
        } else {
            Err(Unserved::Left)
        }
    }

    /// The route, and the places in its path.
    #[inline(never)]
    fn find_route(&self, request: &mut Request) -> Result<Arc<Mounted>, Unserved> {
        let site = self.context.sites.current();
        let (mounted, params) = site.routes.find(request.path())?;
        request.params = params;
        set_own_route(Some(mounted.route.path()));
        if mounted.route.instance().is_out_of_service() {
            return Err(out_of_service().into());
        }
        Ok(mounted.clone())
    }

    /// A place in the name of `client`, where a proxy has the connection for it; the acceptor has one for
    /// the peer of any other.
    fn claim_place(&self, ticket: &mut Ticket, client: ClientAddress) -> Result<(), Refusal> {
        let peer = self.arrival.peer.remote();
        if !peer.is_of(&self.context.sites.current().rules.trusted_proxies) {
            return Ok(());
        }
        match Whose::of_client(client, peer.counted()) {
            Some(address) => ticket.claim_place(address),
            None => Ok(()),
        }
    }
}
