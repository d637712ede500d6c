//! Each setting of the whole server that no other test sees at work.

use std::time::{Duration, Instant};

use tests::{Client, Raw, Server, Setup, frame, handshake, wait_until};

fn start(configuration: &str) -> Server {
    let setup = Setup::new().plugins(&["echo", "probe", "faulty"]);
    setup.configuration(configuration).start()
}

const PLAIN: &str = "GET /probe HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn head_and_headers_and_body() {
    let server = start("[limits]\nhead = \"1 KiB\"\nheaders = 3\nbody = \"10 B\"\n");
    let long = format!(
        "GET /probe HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat(1100)
    );
    let (status, _, body) = Raw::answer(&server, long);
    assert_eq!(
        (status, body.as_str()),
        (431, "request head over 1024 bytes\n")
    );
    let many = "GET /probe HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    let (status, _, body) = Raw::answer(&server, many);
    assert_eq!((status, body.as_str()), (431, "more than 3 headers\n"));
    let post = "POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world";
    let (status, _, body) = Raw::answer(&server, post);
    assert_eq!(
        (status, body.as_str()),
        (413, "request body over 10 bytes\n")
    );
}

#[test]
fn more_headers_than_by_default() {
    let server = start("limits.headers = 300\n");
    let lines: String = (0..250)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    let request = format!("GET /probe HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    assert_eq!(Raw::answer(&server, request).0, 201);
}

#[test]
fn keep_alive_timeout() {
    let server = start("limits.keep_alive_timeout = \"200ms\"\n");
    let mut client = Raw::connect(&server);
    for _ in 0..2 {
        client.write(PLAIN);
        assert_eq!(client.response().0, 201);
    }
    let start = Instant::now();
    client.assert_closed();
    assert!(
        start.elapsed() < Duration::from_secs(14),
        "the default is 15 s"
    );
}

#[test]
fn a_keep_alive_timeout_of_zero_closes_after_each_answer() {
    let server = start("limits.keep_alive_timeout = \"0s\"\n");
    let mut client = Raw::connect(&server);
    client.write(PLAIN);
    let (status, head, _) = client.response();
    assert_eq!(status, 201);
    assert!(head.contains("Connection: close"), "{head}");
    client.assert_closed();
}

#[test]
fn limits_of_http_hold_for_the_next_request_after_a_reload() {
    let server = start("");
    let mut client = Raw::connect(&server);
    let post = "POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world";
    client.write(post);
    assert_eq!(client.response().0, 201);
    server.reload_with("limits.body = \"10 B\"\n");
    client.write(post);
    assert_eq!(client.response().0, 413);
}

#[test]
fn handshakes() {
    let server = start("limits.handshakes = 2\n");
    let mut begun: Vec<Raw> = (0..2).map(|_| Raw::connect(&server)).collect();
    for client in &mut begun {
        client.write("GET /echo HTTP/1.1\r\n");
    }
    server.wait_until_it_has_read(&begun);
    // A third comes in, and the oldest has to leave.
    let mut third = Client::connect(&server, "/echo");
    let (status, _, body) = begun[0].response();
    let why = "request head not complete when its place was needed for others\n";
    assert_eq!((status, body.as_str()), (408, why));
    server.wait_for_log(&["GET /echo: 408 request head not complete when"]);
    begun[1].write("Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert!(begun[1].head().contains(" 101 "));
    third.send("in");
    assert_eq!(third.text(), "in");
}

#[test]
fn handshakes_are_requests_under_way_as_well() {
    let server = start("limits.handshakes = 2\n");
    let post = "POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx";
    let mut begun: Vec<Raw> = (0..2).map(|_| Raw::connect(&server)).collect();
    begun.iter_mut().for_each(|client| client.write(post));
    server.wait_until_it_has_read(&begun);
    let mut third = Raw::connect(&server);
    wait_until("both have their permits", || {
        third.write(handshake("/echo", &[]));
        let (status, head, body) = third.response();
        if status == 101 {
            third = Raw::connect(&server);
            return false;
        }
        assert_eq!((status, body.as_str()), (503, "2 requests are under way\n"));
        assert!(head.contains("Retry-After: "), "{head}");
        true
    });
    // It may ask again on the same connection, and who is answered makes room.
    third.assert_kept();
    begun[0].write("12345678");
    assert!(begun[0].response().0 > 0);
    wait_until("there is room", || {
        third.write(handshake("/echo", &[]));
        third.response().0 == 101
    });
}

#[test]
fn connections_per_address() {
    let server = start("limits.connections_per_address = 2\nproxy.trusted = []\n");
    let mut first = Client::connect(&server, "/echo");
    let second = Client::connect(&server, "/echo");
    let refused = Client::connect_with(&server, "/echo", &[]).expect_err("two are there");
    assert_eq!(refused.status, 429);
    let why = "this address has 2 connections, which is the most that one may have\n";
    assert_eq!(refused.body, why);
    server.wait_for_log(&["429 this address has 2 connections"]);
    drop(second);
    wait_until("there is room", || {
        Client::connect_with(&server, "/echo", &[]).is_ok()
    });
    first.send("undisturbed");
    assert_eq!(first.text(), "undisturbed");
}

#[test]
fn connections_per_address_behind_a_proxy_that_is_trusted() {
    let server = start("limits.connections_per_address = 1\n");
    let of = |address: &'static str| [("X-Forwarded-For", address)];
    let _held = Client::connect_with(&server, "/echo", &of("2001:db8::1")).expect("the first");
    let refused = Client::connect_with(&server, "/echo", &of("2001:db8::2"));
    assert_eq!(refused.expect_err("the same network").status, 429);
    let other = Client::connect_with(&server, "/echo", &of("2001:db8:0:1::1"));
    assert!(other.is_ok(), "another network");
}

#[test]
fn trusted_proxies_are_those_that_are_named() {
    let forwarded = [("X-Forwarded-For", "192.0.2.7")];
    let address = |configuration: &str| {
        let server = start(configuration);
        let client = Client::connect_with(&server, "/probe", &forwarded);
        let mut client = client.expect("it is admitted");
        client.send("request");
        client.text()
    };
    assert!(address("").contains(" address=192.0.2.7 "));
    assert!(address("proxy.trusted = [\"10.0.0.0/8\"]\n").contains(" address=127.0.0.1 "));
}

#[test]
fn stop_timeout() {
    let mut server = start("stop_timeout = \"300ms\"\n");
    let mut client = Client::connect(&server, "/faulty");
    client.send("block 60000");
    server.wait_for_log(&["blocks for 60000 ms"]);
    let start = Instant::now();
    server.stop();
    assert!(
        start.elapsed() < Duration::from_secs(9),
        "the default is 10 s"
    );
}

#[test]
fn the_format_of_the_log() {
    let server = start("log.format = \"json\"\n");
    let mut client = Client::connect(&server, "/probe");
    client.send("log say \"this\"");
    let line = server.wait_for_log(&["say "]);
    let line: serde_json::Value = serde_json::from_str(&line).expect("one object a line");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "plugin::probe");
    assert_eq!(line["message"], "say \"this\"");
    assert!(
        line["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
}

#[test]
fn handshake_timeout() {
    let server = start("limits.handshake_timeout = \"200ms\"\n");
    let mut client = Raw::connect(&server);
    client.write("GET /echo HTTP/1.1\r\n");
    let (status, _, body) = client.response();
    assert_eq!(
        (status, body.as_str()),
        (408, "request head not complete within 200ms\n")
    );
    let mut after = Raw::upgrade(&server, "/echo");
    after.write(frame(tests::TEXT, b"no deadline here"));
    assert_eq!(after.frame().1, b"no deadline here");
}
