//! What proxies write down about whom they speak for: `X-Forwarded-For`, `X-Real-IP` and `Forwarded`
//! (RFC 7239).
//!
//! Pure functions on bytes. Whether a proxy is believed is for others to say. What cannot be read counts
//! as written: it hides what stands before it, instead of making way for it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::host::parse_port;
use super::request::Request;

/// So begin the names of a whole kind of headers that proxies leave behind.
const OF_A_KIND: &[u8] = b"x-forwarded-";

/// The others. Whoever asks past no proxy has none of them.
const PROXY_HEADERS: [&str; 12] = [
    "forwarded",
    "via",
    "x-forwarded",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "x-envoy-external-address",
];

/// Whether a proxy has left a header behind: one of those that are known, or another `X-Forwarded-`.
pub fn has_traces(request: &Request) -> bool {
    let is_trace = |name: &[u8]| {
        let is_of_a_kind = name
            .get(..OF_A_KIND.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(OF_A_KIND));
        let is_known = |of: &&str| of.as_bytes().eq_ignore_ascii_case(name);
        is_of_a_kind || PROXY_HEADERS.iter().any(is_known)
    };
    let mut headers = (0..).map_while(|index| request.header_at(index));
    headers.any(|(name, _)| is_trace(name))
}

/// One who is named: an address, or none where that cannot be read or is kept secret.
pub type Node = Option<IpAddr>;

/// Everyone whom the headers of a request name, the one that the nearest proxy has seen last. Of several
/// headers the first of `X-Forwarded-For`, `X-Real-IP`, `Forwarded` counts that is there; empty where none is.
pub fn nodes(request: &Request) -> Vec<Node> {
    let members = |value: &[u8]| -> Vec<Node> {
        let members = value.split(|&byte| byte == b',');
        let members = members.map(<[u8]>::trim_ascii);
        members.filter(|text| !text.is_empty()).map(node).collect()
    };
    let listed = |name: &'static str, read: &dyn Fn(&[u8]) -> Vec<Node>| -> Vec<Node> {
        request.header_values(name).flat_map(read).collect()
    };
    let forwarded_for = listed("x-forwarded-for", &members);
    if !forwarded_for.is_empty() {
        return forwarded_for;
    }
    // It names one; of two nobody can say which is the proxy's.
    let real: Vec<_> = request.header_values("x-real-ip").collect();
    match real[..] {
        [] => listed("forwarded", &forwarded),
        [one] => vec![node(one)],
        _ => vec![None],
    }
}

/// The `for` of each element of a Forwarded header (RFC 7239 section 4).
fn forwarded(value: &[u8]) -> Vec<Node> {
    let Some(elements) = split_unquoted(value, b',') else {
        return vec![None];
    };
    let elements = elements.into_iter().map(<[u8]>::trim_ascii);
    let elements = elements.filter(|element| !element.is_empty());
    elements.map(forwarded_element).collect()
}

fn forwarded_element(element: &[u8]) -> Node {
    let mut found = None;
    for pair in split_unquoted(element, b';')? {
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (&pair[..at], &pair[at + 1..]);
        if name.trim_ascii().eq_ignore_ascii_case(b"for") {
            // Twice is not allowed, and nobody can say which counts.
            if found.is_some() {
                return None;
            }
            found = Some(node(value)?);
        }
    }
    found
}

/// Parts between `separator`s that stand in no quotes; none where quotes do not end.
fn split_unquoted(text: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted {
            is_escaped = byte == b'\\';
            is_quoted = byte != b'"';
        } else if byte == b'"' {
            is_quoted = true;
        } else if byte == separator {
            parts.push(&text[start..at]);
            start = at + 1;
        }
    }
    parts.push(&text[start..]);
    (!is_quoted).then_some(parts)
}

/// An address as proxies write it: bare, in brackets, in quotes, with a port.
fn node(text: &[u8]) -> Node {
    let text = std::str::from_utf8(text).ok()?.trim();
    let text = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        address.parse::<Ipv6Addr>().ok().filter(|_| is_port)?.into()
    } else if let Ok(address) = text.parse() {
        address
    } else {
        let (address, port) = text.split_once(':')?;
        let address = address.parse::<Ipv4Addr>().ok();
        IpAddr::V4(address.filter(|_| is_port(port))?)
    };
    Some(address.to_canonical())
}

/// A number, or a name in its place (RFC 7239 section 6.3).
fn is_port(text: &str) -> bool {
    let is_obfuscated = |rest: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !rest.is_empty() && rest.bytes().all(is_allowed)
    };
    !text.is_empty() && parse_port(text).is_some()
        || text.strip_prefix('_').is_some_and(is_obfuscated)
}

#[cfg(test)]
mod tests {
    use super::{Node, forwarded, has_traces, node, nodes};
    use crate::http::HttpLimits;
    use crate::http::peer::Remote;
    use crate::http::request::Request;

