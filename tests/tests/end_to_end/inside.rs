//! Who is inside where the settings say nothing: a guess that fails closed.

use tests::{Raw, Server, Setup, TEXT, frame};

/// A handshake on `/push` or a page of `/chat` as a client on this machine sends it.
fn head(path: &str, host: &str, lines: &[&str]) -> String {
    let head = tests::handshake(path, lines);
    head.replace("example.org", host)
}

fn plain(path: &str, host: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")
}

/// Opens with `head`, and sees to it that the server has gone as far as to listen.
#[track_caller]
fn open(server: &Server, head: &str) -> Raw {
    let mut raw = Raw::connect(server);
    raw.write(head);
    let answer = raw.head();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{head}: {answer}");
    settle(&mut raw);
    raw
}

/// What was sent before has been obeyed.
#[track_caller]
fn settle(raw: &mut Raw) {
    raw.write(frame(tests::PING, b""));
    assert_eq!(raw.frame().0, tests::PONG);
}

/// Lets one that has opened with `head` speak, and says whether the others hear it.
#[track_caller]
fn is_heard(server: &Server, head_of_speaker: &str) -> bool {
    let mut listener = open(server, &head("/push", "localhost", &[]));
    let mut insider = open(server, &head("/push", "localhost", &[]));
    let mut speaker = open(server, head_of_speaker);
    speaker.write(frame(TEXT, b"pushed"));
    settle(&mut speaker);
    // It comes behind what the other may have said.
    insider.write(frame(TEXT, b"mine"));
    match listener.frame().1.as_slice() {
        b"pushed" => true,
        b"mine" => false,
        other => panic!("nobody says {other:?}"),
    }
}

/// A page whose name was made to mean 127.0.0.1 asks for that name, from an origin that looks like the own one.
#[test]
fn a_page_whose_name_is_rebound_to_this_machine_is_outside_and_gets_no_page() {
    let server = Server::start();
    for host in [
        "attacker.example:25252",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example",
    ] {
        let origin = format!("Origin: http://{host}");
        assert!(
            !is_heard(&server, &head("/push", host, &[&origin])),
            "{host}"
        );
        let (status, _, body) = Raw::answer(&server, plain("/chat", host, ""));
        assert_eq!(status, 421, "{host}");
        assert!(body.contains("add it to `hosts`"), "{body}");
    }
    server.wait_for_log(&[
        "WARN",
        "somebody on this machine asks for attacker.example:25252",
    ]);
    assert_eq!(
        server.count_log(&["somebody on this machine asks for"]),
        1,
        "once"
    );
}

#[test]
fn names_and_addresses_of_this_machine_are_inside_and_get_the_page() {
    let server = Server::start();
    for host in [
        "localhost",
        "LOCALHOST:1",
        "app.localhost",
        "127.0.0.1",
        "127.1.2.3:4",
        "[::1]:5",
    ] {
        assert!(is_heard(&server, &head("/push", host, &[])), "{host}");
        assert_eq!(
            Raw::answer(&server, plain("/chat", host, "")).0,
            200,
            "{host}"
        );
    }
    assert_eq!(server.count_log(&["somebody on this machine asks for"]), 0);
}

/// HAProxy without `option forwardfor`, nginx with only Upgrade and Connection: they pass the name on.
#[test]
fn what_a_silent_proxy_passes_on_is_outside() {
    let setup = Setup::new().plugins(&["push", "chat"]);
    let server = setup.configuration("hosts = [\"example.org\"]\n").start();
    assert!(!is_heard(&server, &head("/push", "example.org", &[])));
    assert!(!is_heard(&server, &head("/push", "192.0.2.1", &[])));
    // The page is the server's own under a name of the settings.
    assert_eq!(
        Raw::answer(&server, plain("/chat", "example.org", "")).0,
        200
    );
    assert_eq!(
        Raw::answer(&server, plain("/chat", "example.net", "")).0,
        421
    );
    // As it is for who comes by a proxy that says so, and for who does not say a name.
    let forwarded = plain("/chat", "example.net", "X-Forwarded-For: 192.0.2.1\r\n");
    assert_eq!(Raw::answer(&server, forwarded).0, 200);
    assert_eq!(Raw::answer(&server, "GET /chat HTTP/1.0\r\n\r\n").0, 200);
}

#[test]
fn every_header_that_proxies_leave_makes_an_outsider() {
    let server = Server::start();
    for name in [
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Real-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "Fastly-Client-IP",
    ] {
        let line = format!("{name}: 127.0.0.1");
        assert!(
            !is_heard(&server, &head("/push", "localhost", &[&line])),
            "{name}"
        );
    }
    assert!(is_heard(
        &server,
        &head("/push", "localhost", &["X-Other: 1"])
    ));
}
