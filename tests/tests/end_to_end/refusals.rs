//! What is not served is answered with a status and a sentence, and the log has both.

use tests::{Raw, Server, Setup, handshake};

/// Sends `request`; the answer must have `status`, hold `part` in its body, and stand in the log
/// together with the peer and `name`. Gives the answer's head.
#[track_caller]
fn assert_refused(server: &Server, request: &str, name: &str, status: u16, part: &str) -> String {
    let mut raw = Raw::connect(server);
    raw.write(request);
    let head = raw.head();
    assert!(
        head.starts_with(&format!("HTTP/1.1 {status} ")),
        "{request:?}: {head}"
    );
    let body = String::from_utf8(raw.rest()).expect("a text body");
    assert!(body.contains(part), "{request:?}: {body}");
    assert!((1..=2).contains(&body.lines().count()), "{body:?}");
    let lower = head.to_lowercase();
    assert!(lower.contains("connection: close"), "{head}");
    assert!(lower.contains(&format!("content-length: {}\r\n", body.len())));
    assert!(lower.contains("content-type: text/plain"), "{head}");
    let peer = format!("127.0.0.1:{}", raw.port());
    server.wait_for_log(&["INFO", &format!(" {peer} {name}: {status} "), part]);
    head
}

#[test]
fn an_unknown_path_is_404() {
    let server = Server::start();
    for path in ["/nope", "/", "/echo/", "/ECHO", "/echo/more", "/%65cho"] {
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
        (good.replace("HTTP/1.1", "HTTP/1.0"), "HTTP/1.1"),
    ] {
        let method = request.split(' ').next().expect("a method");
        assert_refused(&server, &request, &format!("{method} /echo"), 400, part);
    }
}

#[test]
fn a_request_that_is_malformed_is_400_at_once() {
    let server = Server::start();
    let good = handshake("/echo", &[]);
    for (request, part) in [
        (good.replace("Host: example.org\r\n", ""), "Host"),
        (handshake("/echo", &["Host: two"]), "Host"),
        (good.replace("\r\n", "\n"), "CR LF"),
        (handshake("/echo", &["No colon"]), "malformed"),
        (handshake("/echo", &[" folded: line"]), "malformed"),
        (handshake("/echo", &["Name : value"]), "malformed"),
        (good.replace("/echo", "echo"), "begin with /"),
        (good.replace("HTTP/1.1", "HTTP/3.0"), "malformed"),
        ("\u{1}\u{2}\u{3}".to_owned(), "no HTTP request"),
        ("\u{16}\u{3}\u{1}".to_owned(), "TLS"),
    ] {
        assert_refused(&server, &request, "- -", 400, part);
    }
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
        handshake("/echo?query=1", &[]),
    ] {
        let mut raw = Raw::connect(&server);
        raw.write(&request);
        assert!(raw.head().starts_with("HTTP/1.1 101 "), "{request}");
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
        assert_refused(&server, &padded(length), "- -", 431, "16384 bytes");
    }
    // One that never ends is answered too, as soon as it is too long.
    let endless = padded(20_000);
    assert_refused(&server, endless.trim_end(), "- -", 431, "16384 bytes");
}

#[test]
fn more_than_100_headers_are_431_and_100_are_not() {
    let server = Server::start();
    // The handshake itself has five.
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/echo", &["X-More: 1"; 95]));
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    let too_many = handshake("/echo", &["X-More: 1"; 96]);
    assert_refused(&server, &too_many, "- -", 431, "100 headers");
}

#[test]
fn a_method_that_is_unknown_is_405_and_told_the_known_ones() {
    let server = Server::start();
    let request = "BREW /echo HTTP/1.1\r\nHost: h\r\n\r\n";
    let head = assert_refused(&server, request, "BREW /echo", 405, "BREW");
    assert!(head.contains("Allow: GET, HEAD, POST, "), "{head}");
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
fn a_body_whose_length_is_unclear_is_refused() {
    let server = Server::start();
    for (lines, status, part) in [
        ("Content-Length: -1", 400, "Content-Length"),
        (
            "Content-Length: 1\r\nContent-Length: 2",
            400,
            "Content-Length",
        ),
        ("Transfer-Encoding: chunked", 501, "transfer codings"),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 1",
            501,
            "transfer",
        ),
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
        assert_refused(&server, &request, "POST /echo", status, part);
    }
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
