//! Where a URL leads, and the connection there.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use http::Uri;
use rustix::net::sockopt;

use super::CallError;

/// How long one address may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence after which the other machine is asked whether it is there, and how often until it is given up.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(10), 3);

/// A URL that can be called.
pub(super) struct Place {
    /// `ws://`, and not `http://`.
    pub(super) is_socket: bool,
    /// As the Host header has it.
    pub(super) authority: String,
    /// Path and query.
    pub(super) target: String,
    host: String,
    port: u16,
}

impl Place {
    /// # Errors
    /// [`CallError::Usage`].
    pub(super) fn parse(url: &str) -> Result<Place, CallError> {
        let wrong = |why: &str| CallError::Usage(format!("{url}: {why}"));
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        let is_socket = match uri.scheme_str() {
            Some("http") => false,
            Some("ws") => true,
            Some("https" | "wss") => {
                return Err(wrong(
                    "no TLS is spoken here: call the server itself, past the proxy, by http:// or ws://",
                ));
            }
            _ => return Err(wrong("begins neither with http:// nor with ws://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Place {
            is_socket,
            authority: authority.to_string(),
            target: target.to_owned(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
        })
    }

    /// The same with another path and query.
    pub(super) fn with_target(&self, target: String) -> Place {
        Place {
            target,
            authority: self.authority.clone(),
            host: self.host.clone(),
            ..*self
        }
    }

    /// Connects to the first of its addresses that answers. Blocks for that, at most ten seconds for each.
    ///
    /// # Errors
    /// [`CallError::Unreachable`].
    pub(super) fn connect(&self) -> Result<TcpStream, CallError> {
        let stream = connect((self.host.as_str(), self.port))
            .map_err(|error| CallError::Unreachable(format!("{}: {error}", self.authority)))?;
        keep_alive(&stream);
        Ok(stream)
    }
}

/// Connects to the first address of a place that answers. Blocks for that, at most ten seconds for each.
///
/// # Errors
/// That of the last address; there may be none.
pub(super) fn connect(place: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in place.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A stream may be silent for as long as it likes, and its server may vanish without a word.
fn keep_alive(stream: &TcpStream) {
    let (idle, interval, count) = KEEP_ALIVE;
    // Each fails only on a dead socket, and what is read next tells of that.
    sockopt::set_socket_keepalive(stream, true).ok();
    sockopt::set_tcp_keepidle(stream, idle).ok();
    sockopt::set_tcp_keepintvl(stream, interval).ok();
    sockopt::set_tcp_keepcnt(stream, count).ok();
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_url_says_where_and_how() {
        for (url, expected) in [
            (
                "http://localhost/push",
                Some((false, "localhost", 80, "/push")),
            ),
            (
                "ws://[::1]:25252/push/a%20b?topic=c",
                Some((true, "::1", 25252, "/push/a%20b?topic=c")),
            ),
            ("http://h:1", Some((false, "h", 1, "/"))),
            ("https://h/", None),
            ("wss://h/", None),
            ("ftp://h/", None),
            ("h:1/push", None),
            ("/push", None),
            ("", None),
        ] {
            let found = Place::parse(url).ok();
            let found = found
                .as_ref()
                .map(|of| (of.is_socket, of.host.as_str(), of.port, of.target.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }
}
