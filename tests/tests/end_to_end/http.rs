//! Plain HTTP on a route's path goes to the plugin's `on_request`.

use tests::{Raw, Server, Setup};

fn probe() -> Server {
    Setup::new().plugins(&["probe"]).start()
}

fn request(method: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} /probe?x HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    )
}

#[test]
fn every_known_method_reaches_the_plugin_with_its_body() {
    let server = probe();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let (status, head, body) = Raw::answer(&server, request(method, "", "the body"));
        assert_eq!(status, 201, "{head}");
        assert!(head.contains("x-probe: answered\r\n"), "{head}");
        assert!(!head.contains("Connection: "), "{head}");
        assert_eq!(body, format!("{method} /probe the body"));
    }
}

#[test]
fn head_is_answered_without_the_body_but_with_its_length() {
    let (status, head, body) = Raw::answer(&probe(), request("HEAD", "", ""));
    assert_eq!((status, body.as_str()), (201, ""));
    let length = "HEAD /probe ".len();
    assert!(
        head.contains(&format!("Content-Length: {length}\r\n")),
        "{head}"
    );
}

#[test]
fn a_refusal_of_head_has_no_body_either() {
    let server = probe();
    for (lines, expected) in [("", 404), ("Content-Length: x\r\n", 400)] {
        let mut raw = Raw::connect(&server);
        raw.write(format!("HEAD /nope HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        let head = raw.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {expected} ")), "{head}");
        assert!(!head.contains("Content-Length: 0"), "{head}");
        if expected == 404 {
            raw.assert_kept();
        } else {
            raw.assert_closed();
        }
    }
}

#[test]
fn options_are_answered_where_the_plugin_does_not() {
    let server = Setup::new().plugins(&["probe", "echo"]).start();
    let all = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    for (target, allowed) in [("*", all), ("/echo", "GET, OPTIONS")] {
        let mut raw = Raw::connect(&server);
        raw.write(format!("OPTIONS {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let (status, head, _) = raw.response();
        assert_eq!(status, 204, "{head}");
        assert!(head.contains(&format!("allow: {allowed}\r\n")), "{head}");
        assert!(!head.contains("Content-"), "{head}");
        raw.assert_kept();
    }
    let (status, ..) = Raw::answer(&server, "OPTIONS /nope HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, 404);
}

#[test]
fn a_status_without_a_body_ends_with_its_head() {
    let server = probe();
    for status in [204, 304] {
        let mut raw = Raw::connect(&server);
        raw.write(format!(
            "GET /probe?status={status} HTTP/1.1\r\nHost: h\r\n\r\n"
        ));
        let head = raw.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(!head.contains("Content-"), "{head}");
        raw.assert_kept();
    }
}

#[test]
fn the_host_of_the_target_is_the_host() {
    let server = probe();
    let request = "POST http://target:8/probe HTTP/1.1\r\nHost: header\r\n";
    for (origin, expected) in [("http://target:8", 201), ("http://header", 403)] {
        let (status, ..) = Raw::answer(&server, format!("{request}Origin: {origin}\r\n\r\n"));
        assert_eq!(status, expected, "{origin}");
    }
}

#[test]
fn a_body_of_64_kib_is_served() {
    let sent = "x".repeat(65_536);
    let (status, _, body) = Raw::answer(&probe(), request("POST", "", &sent));
    assert_eq!(status, 201);
    assert!(body == format!("POST /probe {sent}"));
}

#[test]
fn a_page_elsewhere_may_read_but_not_change_anything() {
    let server = probe();
    let foreign = "Origin: https://evil.example\r\n";
    for (method, expected) in [("POST", 403), ("PUT", 403), ("DELETE", 403), ("GET", 201)] {
        let (status, ..) = Raw::answer(&server, request(method, foreign, ""));
        assert_eq!(status, expected, "{method}");
    }
    let own = "Origin: http://h\r\n";
    let (status, ..) = Raw::answer(&server, request("POST", own, ""));
    assert_eq!(status, 201);
}

#[test]
fn one_that_closes_its_sending_side_still_gets_its_answer() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    raw.write(request("POST", "", "last words"));
    raw.end_writing();
    assert!(raw.head().starts_with("HTTP/1.1 201 "));
    assert_eq!(raw.rest(), b"POST /probe last words");
}
