//! The first line of a request (RFC 9112 section 3): method, target, version.
//!
//! Pure functions on bytes. Stricter than the RFC allows a server to be, since what one program on
//! the way reads differently from another is how requests are smuggled.

use std::ops::Range;

use http::StatusCode;

use super::fields::is_token;
use super::refusal::Refusal;

/// Where method and target stand in a line; both are ASCII without spaces or controls.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// The method, a token.
    pub method: Range<usize>,
    /// The target, not empty.
    pub target: Range<usize>,
    /// The version that holds.
    pub version: Version,
}

/// What a request is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no Host that has to be there, no upgrade, no chunks, one answer.
    Http10,
    /// HTTP/1.1, and every later minor version.
    Http11,
}

impl RequestLine {
    /// Parses a line without its CR LF.
    ///
    /// # Errors
    /// 400 where it is no request line of HTTP/1, 505 for another major version.
    pub fn parse(line: &[u8]) -> Result<RequestLine, Refusal> {
        let malformed = |why: &str| Err(Refusal::malformed(why));
        if line.iter().any(u8::is_ascii_control) {
            return malformed("the request line holds a control character");
        }
        if !line.is_ascii() {
            return malformed("the request line holds a byte that is not ASCII: percent-encode it");
        }
        // Of a fourth part it is enough that it is there.
        let (mut parts, mut count) = ([b"".as_slice(); 4], 0);
        for part in line.splitn(parts.len(), |&byte| byte == b' ') {
            parts[count] = part;
            count += 1;
        }
        let (method, target, version) = match parts[..count] {
            [b"PROXY", b"TCP4" | b"TCP6" | b"UNKNOWN", ..] => return malformed(PROXY_HEADER),
            [method, target, version]
                if !method.is_empty() && !target.is_empty() && !version.is_empty() =>
            {
                (method, target, version)
            }
            [b"", ..] => return malformed("the request line begins with a space"),
            [_] => return malformed("this is no HTTP request"),
            [_, last] if last.starts_with(b"HTTP/") => {
                return malformed("the request line has no target");
            }
            [_, target] if !target.is_empty() => {
                return malformed("the request line has no version, as in HTTP/0.9: use HTTP/1.1");
            }
            _ => {
                return malformed(
                    "the request line has more than the two spaces between method, target and version",
                );
            }
        };
        if !is_token(method) {
            return malformed("the method holds a character that no method may have");
        }
        let version = read_version(method, version)?;
        let target_start = method.len() + 1;
        Ok(RequestLine {
            method: 0..method.len(),
            target: target_start..target_start + target.len(),
            version,
        })
    }
}

/// Why a header of the PROXY protocol is refused where none is expected.
pub const PROXY_HEADER: &str = "this is a header of the PROXY protocol, which only a [[listener]] with proxy_protocol = true reads";

/// Method and path of a head that is not served, for the log, as far as its first line has them.
pub fn name(head: &[u8]) -> Option<(&str, &str)> {
    let line = head.split(|&byte| byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
    let mut parts = line.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_one = is_token(method.as_bytes()) && version.starts_with("HTTP/");
    if !is_one || parts.next().is_some() || target.is_empty() {
        return None;
    }
    let end = target.find(['?', '#']).unwrap_or(target.len());
    Some((method, &target[..end]))
}

/// RFC 9110 section 2.5: a higher minor version is read as the highest that is known, 1.1.
fn read_version(method: &[u8], version: &[u8]) -> Result<Version, Refusal> {
    let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] = *version else {
        return Err(Refusal::malformed(
            "the request line does not end with a version such as HTTP/1.1",
        ));
    };
    let unsupported = |why: String| Err(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, why));
    match (major, minor) {
        (b'1', b'1'..=b'9') => Ok(Version::Http11),
        (b'1', b'0') => Ok(Version::Http10),
        (b'2', b'0') if method == b"PRI" => {
            unsupported("this is the beginning of HTTP/2: use HTTP/1.1".to_owned())
        }
        (b'0'..=b'9', b'0'..=b'9') => unsupported(format!(
            "HTTP/{}.{} is not spoken here: use HTTP/1.1",
            char::from(major),
            char::from(minor)
        )),
        _ => Err(Refusal::malformed("the version of HTTP is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestLine, Version, name};

    #[test]
    fn a_line_is_three_parts_with_one_space_between_them() {
        let line = RequestLine::parse(b"GET /a?b HTTP/1.1").expect("it is well-formed");
        assert_eq!((line.method, line.target), (0..3, 4..8));
        for (version, read_as) in [
            ("1.0", Version::Http10),
            ("1.1", Version::Http11),
            ("1.2", Version::Http11),
        ] {
            let line = RequestLine::parse(format!("GET / HTTP/{version}").as_bytes());
            assert_eq!(line.expect("it is well-formed").version, read_as);
        }
        for (line, status, part) in [
            ("", 400, "space"),
            ("GET", 400, "no HTTP request"),
            ("GET /", 400, "HTTP/0.9"),
            ("GET HTTP/1.1", 400, "no target"),
            (" GET / HTTP/1.1", 400, "begins with a space"),
            ("GET  / HTTP/1.1", 400, "two spaces"),
            ("GET /  HTTP/1.1", 400, "two spaces"),
            ("GET / a HTTP/1.1", 400, "two spaces"),
            ("GET / HTTP/1.1 ", 400, "two spaces"),
            ("GET\t/ HTTP/1.1", 400, "control character"),
            ("GET /\0 HTTP/1.1", 400, "control character"),
            ("GET /\r HTTP/1.1", 400, "control character"),
            ("GET /ü HTTP/1.1", 400, "not ASCII"),
            ("G(T / HTTP/1.1", 400, "method"),
            ("GET / http/1.1", 400, "version"),
            ("GET / HTTP/1.10", 400, "version"),
            ("GET / HTTP/1.x", 400, "no number"),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2", 400, "PROXY protocol"),
            ("PROXY UNKNOWN", 400, "PROXY protocol"),
            ("PROXY TCP4 192.0.2.1", 400, "PROXY protocol"),
            ("GET / HTTP/2.0", 505, "HTTP/2.0"),
            ("PRI * HTTP/2.0", 505, "beginning of HTTP/2"),
            ("GET / HTTP/0.9", 505, "HTTP/0.9"),
        ] {
            let refusal = RequestLine::parse(line.as_bytes()).expect_err(line);
            assert_eq!(refusal.status.as_u16(), status, "{line:?}");
            assert!(refusal.why.contains(part), "{line:?}: {}", refusal.why);
        }
    }

    #[test]
    fn a_refused_head_is_named_as_far_as_its_first_line_is_one() {
        assert_eq!(name(b"GET /a?secret HTTP/1.0\r\nx"), Some(("GET", "/a")));
        assert_eq!(name(b"GET /a HTTP/1.1\n\n"), Some(("GET", "/a")));
        for head in [
            "",
            "GET /a",
            "GET /a\r\n",
            " GET /a HTTP/1.1",
            "G T /a HTTP/1.1",
        ] {
            assert_eq!(name(head.as_bytes()), None, "{head:?}");
        }
    }
}
