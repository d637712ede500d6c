//! Settings that a reload changes hold for who is there already. A connection thread that waits in
//! a read sees them with the next byte; the bounds of a backlog hold at once.

use std::thread;
use std::time::{Duration, Instant};

use tests::{Admin, CLOSE, Client, PATIENT, PING, PONG, Raw, Server, Setup, TEXT, frame};

fn setup(configuration: &str) -> Setup {
    let setup = Setup::new().plugins(&["echo", "probe"]);
    setup.configuration(configuration)
}

fn start(configuration: &str) -> Server {
    setup(configuration).start()
}

/// A byte of the client's, so that its thread looks at the settings.
#[track_caller]
fn speak(raw: &mut Raw) {
    raw.write(frame(TEXT, b"x"));
    assert_eq!(raw.frame(), (TEXT, b"x".to_vec()));
}

#[test]
fn ping_interval() {
    let never = "client.ping_interval = \"0s\"\n";
    let server = setup(never).with_pings().start();
    let mut living = Raw::upgrade(&server, "/echo");
    server.reload_with("client.ping_interval = \"100ms\"\n");
    speak(&mut living);
    assert_eq!(living.frame(), (PING, Vec::new()));
}

#[test]
fn pong_timeout() {
    let ping = "client.ping_interval = \"100ms\"\n";
    let patient = format!("{ping}client.pong_timeout = \"1h\"\n");
    let server = setup(&patient).with_pings().start();
    let mut living = Raw::upgrade(&server, "/echo");
    server.reload_with(&format!("{ping}client.pong_timeout = \"300ms\"\n"));
    living.write(frame(PONG, b""));
    living.rest();
    server.wait_for_log(&["client 1 on /echo vanished: no pong within 300ms"]);
}

#[test]
fn idle_timeout_and_each_message_begins_it_anew() {
    let server = start("");
    let mut client = Client::connect(&server, "/echo");
    // So long that a busy machine is not taken for a silent client.
    server.reload_with("client.idle_timeout = \"6s\"\n");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(7) {
        client.send("busy");
        assert_eq!(client.text(), "busy");
    }
    let reason = "no message within 6s".to_owned();
    assert_eq!(client.closed(), (1001, reason));
}

#[test]
fn lifetime_counts_from_the_handshake() {
    let server = start("");
    let mut client = Client::connect(&server, "/echo");
    server.reload_with("client.lifetime = \"1ms\"\n");
    client.send("x");
    let reason = "connected for 1ms: connect again".to_owned();
    assert_eq!(client.closed_in_the_end(), (1001, reason));
}

#[test]
fn close_timeout() {
    let server = start("client.close_timeout = \"1h\"\n");
    let mut living = Raw::upgrade(&server, "/probe");
    server.reload_with("client.close_timeout = \"300ms\"\n");
    living.write(frame(TEXT, b"close 4000 go"));
    assert_eq!(living.close_frame(), (4000, "go".to_owned()));
    // It does not answer; to wait for an hour would fail the test.
    assert_eq!(living.rest(), b"");
    server.wait_for_log(&["closed 1: 4000 by Plugin"]);
}

#[test]
fn messages_per_second() {
    let server = start("");
    let mut client = Client::connect(&server, "/echo");
    for _ in 0..100 {
        client.send("x");
    }
    (0..100).for_each(|_| assert_eq!(client.text(), "x"));
    server.reload_with("client.messages_per_second = 5\n");
    for _ in 0..100 {
        client.try_send("x");
    }
    let reason = "more than 5 messages a second".to_owned();
    assert_eq!(client.closed_in_the_end(), (1008, reason));
}

#[test]
fn bytes_per_second() {
    let server = start("");
    let mut client = Client::connect(&server, "/echo");
    let payload = "x".repeat(10_000);
    client.send(&payload);
    assert_eq!(client.text(), payload);
    server.reload_with("client.bytes_per_second = \"5 KiB\"\n");
    for _ in 0..10 {
        client.try_send(&payload);
    }
    let reason = "more than 5120 bytes a second".to_owned();
    assert_eq!(client.closed_in_the_end(), (1008, reason));
}

/// Broadcasts of [`PAYLOAD_BYTES`]: more than the buffers of two sockets hold.
const BROADCASTS: usize = 300;
const PAYLOAD_BYTES: usize = 60_000;

/// Broadcasts to everyone on `/probe`, and hears each of them itself.
fn broadcast(speaker: &mut Client) {
    let payload = "x".repeat(PAYLOAD_BYTES);
    for _ in 0..BROADCASTS {
        speaker.send(&format!("broadcast {payload}"));
        assert_eq!(speaker.text().len(), PAYLOAD_BYTES);
    }
}

#[test]
fn backlog_also_of_one_that_is_over_it_already() {
    let with = |backlog| format!("[client]\n{PATIENT}backlog = \"{backlog}\"\n");
    let server = start(&with("64 MiB"));
    let _slow = Raw::upgrade(&server, "/probe");
    let mut speaker = Client::connect(&server, "/probe");
    broadcast(&mut speaker);
    assert_eq!(server.count_log(&["is too slow"]), 0, "there is room");
    server.reload_with(&with("64 KiB"));
    speaker.send("broadcast one more");
    let told = "over the limit of 65536; closed with 1008";
    server.wait_for_log(&["client 1 on /probe is too slow", told]);
}

