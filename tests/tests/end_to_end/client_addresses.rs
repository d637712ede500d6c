//! Whose a connection is behind a proxy: for the plugin, for the limits, and in every line of the log.

use tests::{Client, Raw, Server, Setup, TEXT, frame, handshake, unmasked_frame, wait_until};

fn start(configuration: &str) -> Server {
    let setup = Setup::new().plugins(&["probe", "echo"]);
    setup.configuration(configuration).start()
}

/// What `/probe` is told of a client that a proxy names so; the lines are bytes, as proxies pass them on.
#[track_caller]
fn address(server: &Server, lines: &[u8]) -> String {
    let mut raw = Raw::connect(server);
    let head = handshake("/probe", &[]).into_bytes();
    let end = head.len() - 2;
    raw.write([&head[..end], lines, b"\r\n"].concat());
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    raw.write(frame(TEXT, b"request"));
    let answer = tests::answer_of_probe(&mut raw);
    let (_, rest) = answer.split_once(" address=").expect("the probe tells it");
    rest.split(' ').next().expect("a word").to_owned()
}

#[test]
fn every_writing_of_an_address_is_read() {
    let server = start("");
    for (lines, expected) in [
        ("X-Forwarded-For: 203.0.113.7:52383\r\n", "203.0.113.7"),
        ("X-Forwarded-For: [2001:db8::1]:4444\r\n", "2001:db8::1"),
        (
            "X-Forwarded-For: 6.6.6.6, 203.0.113.7:1, 127.0.0.1:2\r\n",
            "203.0.113.7",
        ),
        ("X-Real-IP: 203.0.113.7:80\r\n", "203.0.113.7"),
        ("X-Real-IP: [2001:db8::1]\r\n", "2001:db8::1"),
        ("Forwarded: for=203.0.113.7;proto=https\r\n", "203.0.113.7"),
        ("Forwarded: for=\"[2001:db8::1]:4711\"\r\n", "2001:db8::1"),
        ("Forwarded: for=_hidden, for=203.0.113.7\r\n", "203.0.113.7"),
        ("Forwarded: for=203.0.113.7, for=_hidden\r\n", "unknown"),
        ("Forwarded: for=unknown\r\n", "unknown"),
        ("X-Forwarded-For: nobody\r\n", "unknown"),
    ] {
        assert_eq!(address(&server, lines.as_bytes()), expected, "{lines}");
    }
    assert_eq!(
        address(
            &server,
            b"X-Forwarded-For: \xff\r\nX-Real-IP: 127.0.0.1\r\n"
        ),
        "unknown"
    );
}

/// nginx passes such bytes on; they made the proxy's own address count, which has no limit.
#[test]
fn what_cannot_be_read_is_never_without_a_limit() {
    let server = start("limits.connections_per_address = 3\n");
    let head = handshake("/echo", &[]).into_bytes();
    let end = head.len() - 2;
    let mut held = Vec::new();
    for number in 0..6 {
        let mut raw = Raw::connect(&server);
        let line: &[u8] = match number % 3 {
            0 => b"X-Forwarded-For: \xff\r\n",
            1 => b"X-Real-IP: nobody\r\n",
            _ => b"Forwarded: for=_a\r\n",
        };
        raw.write([&head[..end], line, b"\r\n"].concat());
        let answer = raw.head();
        let expected = if number < 3 { " 101 " } else { " 429 " };
        assert!(answer.contains(expected), "{number}: {answer}");
        held.push(raw);
    }
    server.wait_for_log(&[" unknown by 127.0.0.1:", " GET /echo: 429 "]);
    // Those who can be told apart have limits of their own.
    let known = [("X-Forwarded-For", "203.0.113.7")];
    assert!(Client::connect_with(&server, "/echo", &known).is_ok());
    drop(held);
    wait_until("there is room", || {
        let unknown = [("X-Forwarded-For", "nobody")];
        Client::connect_with(&server, "/echo", &unknown).is_ok()
    });
}

/// What fail2ban reads: the client's address where a line begins, never that of the proxy.
#[test]
fn every_line_about_a_client_begins_with_its_own_address() {
    let server = start("client.messages_per_second = 1\nlog.level = \"debug\"\n");
    let of = "X-Forwarded-For: 203.0.113.7";
    for (request, name) in [
        (
            handshake("/echo", &[of, "Origin: https://evil.example"]),
            "GET /echo: 403 ",
        ),
        (handshake("/nope", &[of]), "GET /nope: 404 "),
        (
            handshake("/echo", &[of]).replacen("GET", "BREW", 1),
            "BREW /echo: 501 ",
        ),
        (handshake("/probe?refuse", &[of]), "GET /probe: 401 "),
        (
            handshake("/echo", &[of]).replace("Upgrade: websocket", "Upgrade: x"),
            "GET /echo: 400 ",
        ),
        (
            format!("GET /echo HTTP/1.1\r\nHost: h\r\n{of}\r\n\r\n"),
            "GET /echo: 426 ",
        ),
    ] {
        let (status, ..) = Raw::answer(&server, &request);
        assert!(status >= 400);
        server.wait_for_log(&[&format!(": 203.0.113.7 {name}")]);
    }
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/echo", &[of]));
    raw.head();
    raw.write(unmasked_frame(TEXT, b"x"));
    server.wait_for_log(&[": 203.0.113.7 client ", " on /echo: ", "; closed with 1002"]);
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/echo", &[of]));
    raw.head();
    raw.write([frame(TEXT, b"one"), frame(TEXT, b"two")].concat());
    server.wait_for_log(&[": 203.0.113.7 client ", "; closed with 1008"]);
    // What cannot be told to be a client's is not told to be the proxy's.
    Raw::answer(&server, "nonsense\r\n\r\n");
    server.wait_for_log(&[": unknown by 127.0.0.1:", " - -: 400 "]);
}
