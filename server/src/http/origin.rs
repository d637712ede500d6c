//! Which pages may connect: a browser sends every page's cookies along, and the same-origin policy
//! does not cover WebSockets, so that the server has to look (RFC 6455 section 10.2).

use http::StatusCode;

use super::host::{self, Authority, Host};
use super::refusal::Refusal;
use super::request::Request;

/// Characters of an origin that a refusal repeats.
const SHOWN_CHARACTERS: usize = 200;

/// Origins that are allowed beside the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// `*` was given.
    any: bool,
    listed: Vec<Listed>,
}

/// One that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listed {
    /// `null`, or `file://`: what is sent where a page has no host.
    Hostless(&'static str),
    /// `scheme://host`, with the places where `*` may stand.
    Host {
        scheme: Box<str>,
        host: HostPattern,
        port: PortPattern,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    One(Host),
    /// One label, and behind it this.
    UnderName(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PortPattern {
    /// None for the scheme's own.
    One(Option<u16>),
    Any,
}

/// Origins without a host that browsers and other clients send: pages of sandboxed frames and of
/// files, and devices that think of themselves as files.
const HOSTLESS: [&str; 2] = ["null", "file://"];

/// An `--allow-origin` that nobody would ever send.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is {}", AllowedOrigins::EXPECTED)]
pub struct NotAnOrigin {
    text: String,
}

impl AllowedOrigins {
    /// Follows what was written and is none.
    pub const EXPECTED: &'static str = "no origin: write it as \"https://example.org\", \
        \"http://example.org:8080\", \"https://*.example.org\" (for one label), \
        \"http://localhost:*\" (for any port), \"null\", \"file://\", or \"*\" for any, without a path";

    /// Takes origins as they are written in the settings.
    ///
    /// # Errors
    /// The first that is none of the forms that [`AllowedOrigins::EXPECTED`] names.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<AllowedOrigins, NotAnOrigin> {
        let mut origins = AllowedOrigins::default();
        for text in texts {
            if text == "*" {
                origins.any = true;
                continue;
            }
            let listed = Listed::parse(text).ok_or_else(|| NotAnOrigin {
                text: text.to_owned(),
            })?;
            origins.listed.push(listed);
        }
        Ok(origins)
    }
}

impl Listed {
    fn parse(text: &str) -> Option<Listed> {
        let lower = text.to_lowercase();
        if lower == "file:///" {
            return Some(Listed::Hostless("file://"));
        }
        if let Some(&hostless) = HOSTLESS.iter().find(|&&of| of == lower) {
            return Some(Listed::Hostless(hostless));
        }
        let (scheme, rest) = split_scheme(&lower)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = host::split_port(rest);
        let port = match port {
            None => PortPattern::One(None),
            Some("*") => PortPattern::Any,
            Some(digits) => {
                let port = host::parse_port(digits).filter(|_| !digits.is_empty())?;
                PortPattern::One(Some(port).filter(|_| host::default_port(scheme) != Some(port)))
            }
        };
        let host = match host.strip_prefix("*.") {
            Some(rest) => HostPattern::UnderName(host::name(rest)?),
            None => HostPattern::One(Host::parse(host)?),
        };
        let scheme = scheme.into();
        Some(Listed::Host { scheme, host, port })
    }

    fn matches(&self, sent: &str, parsed: Option<&Sent<'_>>) -> bool {
        match self {
            Listed::Hostless(text) => sent == *text,
            Listed::Host { scheme, host, port } => parsed.is_some_and(|parsed| {
                **scheme == *parsed.scheme
                    && host.matches(&parsed.authority.host)
                    && match port {
                        PortPattern::Any => true,
                        PortPattern::One(port) => *port == parsed.port(),
                    }
            }),
        }
    }
}

impl HostPattern {
    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (HostPattern::One(one), host) => one == host,
            (HostPattern::UnderName(under), Host::Name(name)) => {
                let label = name
                    .strip_suffix(&**under)
                    .and_then(|rest| rest.strip_suffix('.'));
                label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
            (HostPattern::UnderName(_), Host::Address(_)) => false,
        }
    }
}

/// An origin with a host, as a client has sent it; in lower case.
struct Sent<'a> {
    scheme: &'a str,
    authority: Authority,
}

