//! One connection serves several requests, one after another, and may then become a WebSocket.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::{CLOSE, Client, Raw, Server, Setup, TEXT, becomes_true, frame, handshake, wait_until};

fn probe() -> Server {
    Setup::new().plugins(&["probe"]).start()
}

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn get(query: &str, lines: &str) -> String {
    format!("GET /probe?{query} HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

/// The next answer is the probe's to `post(body)`, and the connection stays.
#[track_caller]
fn assert_answers(raw: &mut Raw, body: &str) {
    let (status, head, found) = raw.response();
    assert_eq!(
        (status, found),
        (201, format!("POST /probe {body}")),
        "{head}"
    );
    assert!(!head.contains("Connection: "), "{head}");
}

#[test]
fn requests_one_after_another_and_then_a_handshake() {
    let server = probe();
    let threads = server.threads();
    let mut raw = Raw::connect(&server);
    for body in ["one", "", "three"] {
        raw.write(post(body));
        assert_answers(&mut raw, body);
    }
    assert_eq!(server.threads(), threads + 1, "it is one connection");
    raw.write(handshake("/probe", &[]));
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    raw.write(frame(TEXT, b"messages"));
    assert_eq!(raw.frame(), (TEXT, b"1".to_vec()));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    let requests: String = (0..500).map(|number| post(&number.to_string())).collect();
    let behind = [
        handshake("/probe", &[]).into_bytes(),
        frame(TEXT, b"messages"),
    ];
    raw.write([requests.into_bytes(), behind.concat()].concat());
    for number in 0..500 {
        assert_answers(&mut raw, &number.to_string());
    }
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(
        raw.frame(),
        (TEXT, b"1".to_vec()),
        "the frame behind is not lost"
    );
}

#[test]
fn refusals_of_whole_requests_leave_the_connection_as_it_is() {
    let server = Setup::new().plugins(&["probe", "echo"]).start();
    let mut raw = Raw::connect(&server);
    let foreign = "Origin: https://evil.example\r\n";
    let old = handshake("/probe", &[]).replace("Version: 13", "Version: 8");
    for (request, expected) in [
        ("GET /nope HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 404),
        ("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 426),
        ("TRACE /echo HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 405),
        (
            format!("POST /probe HTTP/1.1\r\nHost: h\r\n{foreign}\r\n"),
            403,
        ),
        (handshake("/probe?refuse", &[]), 401),
        (old, 426),
    ] {
        raw.write(&request);
        let (status, head, _) = raw.response();
        assert_eq!(status, expected, "{head}");
        assert!(!head.contains("close"), "{head}");
    }
    raw.write(handshake("/probe", &[]));
    assert!(
        raw.head().starts_with("HTTP/1.1 101 "),
        "with the right version"
    );
}

#[test]
fn a_refusal_without_the_body_read_closes() {
    let server = probe();
    let foreign = "Origin: https://evil.example\r\n";
    for (path, lines, expected) in [("/nope", "", 404), ("/probe", foreign, 403)] {
        let mut raw = Raw::connect(&server);
        let body = "GET /probe HTTP/1.1\r\nHost: h\r\n\r\n";
        let length = body.len();
        raw.write(format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
        ));
        let (status, head, _) = raw.response();
        assert_eq!(status, expected, "{head}");
        assert!(head.contains("Connection: close\r\n"), "{head}");
        raw.assert_closed();
    }
}

#[test]
fn frames_behind_a_handshake_that_fails_are_no_requests() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    let request = handshake("/probe?refuse", &[]).into_bytes();
    raw.write([request, frame(TEXT, b"messages")].concat());
    let (status, head, _) = raw.response();
    assert_eq!(status, 401);
    assert!(head.contains("Connection: close\r\n"), "{head}");
    raw.assert_closed();
    assert_eq!(server.count_log(&[": 400 "]), 0);
}

#[test]
fn one_who_asks_for_the_end_gets_it() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    let asks = "Connection: keep-alive\r\nConnection: x, CLOSE\r\n";
    raw.write([post("first"), get("", asks), post("too late")].concat());
    assert_answers(&mut raw, "first");
    let (status, head, _) = raw.response();
    assert_eq!(status, 201);
    assert!(head.contains("Connection: close\r\n"), "{head}");
    raw.assert_closed();
}

#[test]
fn after_1000_requests_the_connection_is_closed() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    raw.write(post("again").repeat(1001));
    for _ in 0..999 {
        assert_answers(&mut raw, "again");
    }
    let (_, head, _) = raw.response();
    assert!(head.contains("Connection: close\r\n"), "{head}");
    raw.assert_closed();
}

#[test]
fn fifteen_seconds_of_silence_between_two_requests_close_it_without_a_word() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    raw.write(post("first"));
    assert_answers(&mut raw, "first");
    let begin = Instant::now();
    raw.assert_closed();
    assert!(
        begin.elapsed() > Duration::from_secs(14),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn each_request_has_a_deadline_of_its_own_from_its_first_byte() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.arguments(&["--handshake-timeout", "1s"]).start();
    let mut raw = Raw::connect(&server);
    for body in ["first", "second"] {
        raw.write(post(body));
        assert_answers(&mut raw, body);
        let is_refused = || server.count_log(&[": 408 "]) > 0;
        assert!(!becomes_true(Duration::from_millis(1200), is_refused));
    }
    // An empty line behind a body is no beginning of a request.
    raw.write("\r\n");
    let is_refused = || server.count_log(&[": 408 "]) > 0;
    assert!(!becomes_true(Duration::from_millis(1200), is_refused));
    raw.write("G");
    assert_eq!(raw.response().0, 408);
    raw.assert_closed();
}

#[test]
fn one_that_does_not_read_its_answers_gets_no_further_ones() {
    const REQUESTS: usize = 40;
    const BYTES: usize = 4 * 1024 * 1024;
    let server = probe();
    let mut raw = Raw::connect(&server);
    raw.write(get(&format!("bytes={BYTES}"), "").repeat(REQUESTS));
    server.wait_for_log(&["on_request answers"]);
    let answers = || server.count_log(&["on_request answers"]);
    assert!(
        !becomes_true(Duration::from_secs(1), || answers() > 8),
        "{}",
        answers()
    );
    for _ in 0..REQUESTS {
        let (status, head, body) = raw.response();
        assert_eq!((status, body.len()), (200, BYTES), "{head}");
    }
    wait_until("the log has each", || answers() == REQUESTS);
}

#[test]
fn a_long_answer_that_is_read_late_comes_whole() {
    const BYTES: usize = 16 * 1024 * 1024;
    let server = probe();
    let mut raw = Raw::connect(&server);
    raw.write(get(&format!("bytes={BYTES}"), "Connection: close\r\n"));
    let head = raw.head();
    assert!(head.contains("Connection: close\r\n"), "{head}");
    // Longer than a closing connection has for its last frames.
    let is_gone = || server.count_log(&["dropped"]) > 0;
    assert!(!becomes_true(Duration::from_secs(6), is_gone));
    assert_eq!(raw.rest().len(), BYTES);
}

#[test]
fn one_that_ends_its_sending_side_gets_every_answer() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    raw.write([post("first"), post("second"), "GET /pro".to_owned()].concat());
    raw.end_writing();
    assert_answers(&mut raw, "first");
    assert_answers(&mut raw, "second");
    raw.assert_closed();
}

