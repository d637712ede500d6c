//! What the plugin of a route is asked about a request, and what becomes of its answer.
//!
//! The part of [`Exchange`] in which plugin code runs, on the connection's thread.

use http::StatusCode;

use super::{Exchange, Unserved};
use crate::counters::COUNTERS;
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::{extensions, upgrade};
use crate::plugin::{CallbackError, NotStored, Route, Upgrade};
use crate::routes::table::Mounted;

impl Exchange<'_> {
    /// Everything between the head and 101; the answer is queued, not sent.
    pub(super) fn admit(&self, mounted: &Mounted, request: &Request) -> Result<(), Unserved> {
        let (response, chosen, has_envelope) = self.ask_plugin(mounted, request)?;
        let library = mounted.route.library();
        let offered = mounted
            .subprotocols
            .as_ref()
            .unwrap_or(&library.subprotocols);
        let subprotocol = chosen
            .as_deref()
            .or_else(|| upgrade::choose_subprotocol(request, offered));
        let mode = mounted.client.compression;
        let offers = request.header_values("sec-websocket-extensions");
        let (agreed, extension) = extensions::negotiate(offers, mode).unzip();
        self.outbox
            .queue_http(&upgrade::accept(request, &response, subprotocol, extension));
        self.outbox.become_websocket(has_envelope, agreed);
        let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
        COUNTERS.of(self.client).answered.add(status);
        Ok(())
    }

    /// The plugin's `on_upgrade`: headers that it adds, the subprotocol that it chooses, and whether messages are to come
    /// in envelopes.
    pub(super) fn ask_plugin(
        &self,
        mounted: &Mounted,
        request: &Request,
    ) -> Result<(Box<Response>, Option<String>, bool), Unserved> {
        let route = &mounted.route;
        match route.on_upgrade(self.client, request) {
            Ok(Upgrade::Admit {
                response,
                subprotocol,
                has_envelope,
                is_apart,
            }) => {
                self.outbox.set_apart(is_apart);
                Ok((response, subprotocol, has_envelope))
            }
            Ok(Upgrade::Refuse(response)) => Err(Unserved::ByPlugin(response)),
            Err(error) => Err(self.plugin_failed(route, &error)),
        }
    }

    /// Plain HTTP on a route's path.
    pub(super) fn serve(&self, route: &Route, request: &Request) -> Result<Response, Unserved> {
        let is_here = || !self.outbox.is_closing();
        match route.on_request(self.client, request, is_here) {
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

    #[cold]
    #[inline(never)]
    fn plugin_failed(&self, route: &Route, error: &CallbackError) -> Unserved {
        if matches!(error, CallbackError::OutOfService) {
            return out_of_service().into();
        }
        if let CallbackError::NotStored(why) = error {
            return not_stored(why).into();
        }
        let line = format_args!("route {}: {error}", route.path());
        self.context.refusals.note(error.level(), line);
        let why = "the plugin of this route failed";
        Unserved::Refused(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why))
    }
}

pub(super) fn out_of_service() -> Refusal {
    let why = "the plugin of this route is out of service";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// RFC 4918 section 11.5, where the disk has refused.
fn not_stored(why: &NotStored) -> Refusal {
    let status = match why {
        NotStored::Refused(_) => StatusCode::INSUFFICIENT_STORAGE,
        NotStored::Late => StatusCode::SERVICE_UNAVAILABLE,
        // With a Retry-After, as every 503.
        NotStored::Unheard(_) => {
            return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string());
        }
    };
    let why = format!("it was said to who is here, and is not known to be stored: {why}");
    Refusal::new(status, why)
}
