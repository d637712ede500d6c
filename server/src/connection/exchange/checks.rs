//! What holds for any request, whatever its route. Pure functions.

use http::StatusCode;

use crate::http::inside::can_be_rebound;
use crate::http::reader::Reader;
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::response::is_served;
use crate::http::upgrade;

/// Whether another request may be read behind this one (RFC 9112 section 9.3).
pub(super) fn may_be_followed(request: &Request, reader: &Reader<'_>) -> bool {
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
pub(super) fn check_name(request: &Request) -> Result<(), Refusal> {
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
#[inline(never)]
pub(super) fn check_method(request: &Request) -> Result<(), Refusal> {
    let method = request.method();
    if is_served(method) {
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
