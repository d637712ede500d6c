//! What makes a request one that waits for a message (a long poll), and its answers.
//!
//! `GET`, `Accept: application/json`, and `?wait=25s`. Pure functions.

use std::time::Duration;

use http::StatusCode;
use http::header::{self, HeaderValue};
use percent_encoding::percent_decode_str;

use super::event_stream::share;
use super::origin::AllowedOrigins;
use super::refusal::Refusal;
use super::request::Request;
use super::response::Response;
use crate::limits::POLL_WAIT_MAX;

/// How long the client wants to wait; none where it does not.
///
/// # Errors
/// 400 where it says no such time.
pub fn wait(request: &Request) -> Result<Option<Duration>, Refusal> {
    let is_json = |member: &str| {
        let of = member.split(';').next().unwrap_or_default();
        of.trim().eq_ignore_ascii_case("application/json")
    };
    if request.method() != "GET" || !request.list("accept").any(is_json) {
        return Ok(None);
    }
    let pairs = request.query().unwrap_or_default().split('&');
    let mut waits = pairs.filter_map(|pair| match pair.split_once('=') {
        Some(("wait", value)) => Some(value),
        _ => None,
    });
    let Some(told) = waits.next() else {
        return Ok(None);
    };
    if waits.next().is_some() {
        return Err(Refusal::malformed("`wait` stands twice"));
    }
    let time = percent_decode_str(told).decode_utf8().ok();
    let time = time.and_then(|told| parse(&told));
    match time.filter(|time| *time <= POLL_WAIT_MAX) {
        Some(Duration::ZERO) => Ok(None),
        Some(time) => Ok(Some(time)),
        None => {
            let most = humantime::format_duration(POLL_WAIT_MAX);
            let why = format!("`wait` is a time such as 25s, and {most} at most");
            Err(Refusal::malformed(why))
        }
    }
}

/// `25s`, `1m 30s`, or seconds.
fn parse(text: &str) -> Option<Duration> {
    match text.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// An answer in JSON, which holds for this moment; `admitted` has the headers that the plugin added.
pub fn accept(request: &Request, origins: &AllowedOrigins, admitted: Response) -> Response {
    let mut response = Response::new(StatusCode::OK);
    let mut add = |name, value| {
        let value = HeaderValue::from_static(value);
        response.headers.push((name, value));
    };
    add(header::CONTENT_TYPE, "application/json");
    add(header::CACHE_CONTROL, "no-store");
    response.headers.extend(share(request, origins));
    response.headers.extend(admitted.headers);
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::wait;
    use crate::http::HttpLimits;
    use crate::http::peer::Remote;
    use crate::http::request::Request;

    fn asked(method: &str, accept: &str, query: &str) -> Result<Option<Duration>, String> {
        let head = format!("{method} /?{query} HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\n\r\n");
        let peer = Remote::Tcp("192.0.2.1:1".parse().expect("an address"));
        let request = Request::parse(head.as_bytes(), peer, HttpLimits::default());
        wait(&request.expect("it is well-formed")).map_err(|refusal| refusal.why)
    }

    #[test]
    fn who_says_how_long_waits_and_who_says_nonsense_is_refused() {
        let json = "text/plain, Application/JSON;q=0.5";
        let seconds = |seconds| Ok(Some(Duration::from_secs(seconds)));
        for (query, expected) in [
            ("wait=25s", seconds(25)),
            ("since=x&wait=25", seconds(25)),
            ("wait=1m%2030s", seconds(90)),
            ("wait=%32%35s", seconds(25)),
            ("wait=5m", seconds(300)),
            ("wait=1500ms", Ok(Some(Duration::from_millis(1500)))),
            ("wait=0", Ok(None)),
            ("wait=0s", Ok(None)),
            ("since=x", Ok(None)),
            ("awaits=3", Ok(None)),
            ("", Ok(None)),
        ] {
            assert_eq!(asked("GET", json, query), expected, "{query}");
        }
        for query in [
            "wait=301s",
            "wait=-1",
            "wait=-1s",
            "wait=",
            "wait=soon",
            "wait=1e9",
            "wait=99999999999999999999s",
            "wait=%ff",
            "wait=4294967296",
            "wait=1s&wait=2s",
        ] {
            let refused = asked("GET", json, query).expect_err(query);
            assert!(refused.starts_with("`wait` "), "{query}: {refused}");
        }
    }

    #[test]
    fn only_a_get_for_json_waits() {
        for (method, accept) in [
            ("HEAD", "application/json"),
            ("POST", "application/json"),
            ("GET", "*/*"),
            ("GET", "text/html, application/xml"),
        ] {
            assert_eq!(asked(method, accept, "wait=nonsense"), Ok(None), "{method}");
        }
    }
}
