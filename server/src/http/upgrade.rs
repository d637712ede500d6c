//! The opening handshake (RFC 6455 section 4.2): what makes a request an upgrade, and the answer.

use http::{HeaderValue, StatusCode};
use tungstenite::handshake::server::create_response;

use super::HttpLimits;
use super::fields::is_token;
use super::framing::Framing;
use super::refusal::Refusal;
use super::request::Request;
use super::response::Response;

/// Whether the request asks for a WebSocket at all; if not it is plain HTTP.
pub fn is_wanted(request: &Request) -> bool {
    request.has_token("upgrade", "websocket") || request.header("sec-websocket-key").is_some()
}

/// Checks what the client has to send (RFC 6455 section 4.2.1).
///
/// # Errors
/// 400 for a malformed handshake, 426 for another version of the protocol.
pub fn check(request: &Request) -> Result<(), Refusal> {
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

/// RFC 6455 section 4.1: what the client offers are tokens, each once, in one or several lines.
fn check_subprotocols(request: &Request) -> Result<(), Refusal> {
    let name = "sec-websocket-protocol";
    let malformed = |why: &str| Err(Refusal::malformed(format!("Sec-WebSocket-Protocol {why}")));
    if request.header_values(name).any(|value| !value.is_ascii()) {
        return malformed("holds a character that no subprotocol may have");
    }
    let mut offered: Vec<&str> = request.list(name).collect();
    if offered.is_empty() && request.header(name).is_some() {
        return malformed("names no subprotocol");
    }
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

/// The bytes of the 101 answer, with `subprotocol` and the headers that the plugin added.
///
/// # Errors
/// 400 where the library finds something that [`check`] did not.
pub fn accept(
    request: &Request,
    response: &Response,
    subprotocol: Option<&str>,
) -> Result<Vec<u8>, Refusal> {
    // The library wants each header once and with one token; that they are there is checked.
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let canonical = http::Request::get("/")
        .header("Host", "checked")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", key)
        .body(())
        .map_err(|error| Refusal::malformed(error.to_string()))?;
    let mut answer =
        create_response(&canonical).map_err(|error| Refusal::malformed(error.to_string()))?;
    let headers = answer.headers_mut();
    for (name, value) in &response.headers {
        headers.append(name.clone(), value.clone());
    }
    if let Some(subprotocol) = subprotocol.and_then(|name| HeaderValue::from_str(name).ok()) {
        headers.insert("Sec-WebSocket-Protocol", subprotocol);
    }
    let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in answer.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    Ok(bytes)
}

/// The first of the client's subprotocols that `offered` holds; the client names its best first.
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