impl Sent<'_> {
    fn parse(lower: &str) -> Option<Sent<'_>> {
        let (scheme, rest) = split_scheme(lower)?;
        let authority = Authority::parse(rest)?;
        Some(Sent { scheme, authority })
    }

    fn port(&self) -> Option<u16> {
        self.authority.port_unless_of(self.scheme)
    }

    /// Behind a proxy that ends TLS the scheme differs from what the browser used, so only host and
    /// port are compared, with the scheme's own port left away on either side.
    fn is_of(&self, host: &Authority) -> bool {
        self.is_web()
            && self.authority.host == host.host
            && self.port() == host.port_unless_of(self.scheme)
    }

    /// Pages that a server serves; that of an extension may have the name of any host.
    fn is_web(&self) -> bool {
        matches!(self.scheme, "http" | "https")
    }
}

/// RFC 3986 section 3.1.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(is_allowed);
    is_scheme.then_some((scheme, rest))
}

/// Whose page a request comes from, as its browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// One of the host that it asks for.
    Own,
    /// One of another host, or of none.
    Other,
}

/// Whose page has sent it, by `Origin`, or where that is missing by what newer browsers say beside it
/// (`Sec-Fetch-Site`). None where no page is named.
pub fn page(request: &Request) -> Option<Page> {
    let mut values = request.header_values("origin");
    if let Some(value) = values.next() {
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        let (sent, host) = (Sent::parse(&text), request.host());
        let is_own = sent.zip(host).is_some_and(|(sent, host)| sent.is_of(&host));
        let is_one = values.next().is_none();
        return Some(if is_own && is_one {
            Page::Own
        } else {
            Page::Other
        });
    }
    match request.header("sec-fetch-site")? {
        b"none" => None,
        b"same-origin" => Some(Page::Own),
        _ => Some(Page::Other),
    }
}

/// Whether what `check` allows may be inside too: `*` lets the pages of everyone in, and makes none of them an
/// insider, or any page that somebody on this machine opens could push.
pub fn may_be_inside(request: &Request, origins: &AllowedOrigins) -> bool {
    let named = AllowedOrigins {
        any: false,
        listed: origins.listed.clone(),
    };
    check(request, &named).is_ok()
}

/// Allows a request without `Origin` (no browser), one from the host that it asks for, and one
/// from a listed origin.
///
/// # Errors
/// 403, with what to write where to allow it.
pub fn check(request: &Request, origins: &AllowedOrigins) -> Result<(), Refusal> {
    let mut values = request.header_values("origin");
    let Some(value) = values.next() else {
        return Ok(());
    };
    if origins.any {
        return Ok(());
    }
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    if values.next().is_some() {
        return Err(forbidden("more than one Origin header".to_owned()));
    }
    let sent = Sent::parse(&text);
    let host = request.host();
    let is_own = || {
        let (sent, host) = (sent.as_ref()?, host.as_ref()?);
        Some(sent.is_of(host))
    };
    let is_listed = || {
        let mut listed = origins.listed.iter();
        listed.any(|one| one.matches(&text, sent.as_ref()))
    };
    if is_own().unwrap_or(false) || is_listed() {
        return Ok(());
    }
    Err(refusal(&text, sent.as_ref(), host.as_ref()))
}

fn refusal(text: &str, sent: Option<&Sent<'_>>, host: Option<&Authority>) -> Refusal {
    let shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
    let start = format!("origin {shown} is not allowed here: ");
    if let (Some(sent), Some(host)) = (sent, host)
        && sent.is_web()
        && sent.authority.host == host.host
        && host.port.is_none()
    {
        return forbidden(format!(
            "{start}the Host header says {} without the port; a proxy has to pass it on as it came, which \
             in nginx is `proxy_set_header Host $http_host`",
            host.host
        ));
    }
    if Listed::parse(text).is_none() {
        return forbidden(format!(
            "{start}it is none that can be listed; only \"*\" in client.origins would allow it"
        ));
    }
    let warning = match text {
        "null" => "; it stands for every sandboxed page and every file",
        _ => "",
    };
    forbidden(format!(
        "{start}add it to client.origins (--allow-origin) or to the origins of the route, as \
         \"{shown}\"{warning}"
    ))
}

fn forbidden(why: String) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, why)
}

#[cfg(test)]
mod tests {
    use super::{AllowedOrigins, check};
    use crate::http::HttpLimits;
    use crate::http::peer::Remote;
    use crate::http::request::Request;

    /// None where it is allowed, or else why not.
    #[track_caller]
    fn refused(host: &str, origin: &str, allowed: &[&str]) -> Option<String> {
        let allowed = AllowedOrigins::parse(allowed.iter().copied()).expect("valid origins");
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n");
        let peer = Remote::Tcp("192.0.2.1:1".parse().expect("an address"));
        let request =
            Request::parse(head.as_bytes(), peer, HttpLimits::default()).expect("well-formed");
        check(&request, &allowed).err().map(|refusal| refusal.why)
    }

