//! Events of a route as requests to a page, under the real server: what the page answers is done, and what it does wrong is
//! the matter of one client. `examples` has it with a page in PHP.

use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};
use tests::page::{Page, response};
use tests::{Client, Server, Setup, wait_until};

fn start(url: &str, more: &str) -> Server {
    let route = format!(
        "[[route]]\npath = \"/room\"\nplugin = \"forward\"\n[route.options]\nurl = \"{url}\"\n{more}"
    );
    Setup::new()
        .plugins(&["forward"])
        .configuration(&route)
        .start()
}

fn ok(answer: &Value) -> String {
    response("200 OK", &answer.to_string())
}

/// Answers each text with itself, and each newcomer with nothing.
fn echo(event: &Value) -> String {
    match event["text"].as_str() {
        Some(text) => ok(&json!({ "send": text })),
        None => response("204 No Content", ""),
    }
}

/// Each text is an answer itself.
fn obey(event: &Value) -> String {
    response("200 OK", event["text"].as_str().unwrap_or_default())
}

#[test]
fn what_the_page_says_is_done_for_all_whom_it_concerns() {
    let page = Page::start(obey);
    let server = start(&page.url(), "");
    let (mut ann, mut bob) = (
        Client::connect(&server, "/room"),
        Client::connect(&server, "/room"),
    );
    ann.send(
        r#"{"join": ["tea", "milk"], "send": ["one", {"base64": "AP8="}], "state": {"seen": 1}}"#,
    );
    assert_eq!((ann.text(), ann.binary()), ("one".to_owned(), vec![0, 255]));
    let to_tea = json!({ "topic": "tea", "text": "to tea" });
    bob.send(&json!({ "publish": [to_tea, { "text": "to all", "except": true }] }).to_string());
    assert_eq!([ann.text(), ann.text()], ["to tea", "to all"]);
    ann.send(r#"{"leave": "tea", "send": "left"}"#);
    assert_eq!(ann.text(), "left");
    bob.send(&json!({ "publish": to_tea, "send": "said" }).to_string());
    assert_eq!(bob.text(), "said");
    ann.send(r#"{"send": "last", "close": {"code": 4001, "reason": "enough"}}"#);
    assert_eq!(ann.text(), "last");
    assert_eq!(ann.closed(), (4001, "enough".to_owned()));
    wait_until("the page is told of the end", || {
        let events = page.asked().events;
        let end = json!({ "event": "close", "client": 1, "state": { "seen": 1 }, "code": 4001, "reason": "enough" });
        events.contains(&end)
    });
    let events = page.asked().events;
    let of_ann = |event: &&Value| event["client"] == 1 && event["event"] == "message";
    let states: Vec<&Value> = events
        .iter()
        .filter(of_ann)
        .map(|event| &event["state"])
        .collect();
    assert_eq!(
        states,
        [&json!(null), &json!({ "seen": 1 }), &json!({ "seen": 1 })]
    );
}

#[test]
fn each_client_keeps_one_connection_to_the_page() {
    let page = Page::start(echo);
    let server = start(&page.url(), "");
    let mut clients: Vec<_> = (0..5).map(|_| Client::connect(&server, "/room")).collect();
    for round in 0..10 {
        for client in &mut clients {
            client.send(&format!("round {round}"));
        }
        for client in &mut clients {
            assert_eq!(client.text(), format!("round {round}"));
        }
    }
    assert_eq!(page.asked().connections, 5);
}

#[test]
fn a_page_that_takes_long_holds_up_that_client_alone() {
    let (go, held) = sync_channel::<()>(1);
    let held = Mutex::new(held);
    let page = Page::start(move |event| {
        if event["text"] == "slow" {
            // An error means that the test is over.
            held.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv()
                .ok();
        }
        echo(event)
    });
    let server = start(&page.url(), "timeout = 300\n");
    let (mut ann, mut bob) = (
        Client::connect(&server, "/room"),
        Client::connect(&server, "/room"),
    );
    ann.send("slow");
    ann.send("behind it");
    wait_until("the page has it", || page.asked().now == 1);
    for number in 0..100 {
        bob.send(&number.to_string());
        assert_eq!(bob.text(), number.to_string());
    }
    assert_eq!(page.asked().now, 1);
    go.send(()).expect("the page waits");
    assert_eq!([ann.text(), ann.text()], ["slow", "behind it"]);
}

#[test]
fn the_page_is_asked_by_no_more_at_once_than_it_may() {
    let page = Page::start(|event| {
        // The others are to come meanwhile.
        thread::yield_now();
        echo(event)
    });
    let server = start(&page.url(), "requests_max = 2\ntimeout = 60\n");
    let mut clients: Vec<_> = (0..12).map(|_| Client::connect(&server, "/room")).collect();
    for round in 0..20 {
        for client in &mut clients {
            client.send(&format!("{round}"));
        }
        for client in &mut clients {
            assert_eq!(client.text(), format!("{round}"));
        }
    }
    let busiest = page.asked().busiest;
    assert!(busiest <= 2, "{busiest} at once");
}

#[test]
fn an_answer_that_is_none_ends_its_client_and_is_in_the_log() {
    let page = Page::start(|event| match event["text"].as_str() {
        Some("500") => response("500 Internal Server Error", "oops"),
        Some("302") => response("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
        Some("garbage") => response("200 OK", "<html>"),
        Some("unknown") => ok(&json!({ "shout": "hey" })),
        Some("huge") => response("200 OK", &"x".repeat(300_000)),
        Some("no http") => "what?\r\n\r\n".to_owned(),
        Some("code") => ok(&json!({ "close": { "code": 1005 } })),
        Some("topic") => ok(&json!({ "join": "" })),
        Some("half") => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{".to_owned(),
        _ => echo(event),
    });
    let server = start(&page.url(), "timeout = 1\n");
    let mut other = Client::connect(&server, "/room");
    for (wrong, why) in [
        ("500", "the page answers 500"),
        ("302", "the page answers 302"),
        ("garbage", "the page's answer is not understood"),
        ("unknown", "unknown field `shout`"),
        ("huge", "the page does not answer"),
        ("no http", "the page does not answer"),
        ("code", "close code 1005 may not be sent"),
        ("topic", "a topic has 1 to 255 bytes"),
        ("half", "the page does not answer"),
    ] {
        let before = server.count_log(&["on_message failed: ", why]);
        let mut client = Client::connect(&server, "/room");
        client.send(wrong);
        assert_eq!(
            client.closed(),
            (1011, "the plugin failed".to_owned()),
            "{wrong}"
        );
        wait_until(wrong, || {
            server.count_log(&["on_message failed: ", why]) == before + 1
        });
        other.send("here");
        assert_eq!(other.text(), "here");
    }
}

#[test]
fn where_there_is_no_page_nobody_is_let_in_until_there_is_one() {
    // Bound and not listened to: whoever connects there is refused, and nobody else can take the port.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("a free port");
    let address = socket.local_addr().ok().and_then(|of| of.as_socket());
    let nowhere = format!("http://{}/", address.expect("it is bound"));
    let admit = "events = [\"admit\", \"open\", \"message\"]\n";
    let server = start(&nowhere, admit);
    let refused = Client::connect_with(&server, "/room", &[]).expect_err("nobody answers");
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (502, "the page behind this route does not answer\n")
    );
    server.wait_for_log(&["WARN", "/room: the page does not answer: "]);
    let page = Page::start(|event| match event["query"]["nick"].as_str() {
        None if event["event"] == "admit" => response("403 Forbidden", "say ?nick="),
        _ => echo(event),
    });
    let route = format!(
        "[[route]]\npath = \"/room\"\nplugin = \"forward\"\n[route.options]\nurl = \"{}\"\n{admit}",
        page.url()
    );
    server.reload_with(&route);
    let refused = Client::connect_with(&server, "/room", &[]).expect_err("it has no name");
    assert_eq!((refused.status, refused.body.as_str()), (403, "say ?nick="));
    let mut ann = Client::connect(&server, "/room?nick=ann");
    ann.send("hello");
    assert_eq!(ann.text(), "hello");
}

#[test]
fn a_page_that_never_answers_is_given_up_and_delays_no_stop() {
    let (go, held) = sync_channel::<()>(0);
    let held = Mutex::new(held);
    let page = Page::start(move |event| {
        if event["text"] == "never" {
            // Until the test is over.
            held.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv()
                .ok();
        }
        echo(event)
    });
    let mut server = start(&page.url(), "timeout = 1\n");
    let mut ann = Client::connect(&server, "/room");
    ann.send("never");
    assert_eq!(ann.closed(), (1011, "the plugin failed".to_owned()));
    server.wait_for_log(&["the page does not answer: ", "timeout"]);
    let mut bob = Client::connect(&server, "/room");
    bob.send("never");
    wait_until("the page has it", || page.asked().now == 2);
    server.stop();
    drop(go);
}