#[test]
fn an_idle_connection_does_not_hold_up_the_stop_and_a_running_request_is_answered() {
    let setup = Setup::new().plugins(&["probe"]);
    let mut server = setup.arguments(&["--stop-timeout", "1h"]).start();
    let mut idle = Raw::connect(&server);
    idle.write(post("first"));
    assert_answers(&mut idle, "first");
    let mut client = Client::connect(&server, "/probe");
    let mut running = Raw::connect(&server);
    running.write(get("block", ""));
    server.wait_for_log(&["on_request blocks"]);
    server.signal(Signal::TERM);
    idle.assert_closed();
    // That this one leaves ends the blocking.
    assert_eq!(client.closed().0, 1001);
    let (status, head, body) = running.response();
    assert_eq!((status, body.as_str()), (201, "GET /probe "));
    assert!(head.contains("Connection: close\r\n"), "{head}");
    running.assert_closed();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.count_log(&["did not end in time"]), 0);
}

#[test]
fn the_rest_of_an_answer_goes_out_although_the_server_stops() {
    const BYTES: usize = 16 * 1024 * 1024;
    let setup = Setup::new().plugins(&["probe"]);
    let mut server = setup.arguments(&["--stop-timeout", "1h"]).start();
    let mut late = Raw::connect(&server);
    late.write(get(&format!("bytes={BYTES}"), ""));
    assert!(late.head().starts_with("HTTP/1.1 200 "));
    server.signal(Signal::TERM);
    server.wait_for_log(&["stopping: 1 connections"]);
    assert_eq!(late.rest().len(), BYTES);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_handshake_that_the_stop_overtakes_is_closed_like_all_others() {
    let setup = Setup::new().plugins(&["probe"]);
    let mut server = setup.arguments(&["--stop-timeout", "1h"]).start();
    let mut client = Client::connect(&server, "/probe");
    let mut late = Raw::connect(&server);
    late.write(handshake("/probe?block", &[]));
    server.wait_for_log(&["on_upgrade blocks"]);
    server.signal(Signal::TERM);
    // That this one leaves ends the blocking.
    assert_eq!(client.closed().0, 1001);
    assert!(late.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(late.close_frame().0, 1001);
    late.write(frame(CLOSE, &1001_u16.to_be_bytes()));
    late.assert_closed();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.count_log(&["did not end in time"]), 0);
}

#[test]
fn idle_connections_count_and_leave_nothing_behind() {
    let server = probe();
    let (threads, files) = (server.threads(), server.open_files());
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut raw = Raw::connect(&server);
            raw.write(post("x"));
            assert_answers(&mut raw, "x");
            raw
        })
        .collect();
    assert_eq!(server.threads(), threads + 20);
    drop(clients);
    wait_until("they are gone", || {
        server.threads() == threads && server.open_files() == files
    });
}
