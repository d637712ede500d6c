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
        assert!(head.contains("Connection: close\r\n"), "{head}");
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
