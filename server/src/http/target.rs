//! What a request asks for: the forms of a target (RFC 9112 section 3.2) and the host.
//!
//! Pure functions on text. A path is not normalised: what is served is compared with it as it is.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::refusal::Refusal;

/// Where the parts of a target stand in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port; only in absolute form, and then they win over the Host header.
    pub authority: Option<Range<usize>>,
    /// The path as it came: begins with `/`, or is `*`; empty, which means `/`, in absolute form; for
    /// CONNECT the whole target.
    pub path: Range<usize>,
    /// What stands behind `?`.
    pub query: Option<Range<usize>>,
}

impl Target {
    /// Parses the target of a request with `method`.
    ///
    /// # Errors
    /// 400 for a form that the method does not have, or a part that is malformed.
    pub fn parse(method: &str, target: &str) -> Result<Target, Refusal> {
        if target.contains('#') {
            return Err(Refusal::malformed("the request target has a fragment"));
        }
        if method == "CONNECT" {
            check_host(target)?;
            return Ok(Target::of_path(0..target.len()));
        }
        if target == "*" {
            if method != "OPTIONS" {
                return Err(Refusal::malformed(
                    "the request target * is for OPTIONS only",
                ));
            }
            return Ok(Target::of_path(0..1));
        }
        let (authority, start) = split_authority(target)?;
        let end = target[start..]
            .find('?')
            .map_or(target.len(), |at| start + at);
        let path = start..end;
        if !target[path.clone()].starts_with('/') && (authority.is_none() || !path.is_empty()) {
            return Err(Refusal::malformed(
                "the request target does not begin with /",
            ));
        }
        check_percent_encoding(&target[path.clone()])?;
        Ok(Target {
            authority,
            path,
            query: (end < target.len()).then_some(end + 1..target.len()),
        })
    }

    fn of_path(path: Range<usize>) -> Target {
        Target {
            authority: None,
            path,
            query: None,
        }
    }
}

/// The authority of a target in absolute form, and where what follows it begins.
fn split_authority(target: &str) -> Result<(Option<Range<usize>>, usize), Refusal> {
    let Some((scheme, rest)) = target.split_once("://") else {
        return Ok((None, 0));
    };
    let schemes = ["http", "https", "ws", "wss"];
    if !schemes
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Ok((None, 0));
    }
    let start = scheme.len() + "://".len();
    let end = rest.find(['/', '?']).map_or(target.len(), |at| start + at);
    let authority = &target[start..end];
    if authority.contains('@') {
        return Err(Refusal::malformed("the request target names a user"));
    }
    check_host(authority)?;
    Ok((Some(start..end), end))
}

/// Checks `host[:port]` (RFC 3986 section 3.2): the value of a Host header, or an authority.
///
/// # Errors
/// 400 where it is malformed or empty: a resource of HTTP has a host (RFC 9110 section 4.2.1).
pub fn check_host(text: &str) -> Result<(), Refusal> {
    let (is_host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (is_registered_name(&text[..end]), &text[end..])
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok())
        }
        None => port.is_empty(),
    };
    if is_host && is_port {
        return Ok(());
    }
    Err(Refusal::malformed(
        "the host is not of the form name, name:port or [address]:port",
    ))
}

fn is_registered_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed) && check_percent_encoding(name).is_ok()
}

/// RFC 3986 section 2.1: `%` and two hexadecimal digits.
fn check_percent_encoding(text: &str) -> Result<(), Refusal> {
    let is_encoded = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if text.split('%').skip(1).all(is_encoded) {
        return Ok(());
    }
    Err(Refusal::malformed(
        "a % in the path is not followed by two hexadecimal digits",
    ))
}

#[cfg(test)]
mod tests {
    use super::{Target, check_host};

    #[test]
    fn a_target_is_split_into_its_parts() {
        for (method, target, authority, path, query) in [
            ("GET", "/a?b=c?d", None, "/a", Some("b=c?d")),
            ("GET", "/a?", None, "/a", Some("")),
            ("GET", "/a%20b", None, "/a%20b", None),
            ("GET", "//a/../b", None, "//a/../b", None),
            ("GET", "/a://b", None, "/a://b", None),
            ("GET", "/?%zz", None, "/", Some("%zz")),
            ("GET", "http://h:1/a?b", Some("h:1"), "/a", Some("b")),
            ("GET", "WS://h", Some("h"), "", None),
            ("GET", "wss://h?b", Some("h"), "", Some("b")),
            ("OPTIONS", "*", None, "*", None),
            ("CONNECT", "h:1", None, "h:1", None),
        ] {
            let parsed = Target::parse(method, target).expect(target);
            let text = |range: std::ops::Range<usize>| &target[range];
            assert_eq!(parsed.authority.map(text), authority, "{target}");
            assert_eq!(text(parsed.path), path, "{target}");
            assert_eq!(parsed.query.map(text), query, "{target}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for (method, target) in [
            ("GET", "a"),
            ("GET", "*"),
            ("GET", "*/"),
            ("GET", "/#a"),
            ("GET", "h:1"),
            ("GET", "ftp://h/"),
            ("GET", "http:///a"),
            ("GET", "http://user@h/"),
            ("GET", "http://h:x/"),
            ("GET", "/%"),
            ("GET", "/%4"),
            ("GET", "/%zz"),
            ("GET", "/a%20%g0"),
            ("CONNECT", "/a"),
        ] {
            assert!(Target::parse(method, target).is_err(), "{method} {target}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in [
            "h",
            "H.example:80",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:65535",
            "a_b",
            "h:",
        ] {
            assert!(check_host(host).is_ok(), "{host}");
        }
        for host in [
            "", ":80", "h:x", "h:65536", "h:1:2", "a b", "a/b", "u@h", "[::1", "::1", "[h]",
            "[::1]x", "h%zz", "h?", "h\\",
        ] {
            assert!(check_host(host).is_err(), "{host}");
        }
    }
}