#[test]
fn slow_client_and_what_was_dropped_is_counted() {
    let admin = "admin.listen = \"127.0.0.1:0\"\n";
    let client = format!("[client]\n{PATIENT}backlog = \"64 KiB\"\n");
    let server = start(&format!("{admin}{client}"));
    let mut slow = Raw::upgrade(&server, "/probe");
    let mut speaker = Client::connect(&server, "/probe");
    let dropping = "slow_client = \"drop\"\n";
    server.reload_with(&format!("{admin}{client}{dropping}"));
    broadcast(&mut speaker);
    // It reads whole frames, until one that was said when there was room again.
    let reading = thread::spawn(move || {
        let mut count = 0;
        while let (TEXT, payload) = slow.frame() {
            if payload == b"the end" {
                break;
            }
            assert_eq!(payload.len(), PAYLOAD_BYTES);
            count += 1;
        }
        (slow, count)
    });
    while !reading.is_finished() {
        speaker.send("broadcast the end");
        assert_eq!(speaker.text(), "the end");
    }
    let (mut slow, count) = reading.join().expect("it reads whole frames");
    assert!(count < BROADCASTS, "some were dropped");
    slow.write(frame(CLOSE, &1000_u16.to_be_bytes()));
    let line = server.wait_for_log(&["client 1 on /probe was too slow for ", "never got"]);
    let dropped: usize = line
        .split_once("too slow for ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .expect("a number");
    assert!(dropped >= BROADCASTS - count, "{line}, and {count} came");
    // Whoever looks at the server finds the same, of the route and of all.
    for metric in [
        "detent_route_dropped_messages_total{route=\"/probe\",plugin=\"probe\"}",
        "detent_dropped_messages_total",
    ] {
        assert_eq!(
            Admin::of(&server).metric(metric),
            Some(dropped as f64),
            "{metric}"
        );
    }
}

const PLAIN: &str = "GET /probe HTTP/1.1\r\nHost: h\r\n\r\n";

/// A connection that has been answered once and is kept, after a reload with `limits`.
fn kept(limits: &str) -> (Server, Raw) {
    let server = start("");
    let mut raw = Raw::connect(&server);
    raw.write(PLAIN);
    assert_eq!(raw.response().0, 201);
    // What it waits with is settled; on a busy machine the reload would overtake that.
    server.wait_until_its_client_sleeps();
    server.reload_with(limits);
    (server, raw)
}

#[test]
fn head_and_headers_with_the_next_request() {
    let (_server, mut raw) = kept("limits.headers = 1\n");
    raw.write("GET /probe HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
    let (status, _, body) = raw.response();
    assert_eq!((status, &*body), (431, "more than 1 headers\n"));
    let (_server, mut raw) = kept("limits.head = \"1 KiB\"\n");
    let long = "x".repeat(1024);
    raw.write(format!(
        "GET /probe HTTP/1.1\r\nHost: h\r\nA: {long}\r\n\r\n"
    ));
    let (status, _, body) = raw.response();
    assert_eq!((status, &*body), (431, "request head over 1024 bytes\n"));
}

#[test]
fn handshake_timeout_with_the_next_request() {
    let (_server, mut raw) = kept("limits.handshake_timeout = \"300ms\"\n");
    raw.write("GET /probe HTTP/1.1\r\n");
    let (status, _, body) = raw.response();
    let told = "request head not complete within 300ms\n";
    assert_eq!((status, &*body), (408, told));
}

#[test]
fn keep_alive_timeout_after_the_next_request() {
    let (_server, mut raw) = kept("limits.keep_alive_timeout = \"300ms\"\n");
    raw.write(PLAIN);
    assert_eq!(raw.response().0, 201);
    let start = Instant::now();
    raw.assert_closed();
    assert!(start.elapsed() < Duration::from_secs(14), "it was 15 s");
    let (_server, mut raw) = kept("limits.keep_alive_timeout = \"0s\"\n");
    raw.write(PLAIN);
    let (status, head, _) = raw.response();
    assert_eq!(status, 201);
    assert!(head.contains("Connection: close"), "{head}");
    raw.assert_closed();
}

#[test]
fn keep_alive_timeout_that_came_while_a_request_was_answered() {
    let server = start("");
    let mut raw = Raw::connect(&server);
    let leaver = Client::connect(&server, "/probe");
    raw.write("GET /probe?block HTTP/1.1\r\nHost: h\r\n\r\n");
    server.wait_for_log(&["on_request blocks"]);
    server.reload_with("limits.keep_alive_timeout = \"300ms\"\n");
    // That it leaves ends the blocking.
    drop(leaver);
    assert_eq!(raw.response().0, 201);
    let start = Instant::now();
    raw.assert_closed();
    assert!(start.elapsed() < Duration::from_secs(14), "it was 15 s");
}

#[test]
fn trusted_proxies_with_the_next_handshake() {
    let server = start("");
    let assert_seen_as = |address: &str| {
        let headers = [("X-Forwarded-For", "192.0.2.7")];
        let mut client = Client::connect_with(&server, "/probe", &headers).expect("admitted");
        client.send("request");
        let request = client.text();
        let expected = format!(" address={address} ");
        assert!(request.contains(&expected), "{request}");
    };
    assert_seen_as("192.0.2.7");
    server.reload_with("proxy.trusted = []\n");
    assert_seen_as("127.0.0.1");
}

#[test]
fn stop_timeout() {
    let patient = "stop_timeout = \"1h\"\nclient.close_timeout = \"1h\"\n";
    let mut server = start(patient);
    // It never answers the Close frame, and so is waited for as long as may be.
    let _mute = Raw::upgrade(&server, "/echo");
    server.reload_with(&patient.replacen("1h", "300ms", 1));
    server.stop();
    server.wait_for_log(&["1 connections did not end in time and are cut off"]);
}