    #[track_caller]
    fn is_allowed(host: &str, origin: &str, allowed: &[&str]) -> bool {
        refused(host, origin, allowed).is_none()
    }

    #[test]
    fn the_own_host_is_allowed_whatever_the_scheme_of_the_web() {
        for (host, origin) in [
            ("example.org", "https://example.org"),
            ("Example.org:80", "http://example.org"),
            ("example.org", "https://example.org:443"),
            ("example.org:443", "https://example.org"),
            ("127.0.0.1:25252", "http://127.0.0.1:25252"),
            ("[0::1]:25252", "http://[::1]:25252"),
            ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ] {
            assert!(is_allowed(host, origin, &[]), "{host} {origin}");
        }
    }

    #[test]
    fn a_foreign_page_is_not() {
        for origin in [
            "https://evil.example",
            "https://example.org.evil.example",
            "null",
            "file://",
            "",
            "example.org",
            "://example.org",
            "http://example.org:81",
            "http://example.org:443",
            "http://user@example.org",
            "http://example.org/path",
            "https://example.org https://evil.example",
            "\u{ff}",
            // They serve no pages, or pages of their own under any name.
            "ftp://example.org",
            "chrome-extension://example.org",
            "ws://example.org",
        ] {
            assert!(!is_allowed("example.org", origin, &[]), "{origin}");
        }
    }

    #[test]
    fn listed_origins_are_compared_in_the_form_that_browsers_send() {
        for (listed, sent) in [
            ("https://A.example/", "https://a.example"),
            ("https://example.net:443", "https://example.net"),
            ("http://example.net:80", "http://example.net"),
            ("https://example.net", "https://example.net:443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
            (
                "https://*.bücher.example",
                "https://www.xn--bcher-kva.example",
            ),
            ("https://*.example.org", "https://a.example.org"),
            ("https://*.example.org:8443", "https://a.example.org:8443"),
            ("http://localhost:*", "http://localhost"),
            ("http://localhost:*", "http://localhost:5173"),
            ("http://*.localhost:*", "http://app.localhost:1"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("null", "null"),
            ("file://", "file://"),
            ("file:///", "file://"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("*", "null"),
            ("*", "whatever"),
        ] {
            assert!(is_allowed("h", sent, &[listed]), "{listed}: {sent}");
        }
    }

    #[test]
    fn and_no_others_with_them() {
        for (listed, sent) in [
            ("https://a.example", "http://a.example"),
            ("https://a.example", "https://a.example:8443"),
            ("https://*.example.org", "https://example.org"),
            ("https://*.example.org", "https://a.b.example.org"),
            ("https://*.example.org", "https://.example.org"),
            ("https://*.example.org", "https://evilexample.org"),
            (
                "https://*.example.org",
                "https://a.example.org.evil.example",
            ),
            ("https://*.example.org", "http://a.example.org"),
            ("https://*.example.org", "https://a.example.org:8443"),
            ("http://localhost:*", "https://localhost:1"),
            ("http://localhost:*", "http://localhost.evil.example:1"),
            ("null", "file://"),
            ("file://", "file://host"),
        ] {
            assert!(!is_allowed("h", sent, &[listed]), "{listed}: {sent}");
        }
    }

    #[test]
    fn what_nobody_sends_is_refused_at_start() {
        for text in [
            "example.org",
            "https://",
            "https://a.example/path",
            "https://a.example//",
            "https://a.example:",
            "https://a.example:port",
            "https://a.example:65536",
            "https://u@a.example",
            "https://a.*.example",
            "https://a*.example",
            "https://*",
            "https://*.",
            "https://*.*.example",
            "*://a.example",
            "*.example.org",
            "https://a b.example",
            "http://[::1",
            "http://::1",
            "1http://a",
            "",
        ] {
            let error = AllowedOrigins::parse([text]).expect_err(text);
            assert!(error.to_string().contains("\"https://*.example.org\""));
        }
    }

    #[test]
    fn the_refusal_says_what_to_write() {
        for (origin, part) in [
            (
                "https://A.example",
                "client.origins (--allow-origin) or to the origins of the route, as \"https://a.example\"",
            ),
            ("null", "as \"null\"; it stands for every sandboxed page"),
            ("file://", "as \"file://\""),
            ("nonsense", "only \"*\" in client.origins"),
            (
                "https://example.org:8443",
                "proxy_set_header Host $http_host",
            ),
        ] {
            let why = refused("example.org", origin, &[]).expect("it is foreign");
            assert!(why.contains(part), "{origin}: {why}");
        }
        let long = refused("h", &"x".repeat(10_000), &[]).expect("it is foreign");
        assert!(long.len() < 400, "{}", long.len());
    }
}
