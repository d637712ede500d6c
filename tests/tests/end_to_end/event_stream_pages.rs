//! Which pages may listen by an event stream, and what lets their browser read it.

use tests::{Events, Raw, Server, Setup};

const LISTED: &str = "Origin: https://example.org";
const OTHER: &str = "Origin: https://evil.example";

fn start(origin: &str) -> Server {
    let setup = Setup::new().plugins(&["push"]);
    setup.arguments(&["--allow-origin", origin]).start()
}

fn ask(server: &Server, method: &str, lines: &[&str]) -> (u16, String) {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("{method} /push/a HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let (status, head, _) = Raw::answer(server, request);
    (status, head.to_lowercase())
}

#[test]
fn a_page_of_a_listed_origin_may_read_it_with_its_cookies() {
    let server = start("https://example.org");
    let head = Events::open(&server, "/push/a", &[LISTED])
        .head()
        .to_lowercase();
    assert!(
        head.contains("access-control-allow-origin: https://example.org\n"),
        "{head}"
    );
    assert!(
        head.contains("access-control-allow-credentials: true"),
        "{head}"
    );
    assert!(head.contains("vary: origin"), "{head}");
    let (status, _) = ask(&server, "GET", &["Accept: text/event-stream", OTHER]);
    assert_eq!(status, 403);
    // A page of our own asks without an Origin, and needs no leave.
    let head = Events::open(&server, "/push/a", &[]).head().to_lowercase();
    assert!(!head.contains("access-control"), "{head}");
}

#[test]
fn any_page_may_read_it_without_cookies_where_all_are_allowed() {
    let server = start("*");
    let head = Events::open(&server, "/push/a", &[OTHER])
        .head()
        .to_lowercase();
    assert!(head.contains("access-control-allow-origin: *\n"), "{head}");
    assert!(!head.contains("credentials"), "{head}");
}

#[test]
fn a_browser_that_asks_first_is_told_what_it_may_ask() {
    let server = start("https://example.org");
    let listen = [
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: authorization",
    ];
    let (status, head) = ask(&server, "OPTIONS", &[LISTED, listen[0], listen[1]]);
    assert_eq!(status, 204, "{head}");
    assert!(
        head.contains("access-control-allow-origin: https://example.org"),
        "{head}"
    );
    assert!(
        head.contains("access-control-allow-methods: get, head"),
        "{head}"
    );
    assert!(
        head.contains("access-control-allow-headers: authorization"),
        "{head}"
    );
    let (status, head) = ask(&server, "OPTIONS", &[OTHER, listen[0]]);
    assert_eq!(status, 403);
    assert!(!head.contains("access-control"), "{head}");
    // Nobody is ever told that it may publish from elsewhere.
    let (status, head) = ask(
        &server,
        "OPTIONS",
        &[LISTED, "Access-Control-Request-Method: POST"],
    );
    assert_eq!(status, 204);
    assert!(!head.contains("access-control"), "{head}");
}
