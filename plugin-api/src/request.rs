//! A handshake or plain HTTP request, as a callback sees it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::abi;
use crate::calls::RequestCalls;
use crate::reading;

/// A handshake or plain HTTP request; there until the callback returns, for the callback's thread.
///
/// ```
/// use plugin_api::{Request, Response, Result, Upgrade};
///
/// fn on_upgrade(request: &Request) -> Result<Upgrade> {
///     let is_known = request.cookie("session").is_some() || request.query("token").is_some();
///     if !is_known && !request.is_inside() {
///         let address = request.client_address();
///         return Ok(Upgrade::refuse(Response::text(format!("not {address}\n")).status(403)));
///     }
///     Ok(Upgrade::accept())
/// }
/// ```
pub struct Request {
    calls: RequestCalls,
}

impl Request {
    pub(crate) fn new(calls: RequestCalls) -> Request {
        Request { calls }
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        self.field_text(abi::FIELD_METHOD).unwrap_or_default()
    }

    /// The path without the query, percent-encoded as it came.
    pub fn path(&self) -> &str {
        self.field_text(abi::FIELD_PATH).unwrap_or_default()
    }

    /// What the query says of `name`, decoded: `query("nick")` of `/chat?nick=J%C3%BCrg&colour=red` is `Jürg`. The
    /// first, where there are several; empty where it has no value (`?nick`).
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_all(name).next()
    }

    /// All that the query says of `name`, decoded, in the order they came.
    pub fn query_all(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        self.query_pairs()
            .filter(move |(of, _)| of == name)
            .map(|(_, value)| value)
    }

    /// The whole query, decoded, in the order it came.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        reading::query_pairs(self.query_string().unwrap_or_default().as_bytes())
    }

    /// What stands behind `?`, percent-encoded as it came. None where there is no `?`.
    pub fn query_string(&self) -> Option<&str> {
        self.field_text(abi::FIELD_QUERY)
    }

    /// Value of the first cookie of that name, as it came.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| value)
    }

    /// All cookies, in the order they came.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.header_values("Cookie")
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(reading::cookie_pairs)
    }

    /// What the path has at the place of `{name}` in the route's path, percent-decoded: on a route
    /// `/room/{name}`, `param("name")` of `/room/4` is `4`.
    pub fn param(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.calls.param(name)?).ok()
    }

    /// Value of the first header of that name (in any case) that is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name)
            .find_map(|value| std::str::from_utf8(value).ok())
    }

    /// Values of all headers of that name (in any case), in the order they came.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        (0..).map_while(move |index| self.calls.header(name, index))
    }

    /// All headers, in the order they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        (0..)
            .map_while(|index| self.calls.header_at(index))
            .filter_map(|(name, value)| {
                // A header's name is a token (RFC 9110 section 5.1), so nothing is ever left out here.
                Some((std::str::from_utf8(name).ok()?, value))
            })
    }

    /// Subprotocols that the client offers (RFC 6455 section 1.9), the one it likes best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.header_values("Sec-WebSocket-Protocol")
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }

    /// The body; empty for a handshake. [`text`](Request::text), [`json`](Request::json) and [`form`](Request::form)
    /// read it.
    pub fn body(&self) -> &[u8] {
        self.calls.field(abi::FIELD_BODY).unwrap_or_default()
    }

    /// `address:port` of the other end of the socket; behind a proxy that is the proxy. By a unix socket the
    /// process that has connected, as the kernel tells: `unix:pid=812,uid=33,gid=33`, with the process number
    /// 0 where it is of another container.
    pub fn peer(&self) -> &str {
        self.field_text(abi::FIELD_PEER).unwrap_or_default()
    }

    /// IP address of the client; behind a trusted proxy the one that the proxy tells, or `unknown` where
    /// that cannot be read. By a unix socket without such a proxy as [`Request::peer`] has it.
    pub fn client_address(&self) -> &str {
        self.field_text(abi::FIELD_CLIENT_ADDRESS)
            .unwrap_or_default()
    }

    /// [`client_address`](Request::client_address) as an IP address; none where it is not known to be one.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client_address().parse().ok()
    }

    /// What the client is, or asks to become. A server older than plugin ABI 1.1 knows no event streams and
    /// does not tell: [`Kind::Plain`].
    pub fn kind(&self) -> Kind {
        match self.field_text(abi::FIELD_KIND) {
            Some("websocket") => Kind::WebSocket,
            Some("event-stream") => Kind::EventStream,
            Some("poll") => Kind::Poll,
            _ => Kind::Plain,
        }
    }

    /// Whose page a browser has sent it from. None where no page is named: it is no browser, or one that was
    /// told the address by its user; and always on a server older than plugin ABI 1.1.
    pub fn page(&self) -> Option<Page> {
        match self.field_text(abi::FIELD_PAGE)? {
            "own" => Some(Page::Own),
            _ => Some(Page::Other),
        }
    }

    /// The certificate that the client has shown by TLS, signed by an authority that the server's settings name
    /// (`client_ca`) and checked against it. None where it has shown none, and always on a server that speaks no TLS itself or
    /// is older than plugin ABI 1.1.
    pub fn certificate(&self) -> Option<Certificate<'_>> {
        let subject = self.field_text(abi::FIELD_CERTIFICATE_SUBJECT)?;
        let names = self.field_text(abi::FIELD_CERTIFICATE_NAMES);
        let fingerprint = self.field_text(abi::FIELD_CERTIFICATE_FINGERPRINT);
        Some(Certificate {
            subject,
            names: names.unwrap_or_default().lines().collect(),
            fingerprint: fingerprint.unwrap_or_default(),
        })
    }

    /// Whether the client is one that may do what others may not, such as to push.
    ///
    /// It rests on the server's settings alone: on the listener that the client has come by, on its
    /// network, or on a token that it has shown; and where the settings name none of these, on a guess, that
    /// it has come from this very machine and left no trace of a proxy. In no case is a page of an origin
    /// that is not allowed inside, nor who asks for a name that is not this machine's without a token. The
    /// server's README tells the rules, and its start line `inside: ` which of them hold.
    pub fn is_inside(&self) -> bool {
        self.calls.is_inside()
    }

    fn field_text(&self, field: u32) -> Option<&str> {
        std::str::from_utf8(self.calls.field(field)?).ok()
    }
}

