//! A request as plugins read it, and the parsing of its head (RFC 9112).

use std::net::SocketAddr;

use http::StatusCode;

use crate::limits::HEADERS_MAX;

/// Why a request is not served: the status, and a sentence for the body and the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The answer's status.
    pub status: StatusCode,
    /// What is wrong and, where it can be said, what to do.
    pub why: String,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Refusal {
        Refusal {
            status,
            why: why.into(),
        }
    }

    /// 400: the request breaks HTTP's or the handshake's rules.
    pub fn malformed(why: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, why)
    }
}

/// A handshake or a plain request.
#[derive(Debug)]
pub struct Request {
    /// The method, upper case as it came.
    pub method: String,
    /// The path without the query, percent-encoding as it came; begins with `/`.
    pub path: String,
    /// What stands behind `?`.
    pub query: Option<String>,
    /// All headers in the order they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty for a handshake.
    pub body: Vec<u8>,
    /// HTTP/1.1, not 1.0.
    pub is_http_1_1: bool,
    /// `address:port` of the socket's other end.
    pub peer: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// What the path has at the places of the route's path, such as `name` in `/room/{name}`.
    pub params: Box<[(Box<str>, Box<str>)]>,
}

/// Where a request comes from, as far as its peer and its headers tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// IP address of the client, behind a proxy that we trust too.
    pub client_address: String,
    /// From this machine, past no proxy, and no foreign browser page.
    pub is_inside: bool,
}

impl Request {
    /// Parses a complete head: everything up to and with the empty line.
    ///
    /// # Errors
    /// 400 where it is malformed, 431 for more than [`HEADERS_MAX`] headers.
    pub fn parse(head: &[u8], peer: SocketAddr) -> Result<Request, Refusal> {
        if has_bare_line_feed(head) {
            return Err(Refusal::malformed("a line does not end with CR LF"));
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(Refusal::malformed("the request head is not complete"));
            }
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Refusal::new(
                    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                    format!("more than {HEADERS_MAX} headers"),
                ));
            }
            Err(error) => return Err(Refusal::malformed(format!("malformed request: {error}"))),
        }
        let headers: Vec<_> = parsed
            .headers
            .iter()
            .map(|header| (header.name.to_owned(), header.value.to_vec()))
            .collect();
        let (path, query) = split_target(parsed.path.unwrap_or_default())?;
        let request = Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path,
            query,
            headers,
            body: Vec::new(),
            is_http_1_1: parsed.version == Some(1),
            peer: peer.to_string(),
            provenance: Provenance::default(),
            params: Box::default(),
        };
        request.check_host()?;
        Ok(request)
    }

    /// The first value of a header; `name` in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut named = self
            .headers
            .iter()
            .filter(|(of, _)| of.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_slice())
    }

    /// All values of a header in the order they came; `name` in any case.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.headers
            .iter()
            .filter(move |(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Whether a header that is a list (RFC 9110 section 5.6.1), in one or several lines, holds
    /// `token` in any case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|of| of.eq_ignore_ascii_case(token))
    }

    /// The members of a header that is a list, in one or several lines.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.header_values(name)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|member| !member.is_empty())
    }

    /// RFC 9112 section 3.2: one Host in HTTP/1.1, never two.
    fn check_host(&self) -> Result<(), Refusal> {
        match self.header_values("host").count() {
            1 => Ok(()),
            0 if !self.is_http_1_1 => Ok(()),
            0 => Err(Refusal::malformed("the Host header is missing")),
            _ => Err(Refusal::malformed("more than one Host header")),
        }
    }
}

/// Every line ends with CR LF: a bare LF is read differently by different programs on the way.
fn has_bare_line_feed(head: &[u8]) -> bool {
    let mut before = 0;
    head.iter().any(|&byte| {
        let is_bare = byte == b'\n' && before != b'\r';
        before = byte;
        is_bare
    })
}

/// Path and query of an origin-form or absolute-form target (RFC 9112 section 3.2).
fn split_target(target: &str) -> Result<(String, Option<String>), Refusal> {
    let target = match target.split_once("://") {
        Some(("http" | "https" | "ws" | "wss", rest)) => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    if !target.starts_with('/') {
        return Err(Refusal::malformed(
            "the request target does not begin with /",
        ));
    }
    if target.contains('#') {
        return Err(Refusal::malformed("the request target has a fragment"));
    }
    match target.split_once('?') {
        Some((path, query)) => Ok((path.to_owned(), Some(query.to_owned()))),
        None => Ok((target.to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, Request};

    fn parse(head: &str) -> Result<Request, Refusal> {
        Request::parse(head.as_bytes(), "127.0.0.1:1".parse().expect("an address"))
    }

    #[test]
    fn target_is_split_into_path_and_query() {
        for (target, path, query) in [
            ("/a?b=c?d", "/a", Some("b=c?d")),
            ("/a?", "/a", Some("")),
            ("/a%20b", "/a%20b", None),
            ("http://h:1/a?b", "/a", Some("b")),
            ("ws://h", "/", None),
        ] {
            let request = parse(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
            let request = request.expect("it is well-formed");
            assert_eq!((&*request.path, request.query.as_deref()), (path, query));
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for head in [
            "GET a HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        ] {
            assert!(parse(head).is_err(), "{head:?}");
        }
    }

    #[test]
    fn lists_are_read_over_several_lines() {
        let head =
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, \r\nconnection:UPGRADE\r\n\r\n";
        assert!(
            parse(head)
                .expect("it is well-formed")
                .has_token("Connection", "upgrade")
        );
    }
}
