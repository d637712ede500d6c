//! Sending people to TLS, and telling their browsers to stay there (RFC 6797).
//!
//! Pure functions.

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::host::Host;
use super::request::Request;
use super::response::Response;

/// The port that `https://` has anyway.
const HTTPS: u16 = 443;

/// The same, by TLS on `port` of the host that was asked for; for good, with the method that it had.
#[cold]
#[inline(never)]
pub fn to_tls(request: &Request, port: u16) -> Response {
    let host = request.host().map(|authority| authority.host);
    // An old client that names no host learns what to do and not where.
    let place = host.map(|host| place(&host, port, request));
    let text = match &place {
        Some(place) => format!("this is served by TLS: {place}, or wss:// with a WebSocket"),
        None => "this is served by TLS: ask by https:// or wss://".to_owned(),
    };
    let location = place.and_then(|place| HeaderValue::from_str(&place).ok());
    let status = match location {
        Some(_) => StatusCode::PERMANENT_REDIRECT,
        None => StatusCode::BAD_REQUEST,
    };
    let mut response = Response::text(status, &text);
    response
        .headers
        .extend(location.map(|location| (header::LOCATION, location)));
    response
}

fn place(host: &Host, port: u16, request: &Request) -> String {
    let port = match port {
        HTTPS => String::new(),
        port => format!(":{port}"),
    };
    let query = request.query().map(|query| format!("?{query}"));
    let (path, query) = (request.path(), query.unwrap_or_default());
    format!("https://{host}{port}{path}{query}")
}

/// Tells a browser to come by TLS alone for so many seconds.
#[cold]
#[inline(never)]
pub fn stay_with_tls(response: &mut Response, seconds: u64) {
    let name = header::STRICT_TRANSPORT_SECURITY;
    if response.headers.iter().any(|(own, _)| *own == name) {
        return;
    }
    // Digits are always a value.
    let value = HeaderValue::from_str(&format!("max-age={seconds}"));
    response
        .headers
        .extend(value.ok().map(|value| (name, value)));
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::to_tls;
    use crate::http::HttpLimits;
    use crate::http::peer::Remote;
    use crate::http::request::Request;

    fn sent_to(target: &str, host: &str, port: u16) -> (StatusCode, Option<String>) {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let peer = Remote::Tcp("192.0.2.1:1".parse().expect("an address"));
        let request = Request::parse(head.as_bytes(), peer, HttpLimits::default());
        let response = to_tls(&request.expect("it is well-formed"), port);
        let location = response.headers.first().map(|(_, value)| value);
        let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into());
        (response.status, location)
    }

    #[test]
    fn people_are_sent_to_the_same_place_by_tls() {
        for (target, host, port, place) in [
            ("/", "example.org", 443, "https://example.org/"),
            ("/a?b=c", "example.org:80", 443, "https://example.org/a?b=c"),
            ("/a", "EXAMPLE.org", 8443, "https://example.org:8443/a"),
            ("/%0d%0aX:y", "[::1]:80", 443, "https://[::1]/%0d%0aX:y"),
        ] {
            let found = sent_to(target, host, port);
            let expected = (StatusCode::PERMANENT_REDIRECT, Some(place.to_owned()));
            assert_eq!(found, expected, "{target} {host}");
        }
    }
}
