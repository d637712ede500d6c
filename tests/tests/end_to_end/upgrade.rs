//! What a plugin may say to a handshake, and what it learns from it.

use tests::{Client, Raw, Server, Setup, handshake};

fn probe() -> Server {
    Setup::new().plugins(&["probe"]).start()
}

#[test]
fn a_plugin_refuses_with_status_headers_and_body_of_its_own() {
    let server = probe();
    let (status, head, body) = Raw::answer(&server, handshake("/probe?refuse", &[]));
    assert_eq!((status, body.as_str()), (401, "not you"));
    assert!(head.contains("www-authenticate: Probe\r\n"), "{head}");
    server.wait_for_log(&[" GET /probe: 401 refused by the plugin"]);
    assert_eq!(
        server.count_log(&["closed "]),
        0,
        "no on_close without on_open"
    );
}

#[test]
fn a_plugin_adds_headers_to_the_101() {
    let server = probe();
    let client = Client::connect(&server, "/probe");
    assert_eq!(client.header("X-Probe"), Some("admitted"));
}

#[test]
fn the_first_subprotocol_of_the_client_that_the_plugin_speaks_is_chosen() {
    let server = probe();
    for (offered, chosen) in [
        ("x, probe.v1, probe.v2", Some("probe.v1")),
        ("probe.v2,probe.v1", Some("probe.v2")),
        ("x", None),
    ] {
        let headers = [("Sec-WebSocket-Protocol", offered)];
        let mut raw = Raw::connect(&server);
        let (name, value) = headers[0];
        raw.write(handshake("/probe", &[&format!("{name}: {value}")]));
        let head = raw.head().to_lowercase();
        let expected = chosen.map(|name| format!("sec-websocket-protocol: {name}\r\n"));
        match expected {
            Some(line) => assert!(head.contains(&line), "{offered}: {head}"),
            None => assert!(!head.contains("sec-websocket-protocol"), "{head}"),
        }
    }
}

/// Libraries that take the name from a field of a form send the header with nothing in it.
#[test]
fn an_empty_list_of_subprotocols_offers_none() {
    let server = probe();
    for empty in ["", ",", " , "] {
        let mut raw = Raw::connect(&server);
        raw.write(handshake(
            "/probe",
            &[&format!("Sec-WebSocket-Protocol: {empty}")],
        ));
        let head = raw.head().to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{empty:?}: {head}");
        assert!(!head.contains("sec-websocket-protocol"), "{head}");
    }
}

#[test]
fn subprotocols_in_several_lines_are_one_list() {
    let server = probe();
    let lines = [
        "Sec-WebSocket-Protocol: x ,y",
        "sec-websocket-protocol: ,probe.v1,probe.v2",
    ];
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/probe", &lines));
    let head = raw.head().to_lowercase();
    assert!(
        head.contains("sec-websocket-protocol: probe.v1\r\n"),
        "{head}"
    );
    // Names are compared as they are, letter for letter.
    let mut raw = Raw::connect(&server);
    raw.write(handshake(
        "/probe",
        &["Sec-WebSocket-Protocol: PROBE.V1, probe"],
    ));
    let head = raw.head().to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
}

#[test]
fn a_plugin_chooses_the_subprotocol_itself() {
    let server = probe();
    let offered = [("Sec-WebSocket-Protocol", "probe.v1, probe.v2")];
    let client = Client::connect_with(&server, "/probe?subprotocol=probe.v2", &offered);
    let client = client.expect("it is admitted");
    assert_eq!(client.subprotocol.as_deref(), Some("probe.v2"));
    // RFC 6455 section 4.2.2: only what the client offered may be chosen.
    let path = "/probe?subprotocol=probe.v3";
    let line = "Sec-WebSocket-Protocol: probe.v1, probe.v2";
    let (status, ..) = Raw::answer(&server, handshake(path, &[line]));
    assert_eq!(status, 500);
    server.wait_for_log(&["WARN", "on_upgrade failed: ", "did not offer", "probe.v3"]);
}

#[test]
fn on_open_reads_the_whole_request() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    let lines = ["X-Mixed-Case: a, b", "x-mixed-case: c", "Cookie: id=5"];
    let head = handshake("/probe?one=1&two=%20", &lines);
    raw.write(head.replace("example.org", "localhost"));
    raw.head();
    raw.write(tests::frame(tests::TEXT, b"request"));
    let (_, answer) = raw.frame();
    let answer = String::from_utf8(answer).expect("it is text");
    let peer = format!("peer=127.0.0.1:{} address=127.0.0.1 ", raw.port());
    for part in [
        "method=GET path=/probe query=Some(\"one=1&two=%20\") ",
        &peer,
        "inside=true",
        "Host=localhost",
        "X-Mixed-Case=a, b",
        "x-mixed-case=c",
        "Cookie=id=5",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}

#[test]
fn the_address_of_the_client_is_what_a_proxy_on_this_machine_says() {
    let server = probe();
    let headers = [("X-Forwarded-For", "203.0.113.66, 198.51.100.7")];
    let client = Client::connect_with(&server, "/probe", &headers);
    let mut client = client.expect("it is admitted");
    client.send("request");
    let answer = client.text();
    assert!(
        answer.contains(" address=198.51.100.7 inside=false "),
        "{answer}"
    );
}

#[test]
fn what_on_open_sends_comes_before_any_answer() {
    let server = probe();
    let mut client = Client::connect(&server, "/probe?hello");
    client.send("id");
    assert_eq!(client.text(), "hello");
    assert_eq!(client.text(), "1");
}
