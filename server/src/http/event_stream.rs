//! What makes a request one for an event stream (WHATWG HTML, section 9.2), and the head of the answer.

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::origin::{self, AllowedOrigins};
use super::refusal::Refusal;
use super::request::Request;
use super::response::Response;

/// Its media type.
const TYPE: &str = "text/event-stream";

/// Headers that a page elsewhere may add to its request.
const ALLOWED_HEADERS: &str = "Authorization, Cache-Control, Last-Event-ID";

/// How long a browser may remember that it may ask, in seconds.
const MAX_AGE: &str = "600";

/// Whether the client likes an event stream best of what it names. One that takes anything asks for the page.
pub fn is_wanted(request: &Request) -> bool {
    if !matches!(request.method(), "GET" | "HEAD") {
        return false;
    }
    let mut wanted = 0;
    let mut others = 0;
    for member in request.list("accept") {
        let mut parts = member.split(';').map(str::trim);
        let of = parts.next().unwrap_or_default();
        let quality = parts.find_map(quality).unwrap_or(1000);
        if of.eq_ignore_ascii_case(TYPE) {
            wanted = quality;
        } else if !of.contains('*') {
            others = others.max(quality);
        }
    }
    wanted > 0 && wanted >= others
}

/// The weight of a member (RFC 9110 section 12.4.2), in thousandths; none where it is another parameter.
fn quality(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value: f32 = value.trim().parse().ok()?;
    Some((value.clamp(0.0, 1.0) * 1000.0) as u32)
}

/// Whether a browser asks if a page elsewhere may listen (the Fetch standard's preflight).
pub fn is_preflight(request: &Request) -> bool {
    let wanted = request.header("access-control-request-method");
    request.method() == Method::OPTIONS.as_str()
        && request.header("origin").is_some()
        && wanted.is_some_and(|of| matches!(of, b"GET" | b"HEAD"))
}

/// The answer to a preflight.
///
/// # Errors
/// 403 for an origin that is not allowed.
pub fn preflight(request: &Request, origins: &AllowedOrigins) -> Result<Response, Refusal> {
    origin::check(request, origins)?;
    let mut response = Response::options("GET, HEAD, OPTIONS");
    let mut add = |name, value| {
        let value = HeaderValue::from_static(value);
        response.headers.push((name, value));
    };
    add(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD");
    add(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    add(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response.headers.extend(share(request, origins));
    Ok(response)
}

/// The head of a stream; `admitted` has the headers that the plugin added.
pub fn accept(request: &Request, origins: &AllowedOrigins, admitted: Response) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.is_endless = true;
    let mut add = |name, value| {
        let value = HeaderValue::from_static(value);
        response.headers.push((name, value));
    };
    add(header::CONTENT_TYPE, "text/event-stream; charset=utf-8");
    // It is of this moment, and whoever passes it on is not to gather or compress it.
    add(header::CACHE_CONTROL, "no-store, no-transform");
    add(HeaderName::from_static("x-accel-buffering"), "no");
    response.headers.extend(share(request, origins));
    response.headers.extend(admitted.headers);
    response
}

/// What follows the head: how long a browser waits before it comes back. Not the same for all, so that a crowd
/// does not come back at once; `number` tells one from another.
pub fn retry(number: u64) -> String {
    let milliseconds = 1000 + number.wrapping_mul(797) % 2000;
    format!("retry: {milliseconds}\n\n")
}

/// What lets a page of an allowed origin read the answer. Only one that is allowed by name may send its user's
/// cookies along.
pub(super) fn share(request: &Request, origins: &AllowedOrigins) -> Vec<(HeaderName, HeaderValue)> {
    let Some(Ok(sent)) = request.header("origin").map(HeaderValue::from_bytes) else {
        return Vec::new();
    };
    if !origin::may_be_inside(request, origins) {
        let any = HeaderValue::from_static("*");
        return vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, any)];
    }
    vec![
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, sent),
        (
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        ),
        (header::VARY, HeaderValue::from_static("Origin")),
    ]
}

#[cfg(test)]
mod tests {
    use super::is_wanted;
    use crate::http::HttpLimits;
    use crate::http::peer::Remote;
    use crate::http::request::Request;

    #[test]
    fn it_is_wanted_where_nothing_else_is_wanted_more() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream", true),
            ("text/event-stream;q=0.5, */*;q=0.1", true),
            ("text/event-stream, */*", true),
            ("text/html, text/event-stream", true),
            ("text/html, text/event-stream;q=0.9", false),
            ("text/event-stream;q=0", false),
            ("application/json;q=0.1, text/event-stream;q=0.2", true),
            ("*/*", false),
            ("text/*", false),
            ("", false),
        ] {
            for method in ["GET", "HEAD", "POST"] {
                let head = format!("{method} / HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\n\r\n");
                let peer = Remote::Tcp("192.0.2.1:1".parse().expect("an address"));
                let request = Request::parse(head.as_bytes(), peer, HttpLimits::default());
                let is_one = is_wanted(&request.expect("it is well-formed"));
                assert_eq!(is_one, expected && method != "POST", "{method} {accept}");
            }
        }
    }
}
