//! A request as plugins read it, and the parsing of its head (RFC 9112).
//!
//! A client's handshake is kept as long as the client is there, so it is compact: the bytes as they
//! came, and where in them things stand.

use std::ops::Range;
use std::sync::Arc;

use super::HttpLimits;
use super::fields;
use super::host::{Authority, split_port};
use super::peer::Remote;
use super::refusal::Refusal;
use super::request_line::{RequestLine, Version};
use super::target::{Target, check_host};
use crate::limits::settings::HEAD_BYTES;
use crate::tls::PeerCertificate;

/// A handshake or a plain request of HTTP/1.
#[derive(Debug)]
pub struct Request {
    /// The head as it came, and behind it the text of the peer's address.
    bytes: Box<[u8]>,
    /// All headers in the order they came.
    headers: Box<[Field]>,
    method: Span,
    path: Span,
    query: Option<Span>,
    peer: Span,
    version: Version,
    /// The body; empty for a handshake.
    pub body: Vec<u8>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// What its client is, or asks to become.
    pub kind: Kind,
    /// What its client has shown by TLS, and was checked.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// What the path has at the places of the route's path, such as `name` in `/room/{name}`.
    pub params: Box<[(Box<str>, Box<str>)]>,
}

/// What a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// One that asks and is answered.
    #[default]
    Plain,
    /// It sends and receives messages.
    WebSocket,
    /// It receives messages as events.
    EventStream,
    /// It waits for one message.
    Poll,
}

/// Where a request comes from, as far as its peer and its headers tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// IP address of the client, behind a proxy that we trust too; none where that is the peer itself, and its
    /// address stands in the peer's text.
    pub client_address: Option<Box<str>>,
    /// From this machine, past no proxy, and no foreign browser page.
    pub is_inside: bool,
}

/// Bytes of a request: two bytes an end, which the most that a head may have fits into.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
}

/// The longest text of a peer: an IPv6 address with scope, and a port.
const PEER_BYTES_MAX: usize = 64;

const _: () = assert!(HEAD_BYTES.most as usize + PEER_BYTES_MAX <= u16::MAX as usize);

impl Request {
    /// Parses a complete head: everything up to and with the empty line.
    ///
    /// # Errors
    /// 400 where it is malformed, 431 for too many headers or bytes, 505 for another major version than 1.
    pub fn parse(head: &[u8], peer: Remote, limits: HttpLimits) -> Result<Request, Refusal> {
        Request::parse_of(head, &peer.to_string(), limits)
    }

