//! What a request asks for: the forms of a target (RFC 9112 section 3.2) and the host.
//!
//! Pure functions on text. A path is kept as it came; what is served is compared with its normal form.

use std::borrow::Cow;
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

/// A path in which what is encoded without need is decoded, and the rest is encoded in capitals: the one
/// form of all that are equivalent (RFC 3986 sections 6.2.2.1 and 6.2.2.2).
pub fn normal(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        normal.push_str(&rest[..at]);
        // A path has been checked to have two digits there.
        let digits = rest.get(at + 1..at + 3).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(char::from(byte));
            }
            _ => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
        }
        rest = &rest[at + 1 + digits.len()..];
    }
    normal.push_str(rest);
    Cow::Owned(normal)
}

/// Whether a path in its normal form has segments that mean another path (RFC 3986 section 6.2.2.3).
pub fn has_dot_segments(normal: &str) -> bool {
    normal
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
}

/// What who asks for a path that is not served may have meant: without dot segments, empty segments and
/// a slash at its end.
pub fn tidy(normal: &str) -> String {
    let mut segments = Vec::new();
    for segment in normal.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// The authority of a target in absolute form, and where what follows it begins.
fn split_authority(target: &str) -> Result<(Option<Range<usize>>, usize), Refusal> {
    // Nearly all are a path, in which what follows could stand too.
    let absolute = Some(target).filter(|of| !of.starts_with('/'));
    let Some((scheme, rest)) = absolute.and_then(|of| of.split_once("://")) else {
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
    use super::{Target, check_host, has_dot_segments, normal, tidy};

    #[test]
    fn equivalent_paths_have_one_normal_form() {
        for (path, expected) in [
            ("/look", "/look"),
            ("/%6Cook", "/look"),
            ("/%6cook", "/look"),
            ("/%7Ejoe", "/~joe"),
            ("/%2D%2e%5f%39%5A", "/-._9Z"),
            ("/k%c3%bcche", "/k%C3%BCche"),
            ("/K%C3%BCCHE", "/K%C3%BCCHE"),
            // What has a meaning when it is decoded stays encoded.
            ("/a%2fb%3f%23%25%20", "/a%2Fb%3F%23%25%20"),
            // Decoded once, and never again.
            ("/%2561", "/%2561"),
            ("/%", "/%"),
            ("/%4", "/%4"),
            ("/%zz%61", "/%ZZa"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
            assert_eq!(normal(expected), expected);
        }
    }

    #[test]
    fn dot_segments_are_seen_in_every_writing() {
        for path in ["/.", "/..", "/a/./b", "/a/../b", "/%2e%2E/a", "/a/.%2e"] {
            assert!(has_dot_segments(&normal(path)), "{path}");
        }
        for path in ["/", "/...", "/.a", "/a..", "/a.b/c"] {
            assert!(!has_dot_segments(&normal(path)), "{path}");
        }
    }

    #[test]
    fn what_was_meant_has_neither_dots_nor_empty_segments() {
        for (path, expected) in [
            ("/look/", "/look"),
            ("//look", "/look"),
            ("/a//b///", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/../../a", "/a"),
            ("/", "/"),
            ("//", "/"),
            ("*", "/*"),
        ] {
            assert_eq!(tidy(path), expected, "{path}");
        }
    }

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
