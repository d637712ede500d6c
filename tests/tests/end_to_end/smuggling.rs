//! What two programs could read differently is refused, and nothing behind it is read: a request
//! that hides in another must never be served.

use tests::{Raw, Server, Setup};

/// What would be served if the server lost its place.
const HIDDEN: &str = "GET /probe HTTP/1.1\r\nHost: h\r\n\r\n";

/// Sends `request` and another behind it; there must be one answer, with `status` and `part`, and
/// the end.
#[track_caller]
fn assert_refused(server: &Server, request: &[u8], status: u16, part: &str) {
    let mut raw = Raw::connect(server);
    raw.write([request, HIDDEN.as_bytes()].concat());
    let shown = request.escape_ascii();
    let (found, head, body) = raw.response();
    assert_eq!(found, status, "{shown}: {head}{body}");
    assert!(body.contains(part), "{shown}: {body}");
    assert!(head.contains("Connection: close\r\n"), "{shown}: {head}");
    raw.assert_closed();
    let peer = format!("127.0.0.1:{} ", raw.port());
    server.wait_for_log(&["INFO", &peer, &format!(": {status} "), part]);
}

#[test]
fn a_body_with_two_ends() {
    let server = Setup::new().plugins(&["probe"]).start();
    for (lines, status, part) in [
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            400,
            "both",
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            400,
            "both",
        ),
        ("Content-Length: 0\r\nTransfer-Encoding: x", 400, "both"),
        (
            "Content-Length: 5\r\nContent-Length: 6",
            400,
            "more than one Content-Length",
        ),
        (
            "Content-Length: 5\r\ncontent-length: 5",
            400,
            "more than one Content-Length",
        ),
        ("Content-Length: 5, 5", 400, "no number"),
        ("Content-Length: 5,", 400, "no number"),
        ("Content-Length: +5", 400, "no number"),
        ("Content-Length: -1", 400, "no number"),
        ("Content-Length: 0x5", 400, "no number"),
        ("Content-Length: 5.0", 400, "no number"),
        ("Content-Length: 5 5", 400, "no number"),
        ("Content-Length: \"5\"", 400, "no number"),
        ("Content-Length:", 400, "no number"),
        ("Transfer-Encoding:", 400, "no coding"),
        ("Transfer-Encoding: chunked, chunked", 400, "once, and last"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
            "once, and last",
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            400,
            "once, and last",
        ),
        (
            "Transfer-Encoding: chunked, identity",
            400,
            "once, and last",
        ),
        ("Transfer-Encoding: gzip, chunked", 501, "only chunked"),
        ("Transfer-Encoding: gzip", 501, "only chunked"),
        ("Transfer-Encoding: identity", 501, "only chunked"),
        ("Transfer-Encoding: xchunked", 501, "only chunked"),
        ("Transfer-Encoding: \"chunked\"", 501, "only chunked"),
    ] {
        let request = format!("POST /probe HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
        assert_refused(&server, request.as_bytes(), status, part);
        // The path does not matter: a refusal that stays would lose its place as well.
        let elsewhere = request.replace("/probe", "/nope");
        assert_refused(&server, elsewhere.as_bytes(), status, part);
    }
}

#[test]
fn a_header_that_is_two_or_none() {
    let server = Setup::new().plugins(&["probe"]).start();
    for (lines, part) in [
        (b"X: a\r\n folded".as_slice(), "folded"),
        (b"X: a\r\n\tfolded", "folded"),
        (b" X: a", "folded"),
        (b"X: a\nY: b", "CR LF"),
        (b"X: a\n", "CR LF"),
        (b"X: a\rY: b", "carriage return"),
        (b"X: a\r", "carriage return"),
        (b"\rX: a", "carriage return"),
        (b"X: a\0b", "NUL byte"),
        (b"X\0: a", "NUL byte"),
        (b"X: a\x01b", "control character"),
        (b"X: a\x0bb", "control character"),
        (b"X: a\x7fb", "control character"),
        (
            b"Content-Length : 5",
            "the header Content-Length has a space before its colon",
        ),
        (
            b"Transfer-Encoding\t: chunked",
            "the header Transfer-Encoding has a space",
        ),
        (b": a", "no name"),
        (b"X", "no colon"),
        (b"X Y: a", "header name"),
        (b"X(: a", "header name"),
        (b"X\xff: a", "header name"),
    ] {
        let head = b"POST /probe HTTP/1.1\r\nHost: h\r\n".as_slice();
        assert_refused(&server, &[head, lines, b"\r\n\r\n"].concat(), 400, part);
    }
}

#[test]
fn a_request_line_that_can_be_read_in_two_ways() {
    let server = Setup::new().plugins(&["probe"]).start();
    for (line, part) in [
        (
            b" GET /probe HTTP/1.1\r\n".as_slice(),
            "begins with a space",
        ),
        (b"\tGET /probe HTTP/1.1\r\n", "begins with a space"),
        (b"\nGET /probe HTTP/1.1\r\n", "empty line"),
        (b"\r\n\r\nGET /probe HTTP/1.1\r\n", "empty line"),
        (b"\rGET /probe HTTP/1.1\r\n", "empty line"),
        (b"GET  /probe HTTP/1.1\r\n", "two spaces"),
        (b"GET /probe  HTTP/1.1\r\n", "two spaces"),
        (b"GET /probe /more HTTP/1.1\r\n", "two spaces"),
        (b"GET /probe HTTP/1.1 \r\n", "two spaces"),
        (b"GET\t/probe HTTP/1.1\r\n", "control character"),
        (b"GET /probe\0 HTTP/1.1\r\n", "control character"),
        (b"GET /probe\r HTTP/1.1\r\n", "control character"),
        (b"GET /probe HTTP/1.1\n", "CR LF"),
        (b"GET /pr\xc3\xb6be HTTP/1.1\r\n", "not ASCII"),
        (b"GE(T /probe HTTP/1.1\r\n", "method"),
        (b"GET /probe http/1.1\r\n", "version"),
        (b"GET /probe HTTP/1.11\r\n", "version"),
        (b"GET /probe HTTP/1.\r\n", "version"),
        (b"GET /probe HTTP/x.1\r\n", "no number"),
        (b"GET /probe\r\n", "HTTP/0.9"),
        (b"GET HTTP/1.1\r\n", "no target"),
        (b"GET\r\n", "no HTTP request"),
    ] {
        assert_refused(&server, &[line, b"Host: h\r\n\r\n"].concat(), 400, part);
    }
}

#[test]
fn what_is_legal_although_it_looks_odd_is_served() {
    let server = Setup::new().plugins(&["probe"]).start();
    let mut raw = Raw::connect(&server);
    for (head, status) in [
        ("\r\nGET /probe HTTP/1.1\r\nHost:h\r\n\r\n", 201),
        (
            "GET /probe HTTP/1.7\r\nHOST: \t h \t\r\nX:\r\nY: a:b \u{e9}\r\n\r\n",
            201,
        ),
        (
            "GET /probe?a=%zz&b=? HTTP/1.1\r\nHost: [::1]:80\r\nConnection: , x\r\n\r\n",
            201,
        ),
        ("GET //probe HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /a/../probe HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /./probe HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /%70robe HTTP/1.1\r\nHost: h\r\n\r\n", 201),
        ("GET /%70robe/ HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        (
            "GET /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 0000\r\n\r\n",
            201,
        ),
    ] {
        raw.write(head);
        let (found, answer, _) = raw.response();
        assert_eq!(found, status, "{head:?}: {answer}");
    }
}
