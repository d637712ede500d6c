//! Which pages may connect: a browser sends every page's cookies along, and the same-origin policy
//! does not cover WebSockets, so that the server has to look (RFC 6455 section 10.2).

use http::StatusCode;

use super::refusal::Refusal;
use super::request::Request;

/// Origins that are allowed beside the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// `*` was given.
    any: bool,
    /// Lower case, without a trailing slash.
    listed: Vec<String>,
}

/// An `--allow-origin` that no browser would ever send.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no origin: write it as https://example.org or http://example.org:8080, without a path, \
     or * for any"
)]
pub struct NotAnOrigin(String);

impl AllowedOrigins {
    /// Takes origins as they are written on the command line.
    ///
    /// # Errors
    /// The first that is no `scheme://host[:port]` and not `*`.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<AllowedOrigins, NotAnOrigin> {
        let mut origins = AllowedOrigins::default();
        for text in texts {
            let origin = text.trim_end_matches('/').to_ascii_lowercase();
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            if text == "*" {
                origins.any = true;
            } else if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
                return Err(NotAnOrigin(text.to_owned()));
            } else {
                origins.listed.push(origin);
            }
        }
        Ok(origins)
    }
}

/// Allows a request without `Origin` (no browser), one from the host that it asks for, and one
/// from a listed origin.
///
/// # Errors
/// 403, with the option that would allow it.
pub fn check(request: &Request, origins: &AllowedOrigins) -> Result<(), Refusal> {
    let mut values = request.header_values("origin");
    let Some(value) = values.next() else {
        return Ok(());
    };
    if origins.any {
        return Ok(());
    }
    let origin = String::from_utf8_lossy(value).to_ascii_lowercase();
    let is_allowed = values.next().is_none()
        && (is_same_host(&origin, request) || origins.listed.contains(&origin));
    if is_allowed {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        format!(
            "origin {origin} is not allowed here: add it to client.origins \
             (--allow-origin), or to the origins of the route"
        ),
    ))
}

/// Behind a proxy that ends TLS the scheme differs from what the browser used, so only host and
/// port are compared, with the scheme's own port left away on either side.
fn is_same_host(origin: &str, request: &Request) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let Some(host) = request
        .header("host")
        .and_then(|host| std::str::from_utf8(host).ok())
    else {
        return false;
    };
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.to_ascii_lowercase();
    let plain = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_owned();
    !authority.is_empty() && plain(authority) == plain(&host)
}

#[cfg(test)]
mod tests {
    use super::{AllowedOrigins, check};
    use crate::http::HttpLimits;
    use crate::http::request::Request;

    fn is_allowed(host: &str, origin: &str, allowed: &[&str]) -> bool {
        let allowed = AllowedOrigins::parse(allowed.iter().copied()).expect("valid origins");
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n");
        let peer = "192.0.2.1:1".parse().expect("an address");
        let request =
            Request::parse(head.as_bytes(), peer, HttpLimits::default()).expect("well-formed");
        check(&request, &allowed).is_ok()
    }

    #[test]
    fn the_own_host_is_allowed_whatever_the_scheme() {
        assert!(is_allowed("example.org", "https://example.org", &[]));
        assert!(is_allowed("Example.org:80", "http://example.org", &[]));
        assert!(is_allowed("example.org", "https://example.org:443", &[]));
        assert!(is_allowed("127.0.0.1:25252", "http://127.0.0.1:25252", &[]));
    }

    #[test]
    fn a_foreign_page_is_not() {
        for origin in [
            "https://evil.example",
            "https://example.org.evil.example",
            "null",
            "",
            "http://example.org:81",
        ] {
            assert!(!is_allowed("example.org", origin, &[]), "{origin}");
        }
    }

    #[test]
    fn listed_origins_and_the_star_are() {
        assert!(is_allowed(
            "h",
            "https://a.example",
            &["https://A.example/"]
        ));
        assert!(!is_allowed("h", "http://a.example", &["https://a.example"]));
        assert!(is_allowed("h", "null", &["*"]));
    }

    #[test]
    fn what_no_browser_sends_is_refused_at_start() {
        for text in ["example.org", "https://", "https://a.example/path", ""] {
            assert!(AllowedOrigins::parse([text]).is_err(), "{text}");
        }
    }
}
