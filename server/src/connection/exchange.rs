//! One request and its answer.
//!
//! Runs on the connection's thread; the plugin's `on_upgrade` and `on_request` run in here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::StatusCode;
use log::{Level, debug, warn};

use super::Context;
use crate::counters::COUNTERS;
use crate::http::framing;
use crate::http::inside::can_be_rebound;
use crate::http::peer::{Arrival, ClientAddress, Remote, Shown};
use crate::http::provenance::Found;
use crate::http::reader::{ReadError, Reader};
use crate::http::refusal::Refusal;
use crate::http::request::{Kind, Request};
use crate::http::request_line::Version;
use crate::http::response::{Form, METHODS, Response};
use crate::http::{event_stream, origin, provenance, upgrade};
use crate::ids::ClientId;
use crate::logging::Address;
use crate::logging::about::{About, set_own_client, set_own_route};
use crate::outbox::Outbox;
use crate::plugin::{CallbackError, Route, Upgrade};
use crate::roster::admission::Ticket;
use crate::roster::whose::Whose;
use crate::routes::table::Mounted;
use crate::threads::fault_point;

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
}

/// A request as the log names it, written out when a line wants it.
struct Name<'r> {
    client: Shown,
    method: &'r str,
    path: &'r str,
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

enum Answer {
    Upgraded(Arc<Mounted>),
    Plain(Response),
}

