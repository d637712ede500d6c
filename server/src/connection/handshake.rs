//! From the first byte to 101, or to a plain answer.

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use log::{debug, info, warn};

use super::Context;
use crate::http::reader::{ReadError, Reader};
use crate::http::request::{Refusal, Request};
use crate::http::response::Response;
use crate::http::{origin, provenance, upgrade};
use crate::ids::ClientId;
use crate::outbox::{Ending, Outbox};
use crate::plugin::{CallbackError, Instance, Upgrade};

/// A client whose 101 is queued.
pub(super) struct Admitted {
    pub(super) route: Arc<Instance>,
    pub(super) request: Request,
    /// What came behind the head: the client's first frames.
    pub(super) rest: Vec<u8>,
}

/// Methods that reach a plugin's `on_request`.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Answers the request. None where it was plain HTTP or refused, and then the outbox is finished.
///
/// Kept out of the thread's lasting frame, so that the stack pages it touches are few.
#[inline(never)]
pub(super) fn run(
    context: &Context,
    client: ClientId,
    outbox: &Arc<Outbox>,
    peer: SocketAddr,
) -> Option<Admitted> {
    let mut reader = Reader::new(outbox.socket(), context.limits.handshake_timeout);
    let request = read_request(&mut reader, peer, context);
    let mut request = match request {
        Ok(request) => request,
        Err(ReadError::Left) => {
            debug!("{peer} - -: left before its request was complete");
            outbox.finish(Ending::Broken);
            return None;
        }
        Err(ReadError::Refused(refusal)) => {
            refuse(outbox, &format!("{peer} - -"), &refusal, false);
            return None;
        }
    };
    let name = format!("{peer} {} {}", request.method, request.path);
    let is_head = request.method == "HEAD";
    let answer = find_route(context, &request).and_then(|route| {
        if upgrade::is_wanted(&request) {
            admit(context, client, outbox, &route, &request)?;
            return Ok(Answer::Upgraded(route));
        }
        request.body = read_body(&mut reader, &request)?;
        serve(context, client, &route, &request).map(Answer::Plain)
    });
    match answer {
        Ok(Answer::Upgraded(route)) => {
            return Some(Admitted {
                route,
                request,
                rest: reader.into_rest(),
            });
        }
        Ok(Answer::Plain(response)) => {
            debug!("{name}: {}", response.status.as_u16());
            send(outbox, &response, is_head);
        }
        Err(Unserved::Refused(refusal)) => refuse(outbox, &name, &refusal, is_head),
        Err(Unserved::ByPlugin(response)) => {
            info!("{name}: {} refused by the plugin", response.status.as_u16());
            send(outbox, &response, is_head);
        }
        Err(Unserved::Left) => outbox.finish(Ending::Broken),
    }
    None
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

fn read_request(
    reader: &mut Reader<'_>,
    peer: SocketAddr,
    context: &Context,
) -> Result<Request, ReadError> {
    let head = reader.read_head()?;
    let mut request = Request::parse(&head, peer)?;
    request.provenance = provenance::of(&request, peer, &context.client.origins);
    Ok(request)
}

fn read_body(reader: &mut Reader<'_>, request: &Request) -> Result<Vec<u8>, Unserved> {
    reader.read_body(request).map_err(|error| match error {
        ReadError::Refused(refusal) => Unserved::Refused(refusal),
        ReadError::Left => Unserved::Left,
    })
}

fn find_route(context: &Context, request: &Request) -> Result<Arc<Instance>, Unserved> {
    if !METHODS.contains(&request.method.as_str()) {
        let why = format!("method {} is not known here", request.method);
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why).into());
    }
    let Some(route) = context.routes.find(&request.path) else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "no route here").into());
    };
    if route.is_out_of_service() {
        let why = "the plugin of this route is out of service";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why).into());
    }
    Ok(route.clone())
}

/// Everything between the head and 101; the answer is queued, not sent.
fn admit(
    context: &Context,
    client: ClientId,
    outbox: &Outbox,
    route: &Instance,
    request: &Request,
) -> Result<(), Unserved> {
    upgrade::check(request)?;
    origin::check(request, &context.client.origins)?;
    let (response, chosen) = match route.on_upgrade(client, request) {
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
    outbox.queue_http(&upgrade::accept(request, &response, subprotocol)?);
    Ok(())
}

/// Plain HTTP on a route's path.
fn serve(
    context: &Context,
    client: ClientId,
    route: &Instance,
    request: &Request,
) -> Result<Response, Unserved> {
    if !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
        // A page elsewhere must not make a browser change something here.
        origin::check(request, &context.client.origins)?;
    }
    match route.on_request(client, request) {
        Ok(Some(response)) if response.status != StatusCode::UPGRADE_REQUIRED => Ok(response),
        Ok(_) => {
            let why = "this path speaks WebSocket: connect to it with ws:// or wss://";
            Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, why).into())
        }
        Err(error) => Err(plugin_failed(route, &error)),
    }
}

fn plugin_failed(route: &Instance, error: &CallbackError) -> Unserved {
    warn!("route {}: {error}", route.path());
    let why = "the plugin of this route failed";
    Unserved::Refused(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why))
}

fn refuse(outbox: &Arc<Outbox>, name: &str, refusal: &Refusal, is_head: bool) {
    info!("{name}: {} {}", refusal.status.as_u16(), refusal.why);
    send(
        outbox,
        &Response::text(refusal.status, &refusal.why),
        is_head,
    );
}

fn send(outbox: &Arc<Outbox>, response: &Response, is_head: bool) {
    outbox.queue_http(&response.encode(is_head));
    outbox.finish(Ending::LastWord);
}