/// Who a client is, as the certificate says that it has shown.
///
/// ```
/// use plugin_api::Request;
///
/// /// Whether it is the machine of this name.
/// fn is_machine(request: &Request, name: &str) -> bool {
///     let shown = request.certificate();
///     shown.is_some_and(|certificate| certificate.names.contains(&name))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'r> {
    /// The subject, such as `CN=ann, O=Example`; empty where the certificate has none.
    pub subject: &'r str,
    /// Its other names: DNS, e-mail, URI and IP address.
    pub names: Vec<&'r str>,
    /// The SHA-256 of the whole certificate, 64 hexadecimal digits: the same for this certificate alone.
    pub fingerprint: &'r str,
}

/// What a client is.
///
/// ```
/// use plugin_api::{Kind, Request};
///
/// /// Whether `on_message` may come.
/// fn speaks(request: &Request) -> bool {
///     request.kind() == Kind::WebSocket
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Neither of the others: a request that [`on_request`](crate::Plugin::on_request) answers.
    Plain,
    /// It sends and receives messages.
    WebSocket,
    /// It only receives them, as events of an `EventSource`: what it is sent as a message arrives as an
    /// event, and [`on_message`](crate::Plugin::on_message) never comes.
    EventStream,
    /// It waits for the first message, which its request is answered with, and for so long as it says; then it is
    /// closed.
    Poll,
}

/// Whose page a request comes from, as the browser says that sends it.
///
/// ```
/// use plugin_api::{Page, Request};
///
/// /// What changes something is for pages of one's own, and for programs, which name no page.
/// fn may_change(request: &Request) -> bool {
///     request.page() != Some(Page::Other)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// One of the host that it asks for.
    Own,
    /// One of another host, or of none.
    Other,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}
