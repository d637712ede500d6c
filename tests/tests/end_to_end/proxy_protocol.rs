//! `[[listener]] proxy_protocol = true`: for whom a proxy of ours has opened the connection.

use std::net::SocketAddr;

use tests::{Raw, Server, Setup, TEXT, frame, handshake, wait_until};

const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = true\n";
const CLIENT: &str = "PROXY TCP4 203.0.113.7 127.0.0.1 56324 443\r\n";

fn start(configuration: &str) -> (Server, SocketAddr) {
    let setup = Setup::new().plugins(&["probe", "echo"]);
    let server = setup
        .configuration(&(configuration.to_owned() + LISTENER))
        .start();
    let address = server.listener(", by the PROXY protocol");
    (server, address)
}

fn binary(command: u8, source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, 0x11, 0, 12]);
    header.extend(source);
    header.extend([127, 0, 0, 1, 0xdc, 0x04, 1, 0xbb]);
    header
}

/// What `/probe` is told of who has opened with `header` and further lines.
#[track_caller]
fn request(address: SocketAddr, header: &[u8], lines: &[&str]) -> String {
    let mut raw = Raw::connect_to(address);
    let head = handshake("/probe", lines).replace("example.org", "localhost");
    raw.write([header, head.as_bytes()].concat());
    let answer = raw.head();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    raw.write(frame(TEXT, b"request"));
    tests::answer_of_probe(&mut raw)
}

#[test]
fn the_client_is_whom_the_proxy_has_named() {
    let (_server, address) = start("");
    for (header, expected) in [
        (CLIENT.as_bytes().to_vec(), "203.0.113.7"),
        (
            b"PROXY TCP6 2001:db8::7 ::1 56324 443\r\n".to_vec(),
            "2001:db8::7",
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), "unknown"),
        (binary(0x21, [203, 0, 113, 7]), "203.0.113.7"),
        // The proxy's own look whether we are there.
        (binary(0x20, [0, 0, 0, 0]), "127.0.0.1"),
    ] {
        let request = request(address, &header, &[]);
        let expected = format!(" address={expected} inside=false ");
        assert!(request.contains(&expected), "{request}");
    }
    // It could write this header itself.
    let told = request(address, CLIENT.as_bytes(), &["X-Forwarded-For: 6.6.6.6"]);
    assert!(told.contains(" address=203.0.113.7 "), "{told}");
    // One proxy behind another.
    let nearer = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n";
    let told = request(address, nearer, &["X-Forwarded-For: 203.0.113.9"]);
    assert!(told.contains(" address=203.0.113.9 "), "{told}");
}

#[test]
fn byte_by_byte_it_is_the_same_and_further_requests_are_the_clients_too() {
    let (server, address) = start("");
    for header in [CLIENT.as_bytes().to_vec(), binary(0x21, [203, 0, 113, 7])] {
        let mut raw = Raw::connect_to(address);
        for byte in header {
            raw.write([byte]);
        }
        for path in ["/one", "/two"] {
            raw.write(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
            assert_eq!(raw.response().0, 404);
        }
    }
    let lines = || server.count_log(&[": 203.0.113.7:56324 GET /two: 404 "]);
    wait_until("both are logged", || lines() == 2);
}

#[test]
fn its_clients_are_counted_each_by_itself_and_the_unknown_together() {
    let (_server, address) = start("limits.connections_per_address = 1\n");
    let connect = |header: &str| {
        let mut raw = Raw::connect_to(address);
        raw.write(format!("{header}{}", handshake("/echo", &[])));
        let head = raw.head();
        (head.split(' ').nth(1).map(str::to_owned), raw)
    };
    let other = "PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n";
    let unknown = "PROXY UNKNOWN\r\n";
    let held: Vec<_> = [CLIENT, other, unknown].map(connect).into();
    for (status, _) in &held {
        assert_eq!(status.as_deref(), Some("101"));
    }
    for again in [CLIENT, other, unknown] {
        assert_eq!(connect(again).0.as_deref(), Some("429"), "{again}");
    }
}

#[test]
fn what_is_no_header_is_refused_with_what_is_missing() {
    let (server, address) = start("limits.handshake_timeout = \"300ms\"\n");
    for (bytes, status, part) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "send-proxy"),
        ("PROXY TCP4 nonsense\r\n", 400, "malformed"),
        (
            "PROXY TCP4 203.0.113.7",
            408,
            "header of the PROXY protocol not complete",
        ),
        ("", 408, "header of the PROXY protocol not complete"),
    ] {
        let mut raw = Raw::connect_to(address);
        raw.write(bytes);
        let (found, _, body) = raw.response();
        assert_eq!(found, status, "{bytes:?}");
        assert!(body.contains(part), "{bytes:?}: {body}");
        server.wait_for_log(&[": unknown by 127.0.0.1:", part]);
    }
}

#[test]
fn only_a_proxy_of_ours_may_come() {
    let (server, address) = start("proxy.trusted = [\"192.0.2.1\"]\n");
    let mut raw = Raw::connect_to(address);
    let (status, _, body) = raw.response();
    assert_eq!(status, 403);
    assert!(body.contains("for proxies of proxy.trusted only"), "{body}");
    server.wait_for_log(&[": 127.0.0.1:", " - -: 403 "]);
}