enum Unserved {
    Refused(Refusal),
    ByPlugin(Response),
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
        }
    }

    /// Reads for whom a proxy has opened the connection, where the listener is for such proxies; that stands
    /// before the first request. Blocks as reading a head does.
    ///
    /// # Errors
    /// The end of the connection: it is refused, or the peer has left.
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
        let mut request = match reader.read_head(self.arrival.peer.remote()) {
            Ok(request) => request,
            Err(error) => return self.end_unread(reader, ticket, error),
        };
        let found = self.find_client(&mut request);
        let shown = self.arrival.peer.shown_as(found.client);
        let address = self.introduce(found.client, shown);
        let answer = self.answer(reader, ticket, &mut request, found);
        let name = Name {
            client: shown,
            method: request.method(),
            path: request.path(),
        };
        let (response, ends) = match answer {
            Ok(Answer::Upgraded(mounted)) => {
                self.outbox.set_address(address);
                return Outcome::Upgraded(mounted, request);
            }
            Ok(Answer::Plain(response)) => {
                let status = response.status.as_u16();
                debug!(status; "{name}: {status}");
                (response, false)
            }
            Err(Unserved::Refused(refusal)) => {
                let status = refusal.status;
                self.note(&name, status, &refusal.why);
                (
                    Response::text(status, &refusal.why),
                    refusal.ends_connection(),
                )
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
                || !may_be_followed(&request, reader),
        };
        self.send(response, form, ticket)
    }

    /// Tells the log whose thread this is.
    fn introduce(&self, client: ClientAddress, shown: Shown) -> Address {
        let address: Address = Arc::new(shown);
        let counted = Whose::of_request(client, self.arrival.peer.remote().counted());
        set_own_client(self.client, counted, address.clone());
        address
    }

    /// There is no head. The log hears of the peer, as far as that is known without a request: what the
    /// request before has told holds for that one only.
    fn end_unread(&self, reader: &Reader<'_>, ticket: &mut Ticket, error: ReadError) -> Outcome {
        let name = self.name_unread();
        self.introduce(self.arrival.peer.address(), name.client);
        match error {
            ReadError::Left => self.left(&name),
            ReadError::Refused(refusal) => self.refuse_head(reader, ticket, &refusal),
        }
    }

    /// A request of which nothing was read.
    fn name_unread(&self) -> Name<'_> {
        Name {
            client: nobody_yet(self.context, &self.arrival),
            method: "-",
            path: "-",
        }
    }

    fn note(&self, name: &Name<'_>, status: StatusCode, why: &str) {
        let status = status.as_u16();
        let line = format_args!("{name}: {status} {why}");
        let about = About::answered(status);
        self.context.refusals.note_about(Level::Info, &about, line);
    }

    fn left(&self, name: &Name<'_>) -> Outcome {
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

    /// Sends at once: what runs next may block for long.
    fn send(&self, response: Response, mut form: Form, ticket: &mut Ticket) -> Outcome {
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
        drop(response);
        self.outbox.flush();
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
        if request.path() == "*" {
            return Ok(Answer::Plain(Response::options(METHODS)));
        }
        if let Some(answer) = self.health(request) {
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
        if found.is_misdirected {
            check_name(request)?;
        }
        if mounted.has_event_stream && event_stream::is_wanted(request) {
            return self.open_stream(reader, ticket, request, &mounted, found);
        }
        if mounted.has_event_stream && event_stream::is_preflight(request) {
            let answer = event_stream::preflight(request, origins)?;
            return Ok(Answer::Plain(answer));
        }
        if !matches!(request.method(), "GET" | "HEAD" | "OPTIONS") {
            // A page elsewhere must not make a browser change something here.
            origin::check(request, origins)?;
        }
        let expects_continue = framing::expects_continue(request)?;
        if reader.has_unread_body() {
            if expects_continue && reader.is_empty() {
                self.outbox.queue_http(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            request.body = reader.read_body()?;
            self.begin_answer()?;
        }
        self.serve(&mounted.route, request).map(Answer::Plain)
    }

    /// A client that listens to events, or the head of what it would get.
    fn open_stream(
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

    /// Notes whose the request is, and tells once of a proxy that keeps it to itself.
    fn find_client(&self, request: &mut Request) -> Found {
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

    /// The route, and the places in its path.
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

    /// Everything between the head and 101; the answer is queued, not sent.
    fn admit(&self, mounted: &Mounted, request: &Request) -> Result<(), Unserved> {
        let (response, chosen) = self.ask_plugin(mounted, request)?;
        let library = mounted.route.library();
        let offered = mounted
            .subprotocols
            .as_ref()
            .unwrap_or(&library.subprotocols);
        let subprotocol = chosen
            .as_deref()
            .or_else(|| upgrade::choose_subprotocol(request, offered));
        self.outbox
            .queue_http(&upgrade::accept(request, &response, subprotocol));
        self.outbox.become_websocket();
        let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
        COUNTERS.of(self.client).answered.add(status);
        Ok(())
    }

    /// The plugin's `on_upgrade`: headers that it adds, and the subprotocol that it chooses.
    fn ask_plugin(
        &self,
        mounted: &Mounted,
        request: &Request,
    ) -> Result<(Response, Option<String>), Unserved> {
        let route = &mounted.route;
        match route.on_upgrade(self.client, request) {
            Ok(Upgrade::Admit {
                response,
                subprotocol,
            }) => Ok((response, subprotocol)),
            Ok(Upgrade::Refuse(response)) => Err(Unserved::ByPlugin(response)),
            Err(error) => Err(self.plugin_failed(route, &error)),
        }
    }

    /// Plain HTTP on a route's path.
    fn serve(&self, route: &Route, request: &Request) -> Result<Response, Unserved> {
        match route.on_request(self.client, request) {
            Ok(Some(response)) if response.status != StatusCode::UPGRADE_REQUIRED => Ok(response),
            // The handshake is a GET request.
            Ok(_) if request.method() == "OPTIONS" => Ok(Response::options("GET, OPTIONS")),
            Ok(_) => {
                let why = "this path speaks WebSocket: connect to it with ws:// or wss://";
                Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, why).into())
            }
            Err(error) => Err(self.plugin_failed(route, &error)),
        }
    }

    fn plugin_failed(&self, route: &Route, error: &CallbackError) -> Unserved {
        if matches!(error, CallbackError::OutOfService) {
            return out_of_service().into();
        }
        let line = format_args!("route {}: {error}", route.path());
        self.context.refusals.note(Level::Warn, line);
        let why = "the plugin of this route failed";
        Unserved::Refused(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why))
    }
}

fn out_of_service() -> Refusal {
    let why = "the plugin of this route is out of service";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// Whom the log has while no request has told for whom a proxy speaks.
fn nobody_yet(context: &Context, arrival: &Arrival) -> Shown {
    let rules = &context.sites.current().rules;
    arrival.peer.shown(&rules.trusted_proxies)
}

/// Whether another request may be read behind this one (RFC 9112 section 9.3).
fn may_be_followed(request: &Request, reader: &Reader<'_>) -> bool {
    // Behind CONNECT a client sends what is meant for someone else, and behind a handshake that
    // fails frames.
    let is_handshake = upgrade::is_wanted(request) && !reader.is_empty();
    !reader.has_unread_body()
        && !is_handshake
        && request.method() != "CONNECT"
        && !request.has_token("connection", "close")
}

/// Refuses what a page gets whose name was made to mean this machine, so that it has no word of ours
/// under a name that is not ours (DNS rebinding).
fn check_name(request: &Request) -> Result<(), Refusal> {
    let host = request.host().map(|authority| authority.host);
    let Some(host) = host.filter(can_be_rebound) else {
        return Ok(());
    };
    let why = format!(
        "{host} is no name of this server: where it is one, add it to `hosts`, or let the proxy on this \
         machine add X-Forwarded-For"
    );
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, why))
}

/// RFC 9110 sections 9.1 and 15.6.2: a method that is known and not served is 405, another 501.
fn check_method(request: &Request) -> Result<(), Refusal> {
    let method = request.method();
    if METHODS.split(", ").any(|known| known == method) {
        return Ok(());
    }
    Err(match method {
        "CONNECT" | "TRACE" => Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("method {method} is not served here"),
        ),
        _ => Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("method {method} is not known here"),
        ),
    })
}
