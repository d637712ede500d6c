//! What is not served is answered with a status and a sentence, and the log has both.

use tests::{Raw, Server, Setup, handshake};

/// Statuses after which the server cannot know, or does not want to, what comes next.
const ENDING: [u16; 7] = [400, 408, 413, 414, 431, 501, 505];

/// Sends `request`; the answer must have `status`, hold `part` in its body, and stand in the log
/// together with the peer and `name`. Then the connection is closed, or where the request was whole
/// it serves the next. Gives the answer's head.
#[track_caller]
fn assert_refused(server: &Server, request: &str, name: &str, status: u16, part: &str) -> String {
    let mut raw = Raw::connect(server);
    raw.write(request);
    let (found, head, body) = raw.response();
    assert_eq!(found, status, "{request:?}: {head}");
    assert!(body.contains(part), "{request:?}: {body}");
    assert!((1..=2).contains(&body.lines().count()), "{body:?}");
    let lower = head.to_lowercase();
    assert!(lower.contains("content-type: text/plain"), "{head}");
    let peer = format!("127.0.0.1:{}", raw.port());
    server.wait_for_log(&["INFO", &format!(" {peer} {name}: {status} "), part]);
    let ends = ENDING.contains(&status);
    assert_eq!(lower.contains("connection: close"), ends, "{head}");
    if ends {
        raw.assert_closed();
    } else {
        raw.assert_kept();
    }
    head
}

#[test]
fn an_unknown_path_is_404() {
    let server = Server::start();
    for path in ["/nope", "/", "/echo/more", "/%2Fecho", "/echo%20"] {
        let name = format!("GET {path}");
        assert_refused(&server, &handshake(path, &[]), &name, 404, "no route here");
    }
    let plain = "GET /nope?x=1 HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_refused(&server, plain, "GET /nope", 404, "no route here");
}

#[test]
fn plain_http_on_a_route_that_speaks_websocket_only_is_426() {
    let server = Server::start();
    let plain = "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";
    let head = assert_refused(&server, plain, "GET /echo", 426, "ws://");
    assert!(head.contains("Connection: Upgrade\r\n"), "{head}");
    assert!(head.contains("Upgrade: websocket\r\n"), "{head}");
    assert!(head.contains("Sec-WebSocket-Version: 13\r\n"), "{head}");
}

#[test]
fn another_version_of_the_protocol_is_426_and_told_the_right_one() {
    let server = Server::start();
    let old = handshake("/echo", &[]).replace("Version: 13", "Version: 8");
    let head = assert_refused(&server, &old, "GET /echo", 426, "version 13");
    assert!(head.contains("Sec-WebSocket-Version: 13\r\n"), "{head}");
}

#[test]
fn a_handshake_that_breaks_the_rules_is_400() {
    let server = Server::start();
    let good = handshake("/echo", &[]);
    let without = |line: &str| good.replace(&format!("{line}\r\n"), "");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    for (request, part) in [
        (without("Upgrade: websocket"), "Upgrade: websocket"),
        (without("Connection: Upgrade"), "Connection: Upgrade"),
        (
            without("Sec-WebSocket-Version: 13"),
            "Version header is missing",
        ),
        (without(key), "Key header is missing"),
        (
            good.replace("Connection: Upgrade", "Connection: close"),
            "proxy",
        ),
        (good.replace("jZQ==", "jZQ"), "not 16 bytes"),
        (
            handshake("/echo", &[key]),
            "more than one Sec-WebSocket-Key",
        ),
        (handshake("/echo", &["Content-Length: 1"]), "no body"),
        (good.replacen("GET", "POST", 1), "GET request"),
        (
            handshake("/echo", &["Sec-WebSocket-Version: 13"]),
            "more than one Sec-WebSocket-Version",
        ),
        (
            handshake("/echo", &["Transfer-Encoding: chunked"]),
            "no body",
        ),
        (
            handshake("/echo", &["Sec-WebSocket-Protocol: a b"]),
            "no subprotocol may have",
        ),
        (
            handshake("/echo", &["Sec-WebSocket-Protocol: a, \"b\""]),
            "no subprotocol may have",
        ),
        (
            handshake(
                "/echo",
                &["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b, a"],
            ),
            "names a subprotocol twice",
        ),
    ] {
        let method = request.split(' ').next().expect("a method");
        assert_refused(&server, &request, &format!("{method} /echo"), 400, part);
    }
}

