//! HTTP/1.0, as health checks, old scripts and proxies with their defaults speak it.

use tests::{Raw, Server, Setup};

fn start() -> Server {
    Setup::new().plugins(&["chat", "echo", "probe"]).start()
}

#[test]
fn a_plain_request_is_answered_and_the_connection_closed() {
    let server = start();
    for (request, status, part) in [
        // `option httpchk` of HAProxy.
        ("OPTIONS /echo HTTP/1.0\r\n\r\n", 204, ""),
        ("GET /chat HTTP/1.0\r\n\r\n", 200, "Message board"),
        ("GET /echo HTTP/1.0\r\n\r\n", 426, "ws://"),
        ("GET /nope HTTP/1.0\r\n\r\n", 404, "no route here"),
        // nginx without `proxy_http_version`.
        (
            "GET /chat HTTP/1.0\r\nHost: 127.0.0.1:25252\r\nConnection: close\r\n\r\n",
            200,
            "Message board",
        ),
        // A client that would like to keep the connection is not promised it.
        (
            "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            426,
            "",
        ),
        (
            "POST /probe HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody",
            201,
            "POST /probe body",
        ),
        // It would not understand `100 Continue`.
        (
            "POST /probe HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
            201,
            "POST /probe body",
        ),
    ] {
        let mut raw = Raw::connect(&server);
        raw.write(request);
        let (found, head, body) = raw.response();
        assert_eq!(found, status, "{request:?}: {head}");
        assert!(body.contains(part), "{request:?}: {body}");
        assert!(head.contains("Connection: close"), "{request:?}: {head}");
        raw.assert_closed();
    }
}

#[test]
fn head_and_what_is_malformed_are_as_in_1_1() {
    let server = start();
    let (status, head, _) = Raw::answer(&server, "HEAD /chat HTTP/1.0\r\n\r\n");
    assert_eq!(status, 200, "{head}");
    assert!(!head.contains("Content-Length: 0"), "{head}");
    for (lines, part) in [
        ("Host: a b\r\n", "Host"),
        ("Host: h\r\nHost: h\r\n", "Host"),
        ("Transfer-Encoding: chunked\r\n", "Transfer-Encoding"),
    ] {
        let request = format!("POST /probe HTTP/1.0\r\n{lines}\r\n0\r\n\r\n");
        let (status, _, body) = Raw::answer(&server, request);
        assert_eq!(status, 400, "{lines:?}");
        assert!(body.contains(part), "{lines:?}: {body}");
    }
}