    fn request(headers: &[u8]) -> Request {
        let head = [b"GET / HTTP/1.1\r\nHost: h\r\n", headers, b"\r\n"].concat();
        let peer = Remote::Tcp("127.0.0.1:1".parse().expect("an address"));
        Request::parse(&head, peer, HttpLimits::default()).expect("well-formed")
    }

    fn some(text: &str) -> Node {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn an_address_is_read_in_every_writing() {
        for (text, address) in [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7\t", "203.0.113.7"),
            // Azure, IIS.
            ("203.0.113.7:52383", "203.0.113.7"),
            ("[2001:db8::1]:4444", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("\"203.0.113.7:80\"", "203.0.113.7"),
            ("\"[2001:db8::1]:_port\"", "2001:db8::1"),
        ] {
            assert_eq!(node(text.as_bytes()), some(address), "{text}");
        }
        for text in [
            "",
            "unknown",
            "_hidden",
            "203.0.113",
            "203.0.113.7:",
            "203.0.113.7:x",
            "203.0.113.7:65536",
            "203.0.113.7:+1",
            "[203.0.113.7]",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[2001:db8::1]:",
            "\"203.0.113.7",
            "203.0.113.7\"",
            "a.example",
            "203.0.113.7 x",
            "203.0.113.7:_",
        ] {
            assert_eq!(node(text.as_bytes()), None, "{text}");
        }
        assert_eq!(node(b"\xff"), None);
        assert_eq!(node(b"203.0.113.7\xff"), None);
    }

    #[test]
    fn forwarded_is_read_with_its_quotes() {
        for (value, expected) in [
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                vec![some("192.0.2.60")],
            ),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                vec![some("2001:db8:cafe::17")],
            ),
            (
                "for=192.0.2.43, for=198.51.100.17",
                vec![some("192.0.2.43"), some("198.51.100.17")],
            ),
            (
                "proto=https;for=\"192.0.2.43:47011\"",
                vec![some("192.0.2.43")],
            ),
            ("host=\"a,b;c\";for=192.0.2.1", vec![some("192.0.2.1")]),
            (
                "host=\"a\\\",for=6.6.6.6\";for=192.0.2.1",
                vec![some("192.0.2.1")],
            ),
            ("for=unknown, for=_gazonk", vec![None, None]),
            ("proto=https", vec![None]),
            ("for", vec![None]),
            ("for=192.0.2.1;for=192.0.2.2", vec![None]),
            // A quote that the client has opened must not swallow what the proxy has added.
            ("for=6.6.6.6, for=\"x, for=192.0.2.1", vec![None]),
            (" , ", vec![]),
        ] {
            assert_eq!(forwarded(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_there_all_the_same() {
        let lines = b"X-Forwarded-For: \xff\r\nX-Real-IP: 192.0.2.1\r\n";
        assert_eq!(nodes(&request(lines)), [None]);
        let lines = b"X-Forwarded-For: 192.0.2.9, \xff, 192.0.2.1\r\n";
        assert_eq!(
            nodes(&request(lines)),
            [some("192.0.2.9"), None, some("192.0.2.1")]
        );
    }

    #[test]
    fn of_several_headers_one_counts() {
        for (lines, expected) in [
            ("", vec![]),
            (
                "X-Forwarded-For:\r\nX-Real-IP: 192.0.2.1\r\n",
                vec![some("192.0.2.1")],
            ),
            (
                "X-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.2\r\n",
                vec![some("192.0.2.1")],
            ),
            (
                "Forwarded: for=192.0.2.2\r\nX-Forwarded-For: 192.0.2.3\r\n",
                vec![some("192.0.2.3")],
            ),
            (
                "Forwarded: for=192.0.2.2\r\nForwarded: for=x\r\n",
                vec![some("192.0.2.2"), None],
            ),
            (
                "X-Real-IP: 192.0.2.1\r\nX-Real-IP: 192.0.2.2\r\n",
                vec![None],
            ),
            (
                "X-Forwarded-For: 192.0.2.1,,\r\nx-forwarded-for: 192.0.2.2\r\n",
                vec![some("192.0.2.1"), some("192.0.2.2")],
            ),
        ] {
            assert_eq!(nodes(&request(lines.as_bytes())), expected, "{lines}");
        }
    }

    #[test]
    fn every_trace_of_a_proxy_is_seen() {
        for name in [
            "Via",
            "Forwarded",
            "X-Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "x-forwarded-host",
            "X-Forwarded-Anything",
            "X-Real-IP",
            "X-Client-IP",
            "X-Cluster-Client-IP",
            "CF-Connecting-IP",
            "True-Client-IP",
            "Fastly-Client-IP",
            "X-Original-Forwarded-For",
        ] {
            assert!(
                has_traces(&request(format!("{name}:\r\n").as_bytes())),
                "{name}"
            );
        }
        let none = b"Accept: */*\r\nConnection: keep-alive\r\nX-Forward: 1\r\nX-Real: 1\r\n";
        assert!(!has_traces(&request(none)));
    }
}