#[test]
fn a_request_that_is_malformed_is_400_at_once() {
    let server = Server::start();
    let good = handshake("/echo", &[]);
    let targeted = |target: &str| good.replace("/echo", target);
    for (request, name, part) in [
        (
            good.replace("Host: example.org\r\n", ""),
            "GET /echo",
            "Host",
        ),
        (
            handshake("/echo", &["Host: example.org"]),
            "GET /echo",
            "Host",
        ),
        (good.replace("example.org", ""), "GET /echo", "Host"),
        (good.replace("example.org", "a b"), "GET /echo", "Host"),
        (good.replace("example.org", "h:x"), "GET /echo", "Host"),
        (
            targeted("http://user@h/echo"),
            "GET http://user@h/echo",
            "user",
        ),
        (targeted("http:///echo"), "GET http:///echo", "host"),
        (targeted("echo"), "GET echo", "begin with /"),
        (targeted("h:1"), "GET h:1", "begin with /"),
        (targeted("*"), "GET *", "OPTIONS only"),
        (targeted("/echo#a"), "GET /echo", "fragment"),
        (targeted("/%zz"), "GET /%zz", "hexadecimal"),
        (targeted("/echo%"), "GET /echo%", "hexadecimal"),
        ("\u{1}\u{2}\u{3}".to_owned(), "- -", "no HTTP request"),
        (
            "\u{16}\u{3}\u{1}".to_owned(),
            "- -",
            "beginning of TLS, but plain HTTP is spoken here",
        ),
        (
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n".to_owned(),
            "- -",
            "a header of the PROXY protocol",
        ),
        (
            "PROXY UNKNOWN\r\n".to_owned(),
            "- -",
            "a header of the PROXY protocol",
        ),
        (
            "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}".to_owned(),
            "- -",
            "a header of the PROXY protocol version 2",
        ),
    ] {
        assert_refused(&server, &request, name, 400, part);
    }
}

#[test]
fn what_needs_another_version_of_http_is_505() {
    let server = Server::start();
    for (request, name, part) in [
        (
            handshake("/echo", &[]).replace("HTTP/1.1", "HTTP/1.0"),
            "GET /echo",
            "proxy_http_version 1.1",
        ),
        (
            // What nginx makes of a handshake without that line.
            "GET /echo HTTP/1.0\r\nHost: h\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                .to_owned(),
            "GET /echo",
            "this is HTTP/1.0",
        ),
        ("GET /echo HTTP/3.0\r\n".to_owned(), "GET /echo", "HTTP/3.0"),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "PRI *",
            "the beginning of HTTP/2",
        ),
    ] {
        assert_refused(&server, &request, name, 505, part);
    }
    assert_refused(&server, "GET /echo\r\n", "- -", 400, "HTTP/0.9");
}

#[test]
fn two_connection_headers_and_lists_are_legal() {
    let server = Server::start();
    let good = handshake("/echo", &[]);
    for request in [
        handshake("/echo", &["Connection: keep-alive"]),
        good.replace("Connection: Upgrade", "Connection: keep-alive, UPGRADE"),
        good.replace("Upgrade: websocket", "upgrade: WebSocket, foo"),
        good.replace("Host:", "hOST:"),
        good.replace("GET /echo", "GET http://example.org/echo"),
        good.replace("GET /echo", "GET WS://example.org:80/echo"),
        handshake(
            "/echo",
            &["Sec-WebSocket-Extensions: x-webkit-deflate-frame"],
        ),
        handshake("/echo", &["Content-Length: 0"]),
        handshake("/echo?query=1", &[]),
    ] {
        let mut raw = Raw::connect(&server);
        raw.write(&request);
        let head = raw.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{request}: {head}");
        let lower = head.to_lowercase();
        for none in [
            "sec-websocket-extensions",
            "sec-websocket-protocol",
            "content-length",
        ] {
            assert!(!lower.contains(none), "{head}");
        }
    }
}

