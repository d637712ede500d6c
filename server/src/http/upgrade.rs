//! The opening handshake (RFC 6455 section 4.2): what makes a request an upgrade, and the answer.

use std::io::Write;

use http::StatusCode;
use tungstenite::handshake::derive_accept_key;

use super::HttpLimits;
use super::extensions::Accepted;
use super::fields::is_token;
use super::framing::Framing;
use super::refusal::Refusal;
use super::request::Request;
use super::request_line::Version;
use super::response::Response;
use crate::limits::READ_BUFFER_BYTES_LEAST;

/// Room for a 101 to which a plugin adds little: the size of the buffer that the thread makes next, which takes its place.
const ANSWER_BYTES: usize = READ_BUFFER_BYTES_LEAST;

/// Whether the request asks for a WebSocket at all; if not it is plain HTTP.
pub fn is_wanted(request: &Request) -> bool {
    request.has_token("upgrade", "websocket") || request.header("sec-websocket-key").is_some()
}

/// Checks what the client has to send (RFC 6455 section 4.2.1).
///
/// # Errors
/// 400 for a malformed handshake, 426 for another version of the protocol, 505 for HTTP/1.0, which
/// has no upgrade.
pub fn check(request: &Request) -> Result<(), Refusal> {
    if request.version() == Version::Http10 {
        let why = "a WebSocket needs HTTP/1.1, and this is HTTP/1.0; in nginx that is \
                   `proxy_http_version 1.1`";
        return Err(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, why));
    }
    if request.method() != "GET" {
        return Err(Refusal::malformed("a WebSocket handshake is a GET request"));
    }
    let upgrades =
        request.has_token("upgrade", "websocket") && request.has_token("connection", "upgrade");
    if !upgrades {
        return Err(Refusal::malformed(
            "a WebSocket handshake without `Upgrade: websocket` and `Connection: Upgrade`: does the proxy pass them on?",
        ));
    }
    let single = |name: &'static str| {
        let mut values = request.header_values(name);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(Refusal::malformed(format!("the {name} header is missing"))),
            (Some(_), Some(_)) => Err(Refusal::malformed(format!("more than one {name} header"))),
        }
    };
    if single("Sec-WebSocket-Version")? != b"13" {
        let why = "only version 13 of the WebSocket protocol is spoken here";
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, why));
    }
    if !is_key(single("Sec-WebSocket-Key")?) {
        return Err(Refusal::malformed(
            "Sec-WebSocket-Key is not 16 bytes in base64",
        ));
    }
    // What it announces is within the limits, or its head would have been refused.
    if Framing::of(request, HttpLimits::MOST)?.has_body() {
        return Err(Refusal::malformed("a WebSocket handshake has no body"));
    }
    check_subprotocols(request)
}

/// RFC 6455 section 4.1: what the client offers are tokens, each once, in one or several lines. An
/// empty list offers none: clients that let their users name one send it where the user names none.
fn check_subprotocols(request: &Request) -> Result<(), Refusal> {
    let name = "sec-websocket-protocol";
    let malformed = |why: &str| Err(Refusal::malformed(format!("Sec-WebSocket-Protocol {why}")));
    if request.header_values(name).any(|value| !value.is_ascii()) {
        return malformed("holds a character that no subprotocol may have");
    }
    let mut offered: Vec<&str> = request.list(name).collect();
    if !offered.iter().all(|of| is_token(of.as_bytes())) {
        return malformed("holds a character that no subprotocol may have");
    }
    let count = offered.len();
    offered.sort_unstable();
    offered.dedup();
    if offered.len() < count {
        return malformed("names a subprotocol twice");
    }
    Ok(())
}

/// Sixteen bytes in base64: 22 characters, of which the last carries four bits that are zero, and `==`.
fn is_key(key: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24
        && key.ends_with(b"==")
        && key[..22].iter().all(is_base64)
        && matches!(key[21], b'A' | b'Q' | b'g' | b'w')
}

/// The bytes of the 101 answer to a request that [`check`] has let pass, with `subprotocol` and the
/// headers that the plugin added (RFC 6455 section 4.2.2), and with what was agreed about compression.
#[inline(never)]
pub fn accept(
    request: &Request,
    response: &Response,
    subprotocol: Option<&str>,
    extension: Option<Accepted>,
) -> Vec<u8> {
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let accept = derive_accept_key(key);
    let mut bytes = Vec::with_capacity(ANSWER_BYTES);
    bytes.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    if let Some(extension) = extension {
        // A vector takes everything.
        write!(bytes, "Sec-WebSocket-Extensions: {extension}\r\n").ok();
    }
    let mut put = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    };
    put("Connection", b"Upgrade");
    put("Upgrade", b"websocket");
    put("Sec-WebSocket-Accept", accept.as_bytes());
    if let Some(subprotocol) = subprotocol {
        put("Sec-WebSocket-Protocol", subprotocol.as_bytes());
    }
    for (name, value) in &response.headers {
        put(name.as_str(), value.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The first of the client's subprotocols that `offered` holds; the client names its best first.
#[inline(never)]
pub fn choose_subprotocol<'a>(request: &'a Request, offered: &[String]) -> Option<&'a str> {
    request
        .list("sec-websocket-protocol")
        .find(|name| offered.iter().any(|of| of == name))
}

#[cfg(test)]
mod tests {
    use super::is_key;

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j-Q==",
            "dGhlIHNhbXBsZSBub25jZQ=a",
        ] {
            assert!(!is_key(key.as_bytes()), "{key}");
        }
    }
}
