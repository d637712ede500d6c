//! Who is inside where the settings say nothing: a guess that fails closed.

use tests::{Raw, Server, Setup, TEXT, frame};

/// A handshake on `/probe` or a page of `/chat` as a client on this machine sends it.
fn head(path: &str, host: &str, lines: &[&str]) -> String {
    let head = tests::handshake(path, lines);
    head.replace("example.org", host)
}

fn plain(path: &str, host: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")
}

fn start(configuration: &str) -> Server {
    let setup = Setup::new().plugins(&["probe", "chat"]);
    setup.configuration(configuration).start()
}

/// Whether one that opens with `head` is inside for the plugin.
#[track_caller]
fn is_inside(server: &Server, head: &str) -> bool {
    let mut raw = Raw::connect(server);
    raw.write(head);
    let answer = raw.head();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{head}: {answer}");
    raw.write(frame(TEXT, b"request"));
    tests::answer_of_probe(&mut raw).contains(" inside=true ")
}

/// A page whose name was made to mean 127.0.0.1 asks for that name, from an origin that looks like the own one.
#[test]
fn a_page_whose_name_is_rebound_to_this_machine_is_outside_and_gets_no_page() {
    let server = start("");
    for host in [
        "attacker.example:25252",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example",
    ] {
        let origin = format!("Origin: http://{host}");
        assert!(
            !is_inside(&server, &head("/probe", host, &[&origin])),
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
    let server = start("");
    for host in [
        "localhost",
        "LOCALHOST:1",
        "app.localhost",
        "127.0.0.1",
        "127.1.2.3:4",
        "[::1]:5",
    ] {
        assert!(is_inside(&server, &head("/probe", host, &[])), "{host}");
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
    let server = start("hosts = [\"example.org\"]\n");
    assert!(!is_inside(&server, &head("/probe", "example.org", &[])));
    assert!(!is_inside(&server, &head("/probe", "192.0.2.1", &[])));
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
    let server = start("");
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
            !is_inside(&server, &head("/probe", "localhost", &[&line])),
            "{name}"
        );
    }
    assert!(is_inside(
        &server,
        &head("/probe", "localhost", &["X-Other: 1"])
    ));
}