    /// The same for the text of a peer: to write it takes more stack than all the rest, where there is little left.
    ///
    /// # Errors
    /// Those of [`Request::parse`].
    pub fn parse_of(head: &[u8], peer: &str, limits: HttpLimits) -> Result<Request, Refusal> {
        if head.len() > limits.head_bytes {
            return Err(too_large(limits));
        }
        let Some(line_end) = head.windows(2).position(|pair| pair == b"\r\n") else {
            return Err(fields::bare_line_feed());
        };
        let line = RequestLine::parse(&head[..line_end])?;
        let method = text(&head[line.method.clone()]);
        let target_text = text(&head[line.target.clone()]);
        let target = Target::parse(method, target_text)?;
        let place = |part: &[u8]| {
            let start = part.as_ptr().addr() - head.as_ptr().addr();
            Span::new(start..start + part.len())
        };
        let in_target = |part: Range<usize>| {
            let start = line.target.start;
            Span::new(start + part.start..start + part.end)
        };
        let (mut headers, host) = fields::parse(&head[line_end + 2..], limits, |parsed| {
            let field = |header: &httparse::Header<'_>| Field {
                name: place(header.name.as_bytes()),
                value: place(header.value),
            };
            let headers: Box<[Field]> = parsed.iter().map(field).collect();
            Ok((headers, the_host(parsed, line.version)?))
        })?;
        if let (Some(authority), Some(host)) = (target.authority, host) {
            // RFC 9112 section 3.2.2: whoever reads the Host header is to read this instead.
            headers[host].value = in_target(authority);
        }
        Ok(Request {
            headers,
            method: Span::new(line.method),
            path: in_target(target.path),
            query: target.query.map(in_target),
            peer: Span::new(head.len()..head.len() + peer.len()),
            version: line.version,
            bytes: [head, peer.as_bytes()].concat().into_boxed_slice(),
            body: Vec::new(),
            provenance: Provenance::default(),
            kind: Kind::Plain,
            certificate: None,
            params: Box::default(),
        })
    }

    /// The method as it came; methods are case-sensitive.
    pub fn method(&self) -> &str {
        text(self.at(self.method))
    }

    /// What it is read as.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The path without the query, percent-encoding as it came; begins with `/`, or is `*` for
    /// OPTIONS or the authority for CONNECT.
    pub fn path(&self) -> &str {
        match text(self.at(self.path)) {
            "" => "/",
            path => path,
        }
    }

    /// What stands behind `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|query| text(self.at(query)))
    }

    /// `address:port` of the socket's other end.
    pub fn peer(&self) -> &str {
        text(self.at(self.peer))
    }

    /// IP address of the client, behind a proxy that we trust too.
    pub fn client_address(&self) -> &str {
        match &self.provenance.client_address {
            Some(address) => address,
            None => split_port(self.peer()).0,
        }
    }

    /// The first value of a header; `name` in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.headers.iter();
        let named = fields.find(|field| self.is_named(field, name))?;
        Some(self.at(named.value))
    }

    /// What the Host header, or the target in its place, asks for. None for a request of HTTP/1.0 that
    /// does not say.
    pub fn host(&self) -> Option<Authority> {
        Authority::parse(std::str::from_utf8(self.header("host")?).ok()?)
    }

    /// All values of a header in the order they came; `name` in any case.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.headers
            .iter()
            .filter(move |field| self.is_named(field, name))
            .map(|field| self.at(field.value))
    }

    /// Name and value of the header at `index`, in the order they came.
    pub fn header_at(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let field = self.headers.get(index)?;
        Some((self.at(field.name), self.at(field.value)))
    }

    /// Whether a header that is a list (RFC 9110 section 5.6.1), in one or several lines, holds
    /// `token` in any case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        let token = token.as_bytes();
        let is_it = |member: &[u8]| member.trim_ascii().eq_ignore_ascii_case(token);
        // Mostly it is the only one.
        self.header_values(name)
            .any(|value| is_it(value) || value.split(|&byte| byte == b',').any(is_it))
    }

    /// The members of a header that is a list, in one or several lines.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.header_values(name)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(|member| member.trim_matches([' ', '\t']))
            .filter(|member| !member.is_empty())
    }

    fn is_named(&self, field: &Field, name: &str) -> bool {
        self.at(field.name).eq_ignore_ascii_case(name.as_bytes())
    }

    fn at(&self, span: Span) -> &[u8] {
        &self.bytes[usize::from(span.start)..usize::from(span.end)]
    }
}

impl Span {
    /// `range` ends within the longest head and [`PEER_BYTES_MAX`].
    fn new(range: Range<usize>) -> Span {
        Span {
            start: range.start as u16,
            end: range.end as u16,
        }
    }
}

/// 431 for a head over its limit.
pub fn too_large(limits: HttpLimits) -> Refusal {
    Refusal::new(
        http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        format!("request head over {} bytes", limits.head_bytes),
    )
}

