//! Names and addresses in `Host`, in `Origin` and in the settings, in the one form in which they are
//! compared.
//!
//! Pure functions on text. Names are as a browser sends them: lower case, letters beyond ASCII as
//! punycode (RFC 5890).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use memchr::{memchr, memrchr};

/// What stands before the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name; never one that is an address.
    Name(Box<str>),
    /// An address.
    Address(IpAddr),
}

/// `host` or `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Name or address.
    pub host: Host,
    /// None where there is none, or an empty one.
    pub port: Option<u16>,
}

impl Authority {
    /// Parses what a Host header or an origin has. None where it is no host, or the port no number.
    pub fn parse(text: &str) -> Option<Authority> {
        let (host, port) = split_port(text);
        let port = match port {
            None | Some("") => None,
            Some(digits) => Some(parse_port(digits)?),
        };
        Some(Authority {
            host: Host::parse(host)?,
            port,
        })
    }

    /// The port, or none where it is the one that `scheme` has anyway.
    pub fn port_unless_of(&self, scheme: &str) -> Option<u16> {
        self.port.filter(|&port| default_port(scheme) != Some(port))
    }
}

impl Host {
    /// Parses `[address]`, an IPv4 address, or a name. None where it is none of them.
    pub fn parse(text: &str) -> Option<Host> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Host::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Host::Address(address.into()));
        }
        name(text).map(Host::Name)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => formatter.write_str(name),
            Host::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
            Host::Address(address) => address.fmt(formatter),
        }
    }
}

/// A name in the form in which it is compared.
pub fn name(text: &str) -> Option<Box<str>> {
    let ascii = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        punycode(text)?
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=%".contains(&byte);
    (!ascii.is_empty() && ascii.bytes().all(is_allowed)).then(|| ascii.into())
}

/// Apart, since it needs more stack than all the rest of a handshake, and hardly any name needs it.
#[inline(never)]
fn punycode(text: &str) -> Option<String> {
    idna::domain_to_ascii(text).ok()
}

/// What stands before the colon of the port, and behind it; an address in brackets has colons of its
/// own.
pub fn split_port(text: &str) -> (&str, Option<&str>) {
    let host_end = match text.as_bytes().first() {
        Some(b'[') => memrchr(b']', text.as_bytes()).map_or(0, |at| at + 1),
        _ => 0,
    };
    match memchr(b':', &text.as_bytes()[host_end..]) {
        Some(at) => (&text[..host_end + at], Some(&text[host_end + at + 1..])),
        None => (text, None),
    }
}

/// Digits and nothing else: what `u16` parses may have a sign.
pub fn parse_port(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// The port of a scheme that has one.
pub fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Authority;

    #[track_caller]
    fn shown(text: &str) -> Option<(String, Option<u16>)> {
        Authority::parse(text).map(|authority| (authority.host.to_string(), authority.port))
    }

    #[test]
    fn what_names_the_same_is_written_the_same() {
        for (text, host, port) in [
            ("Example.ORG", "example.org", None),
            ("example.org:", "example.org", None),
            ("example.org:8443", "example.org", Some(8443)),
            ("bücher.example", "xn--bcher-kva.example", None),
            ("BÜCHER.example:1", "xn--bcher-kva.example", Some(1)),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example", None),
            ("127.0.0.1:25252", "127.0.0.1", Some(25252)),
            ("[0:0::1]:1", "[::1]", Some(1)),
            ("[::1]", "[::1]", None),
        ] {
            assert_eq!(shown(text), Some((host.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_none() {
        for text in [
            "", ":80", "h:+1", "h:x", "h:65536", "a b", "a/b", "u@h", "[::1", "::1", "[h]",
            "[::1]x", "a*b", "h?", "h:1:2",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