#[test]
fn a_head_over_16_kib_is_431_and_one_of_16_kib_is_not() {
    let server = Server::start();
    let bare = handshake("/echo", &["X-Long: "]).len();
    let padded = |length: usize| {
        let padding = "x".repeat(length - bare);
        handshake("/echo", &[&format!("X-Long: {padding}")])
    };
    let mut raw = Raw::connect(&server);
    raw.write(padded(16 * 1024));
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    for length in [16 * 1024 + 1, 1024 * 1024] {
        assert_refused(&server, &padded(length), "GET /echo", 431, "16384 bytes");
    }
    // One that never ends is answered too, as soon as it is too long.
    let endless = padded(20_000);
    assert_refused(&server, endless.trim_end(), "GET /echo", 431, "16384 bytes");
}

#[test]
fn a_request_line_over_16_kib_is_414() {
    let server = Server::start();
    let endless = format!("GET /{}", "x".repeat(16 * 1024));
    assert_refused(&server, &endless, "- -", 414, "16384 bytes");
}

#[test]
fn more_than_100_headers_are_431_and_100_are_not() {
    let server = Server::start();
    // The handshake itself has five.
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/echo", &["X-More: 1"; 95]));
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    let too_many = handshake("/echo", &["X-More: 1"; 96]);
    assert_refused(&server, &too_many, "GET /echo", 431, "100 headers");
}

#[test]
fn a_method_that_is_unknown_is_501_and_one_that_is_not_served_405() {
    let server = Server::start();
    for method in ["BREW", "get", "PROPFIND"] {
        let request = format!("{method} /echo HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_refused(&server, &request, &format!("{method} /echo"), 501, method);
    }
    let trace = "TRACE /echo HTTP/1.1\r\nHost: h\r\n\r\n";
    let head = assert_refused(&server, trace, "TRACE /echo", 405, "TRACE");
    assert!(head.contains("Allow: GET, HEAD, POST, "), "{head}");
    // What a client sends behind CONNECT is no request.
    let mut raw = Raw::connect(&server);
    raw.write("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n");
    assert_eq!(raw.response().0, 405);
    raw.assert_closed();
}

#[test]
fn a_body_over_64_kib_is_413_before_it_is_sent() {
    let server = Server::start();
    let request = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n";
    assert_refused(&server, request, "POST /echo", 413, "65536 bytes");
    let endless = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n";
    assert_refused(&server, endless, "POST /echo", 413, "65536 bytes");
}

#[test]
fn an_expectation_that_is_unknown_is_417() {
    let server = Server::start();
    let request = "GET /echo HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\n\r\n";
    assert_refused(&server, request, "GET /echo", 417, "100-continue");
}

#[test]
fn one_more_than_the_limit_is_503_until_one_leaves() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--max-connections", "2"]).start();
    let first = Raw::upgrade(&server, "/echo");
    let _second = Raw::upgrade(&server, "/echo");
    let (status, head, body) = Raw::answer(&server, handshake("/echo", &[]));
    assert_eq!(status, 503);
    assert!(head.contains("Retry-After: "), "{head}");
    assert_eq!(body, "all 2 connections are taken\n");
    server.wait_for_log(&["WARN", "127.0.0.1:", ": 503 all 2 connections are taken"]);
    drop(first);
    tests::wait_until("there is room again", || {
        let mut raw = Raw::connect(&server);
        raw.write(handshake("/echo", &[]));
        raw.head().starts_with("HTTP/1.1 101 ")
    });
}
