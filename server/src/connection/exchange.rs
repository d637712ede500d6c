//! One request and its answer.
//!
//! Runs on the connection's thread; the plugin's `on_upgrade` and `on_request` run in here.

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use log::{debug, info, warn};

use super::Context;
use crate::http::framing::{self, Framing};
use crate::http::reader::{ReadError, Reader};
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::response::{Form, METHODS, Response};
use crate::http::{origin, provenance, upgrade};
use crate::ids::ClientId;
use crate::outbox::Outbox;
use crate::plugin::{CallbackError, Instance, Upgrade};

/// What the connection does next.
pub(super) enum Outcome {
    /// 101 is queued.
    Upgraded(Arc<Instance>, Request),
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
    peer: SocketAddr,
}

enum Answer {
    Upgraded(Arc<Instance>),
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
        peer: SocketAddr,
    ) -> Exchange<'a> {
        Exchange {
            context,
            client,
            outbox,
            peer,
        }
    }

    /// Reads one request and queues its answer. `left` requests may follow on this connection.
    pub(super) fn run(&mut self, reader: &mut Reader<'_>, left: usize) -> Outcome {
        let mut request = match reader.read_head(self.peer) {
            Ok(request) => request,
            Err(ReadError::Left) => {
                debug!("{} - -: left before its request was complete", self.peer);
                return Outcome::Left;
            }
            Err(ReadError::Refused(refusal)) => return self.refuse_head(reader, &refusal),
        };
        request.provenance = provenance::of(&request, self.peer, &self.context.settings.origins);
        let name = format!("{} {} {}", self.peer, request.method(), request.path());
        let mut unread = true;
        let answer = self.answer(reader, &mut request, &mut unread);
        // Behind CONNECT a client sends what is meant for someone else.
        let keeps = left > 0
            && !unread
            && request.method() != "CONNECT"
            && !request.has_token("connection", "close");
        let is_head = request.method() == "HEAD";
        let (response, keeps) = match answer {
            Ok(Answer::Upgraded(route)) => return Outcome::Upgraded(route, request),
            Ok(Answer::Plain(response)) => {
                debug!("{name}: {}", response.status.as_u16());
                (response, keeps)
            }
            Err(Unserved::Refused(refusal)) => {
                info!("{name}: {} {}", refusal.status.as_u16(), refusal.why);
                let response = Response::text(refusal.status, &refusal.why);
                (response, keeps && !refusal.ends_connection())
            }
            Err(Unserved::ByPlugin(response)) => {
                info!("{name}: {} refused by the plugin", response.status.as_u16());
                (response, keeps)
            }
            Err(Unserved::Left) => {
                debug!("{name}: left before its request was complete");
                return Outcome::Left;
            }
        };
        // Behind a handshake that fails there may be frames, which are no requests.
        let keeps = keeps && (!upgrade::is_wanted(&request) || reader.is_empty());
        self.send(response, is_head, keeps)
    }

    /// A head that is refused is named as far as its first line can be read.
    fn refuse_head(&self, reader: &Reader<'_>, refusal: &Refusal) -> Outcome {
        let (method, path) = reader.refused_name().unwrap_or(("-", "-"));
        let status = refusal.status.as_u16();
        info!("{} {method} {path}: {status} {}", self.peer, refusal.why);
        let is_head = method == "HEAD";
        let response = Response::text(refusal.status, &refusal.why);
        self.send(response, is_head, false)
    }

    fn send(&self, response: Response, is_head: bool, keeps: bool) -> Outcome {
        let form = Form {
            is_head,
            closes: !keeps || self.outbox.is_stopping(),
        };
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

    /// `unread` becomes false when the whole request is read, so that the next one can be found.
    fn answer(
        &self,
        reader: &mut Reader<'_>,
        request: &mut Request,
        unread: &mut bool,
    ) -> Result<Answer, Unserved> {
        let framing = Framing::of(request)?;
        *unread = framing.has_body();
        if !*unread {
            self.outbox.begin_answer();
        }
        check_method(request)?;
        if request.path() == "*" {
            return Ok(Answer::Plain(Response::options(METHODS)));
        }
        let route = self.find_route(request)?;
        if upgrade::is_wanted(request) {
            upgrade::check(request, framing)?;
            self.admit(&route, request)?;
            return Ok(Answer::Upgraded(route));
        }
        if !matches!(request.method(), "GET" | "HEAD" | "OPTIONS") {
            // A page elsewhere must not make a browser change something here.
            origin::check(request, &self.context.settings.origins)?;
        }
        if framing::expects_continue(request)? && framing.has_body() && reader.is_empty() {
            self.outbox.queue_http(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        request.body = reader.read_body(framing)?;
        *unread = false;
        self.outbox.begin_answer();
        self.serve(&route, request).map(Answer::Plain)
    }

    fn find_route(&self, request: &Request) -> Result<Arc<Instance>, Unserved> {
        let Some(route) = self.context.routes.find(request.path()) else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "no route here").into());
        };
        if route.is_out_of_service() {
            let why = "the plugin of this route is out of service";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why).into());
        }
        Ok(route.clone())
    }

    /// Everything between the head and 101; the answer is queued, not sent.
    fn admit(&self, route: &Instance, request: &Request) -> Result<(), Unserved> {
        origin::check(request, &self.context.settings.origins)?;
        let (response, chosen) = match route.on_upgrade(self.client, request) {
            Ok(Upgrade::Admit {
                response,
                subprotocol,
            }) => (response, subprotocol),
            Ok(Upgrade::Refuse(response)) => return Err(Unserved::ByPlugin(response)),
            Err(error) => return Err(plugin_failed(route, &error)),
        };
        let offered = &route.library().subprotocols;
        let subprotocol = chosen
            .as_deref()
            .or_else(|| upgrade::choose_subprotocol(request, offered));
        let answer = upgrade::accept(request, &response, subprotocol)?;
        self.outbox.queue_http(&answer);
        self.outbox.become_websocket();
        Ok(())
    }

    /// Plain HTTP on a route's path.
    fn serve(&self, route: &Instance, request: &Request) -> Result<Response, Unserved> {
        match route.on_request(self.client, request) {
            Ok(Some(response)) if response.status != StatusCode::UPGRADE_REQUIRED => Ok(response),
            // The handshake is a GET request.
            Ok(_) if request.method() == "OPTIONS" => Ok(Response::options("GET, OPTIONS")),
            Ok(_) => {
                let why = "this path speaks WebSocket: connect to it with ws:// or wss://";
                Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, why).into())
            }
            Err(error) => Err(plugin_failed(route, &error)),
        }
    }
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

fn plugin_failed(route: &Instance, error: &CallbackError) -> Unserved {
    warn!("route {}: {error}", route.path());
    let why = "the plugin of this route failed";
    Unserved::Refused(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why))
}