/// Index of the Host header: there is one (RFC 9112 section 3.2), in HTTP/1.0 at most one, and it is
/// well-formed.
fn the_host(headers: &[httparse::Header<'_>], version: Version) -> Result<Option<usize>, Refusal> {
    let mut hosts =
        (0..headers.len()).filter(|&index| headers[index].name.eq_ignore_ascii_case("host"));
    let Some(host) = hosts.next() else {
        return match version {
            Version::Http10 => Ok(None),
            Version::Http11 => Err(Refusal::malformed("the Host header is missing")),
        };
    };
    if hosts.next().is_some() {
        return Err(Refusal::malformed("more than one Host header"));
    }
    check_host(std::str::from_utf8(headers[host].value).unwrap_or_default()).map_err(
        |refusal| Refusal::malformed(format!("the Host header is malformed: {}", refusal.why)),
    )?;
    Ok(Some(host))
}

/// Parts that are known to be ASCII.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Field, HttpLimits, Provenance, Refusal, Remote, Request};

    fn parse(head: impl AsRef<[u8]>) -> Result<Request, Refusal> {
        let peer = Remote::Tcp("127.0.0.1:1".parse().expect("an address"));
        Request::parse(head.as_ref(), peer, HttpLimits::default())
    }

    #[test]
    fn everything_is_found_again() {
        let head =
            "POST /a%20b?c HTTP/1.1\r\nHost: h:1\r\nX-Empty:\r\nx-two: \t1 \r\nX-Two: 2\r\n\r\n";
        let request = parse(head).expect("it is well-formed");
        assert_eq!((request.method(), request.path()), ("POST", "/a%20b"));
        assert_eq!(
            (request.query(), request.peer()),
            (Some("c"), "127.0.0.1:1")
        );
        assert_eq!(request.header("HOST"), Some(b"h:1".as_slice()));
        let twice: Vec<_> = request.header_values("X-TWO").collect();
        assert_eq!(twice, [b"1", b"2"]);
        assert_eq!(
            request.header_at(1),
            Some((b"X-Empty".as_slice(), b"".as_slice()))
        );
        assert_eq!(request.header_at(4), None);
    }

    #[test]
    fn the_host_of_the_target_wins() {
        let head = "GET http://target:8 HTTP/1.1\r\nHost: header\r\n\r\n";
        let request = parse(head).expect("it is well-formed");
        assert_eq!(request.path(), "/");
        assert_eq!(request.header("host"), Some(b"target:8".as_slice()));
    }

    #[test]
    fn http_1_0_may_leave_the_host_away_and_no_more() {
        let request = parse("GET / HTTP/1.0\r\n\r\n").expect("it is well-formed");
        assert_eq!((request.host(), request.header("host")), (None, None));
        let request = parse("GET / HTTP/1.0\r\nHost: h:1\r\n\r\n").expect("it is well-formed");
        assert_eq!(request.host().and_then(|host| host.port), Some(1));
        for hosts in ["Host: a b", "Host:", "Host: h\r\nHost: h"] {
            let head = format!("GET / HTTP/1.0\r\n{hosts}\r\n\r\n");
            assert!(parse(&head).is_err(), "{head:?}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for head in [
            "GET a HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nhost: i\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h, i\r\n\r\n",
            "GET http://h/ HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\n\r\n",
            "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n",
            "",
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

    #[test]
    fn a_token_is_one_whole_member_of_its_list_whatever_stands_beside_it() {
        for (value, is_there) in [
            (b"Upgrade".as_slice(), true),
            (b"keep-alive\t, upgrade", true),
            (b",,upgrade ,", true),
            (b"\xff, upgrade", true),
            (b"upgrade;\xe4, Upgrade", true),
            (b"", false),
            (b"upgrade\xff", false),
            (b"upgrades, up grade", false),
            (b"\"upgrade\"", false),
        ] {
            let head = [
                b"GET / HTTP/1.1\r\nHost: h\r\nConnection: ",
                value,
                b"\r\n\r\n",
            ]
            .concat();
            let request = parse(head).expect("it is well-formed");
            let shown = value.escape_ascii();
            assert_eq!(
                request.has_token("connection", "upgrade"),
                is_there,
                "{shown}"
            );
        }
    }

    /// What Chromium sends to open a WebSocket.
    const BROWSER: &str = "GET /chat HTTP/1.1\r\nHost: 127.0.0.1:25252\r\nConnection: Upgrade\r\n\
        Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
        AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n\
        Origin: http://127.0.0.1:25252\r\nSec-WebSocket-Version: 13\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nSec-GPC: 1\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

    #[test]
    fn a_handshake_that_is_kept_takes_less_than_900_bytes_in_three_pieces() {
        let mut request = parse(BROWSER).expect("it is well-formed");
        request.provenance = Provenance {
            client_address: Some("2001:db8:1111:2222:3333:4444:5555:6666".into()),
            is_inside: false,
        };
        let Request {
            bytes,
            headers,
            body,
            provenance,
            ..
        } = &request;
        let pieces = [
            bytes.len(),
            size_of_val(&**headers),
            provenance.client_address.as_ref().map_or(0, |of| of.len()),
        ];
        assert_eq!(body.capacity(), 0);
        assert!(BROWSER.len() >= 500, "{}", BROWSER.len());
        assert!(pieces.iter().sum::<usize>() < 900, "{pieces:?}");
        assert_eq!(size_of::<Field>(), 8);
        assert!(size_of::<Request>() <= 128, "{}", size_of::<Request>());
    }
}
