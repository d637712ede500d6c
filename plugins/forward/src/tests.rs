use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use plugin_api::testing::{Ask, Route, Setup};
use serde_json::{Value, json};

use super::Forward;

/// A page that answers what a test has put there, and keeps what it was asked.
#[derive(Clone)]
struct Page {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    answers: VecDeque<String>,
    asked: Vec<(String, Value)>,
    connections: usize,
}

impl Page {
    fn start() -> Page {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::<Mutex<Shared>>::default();
        let page = Page { address, shared };
        let of_thread = page.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let page = of_thread.clone();
                page.lock().connections += 1;
                thread::spawn(move || while page.serve(&stream).is_some() {});
            }
        });
        page
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("nobody panics with it")
    }

    /// One request; none at the end of the connection.
    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let (head, length) = loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).ok().filter(|&count| count > 0)?;
            bytes.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1)?;
            let length: usize = length.split("\r\n").next()?.parse().ok()?;
            if body.len() >= length {
                break (head, length);
            }
        };
        let body = &bytes[bytes.len() - length..];
        let event = serde_json::from_slice(body).ok()?;
        let answer = {
            let mut shared = self.lock();
            shared.asked.push((head, event));
            shared.answers.pop_front()
        };
        let answer = answer.unwrap_or_else(|| ok(""));
        stream.write_all(answer.as_bytes()).ok()
    }

    fn answers(&self, answer: impl Into<String>) {
        self.lock().answers.push_back(answer.into());
    }

    fn asked(&self) -> Vec<Value> {
        self.lock()
            .asked
            .iter()
            .map(|(_, event)| event.clone())
            .collect()
    }

    fn setup(&self) -> Setup {
        let url = format!("http://{}/room.php", self.address);
        Route::of::<Forward>().option("url", url)
    }
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn ok(body: &str) -> String {
    answer("200 OK", body)
}

#[test]
fn each_event_is_asked_in_its_order_on_one_connection() {
    let page = Page::start();
    let route = page
        .setup()
        .option("headers", json!({ "X-Secret": "hush" }))
        .start();
    page.answers(ok(r#"{"state": {"name": "ann"}}"#));
    let ask = Ask::get("/forward?room=4&x=a%20b")
        .cookie("login", "abc")
        .from("192.0.2.7");
    let client = route.connect(ask);
    client.send("hello");
    client.send(&b"\xff"[..]);
    client.close(1000, "bye");
    let id = client.id().get();
    let state = json!({ "name": "ann" });
    let expected = [
        json!({
            "event": "open", "client": id, "path": "/forward", "query": { "room": "4", "x": "a b" },
            "cookies": { "login": "abc" }, "address": "192.0.2.7", "inside": false,
        }),
        json!({ "event": "message", "client": id, "state": state, "text": "hello" }),
        json!({ "event": "message", "client": id, "state": state, "base64": "/w==" }),
        json!({ "event": "close", "client": id, "state": state, "code": 1000, "reason": "bye" }),
    ];
    assert_eq!(page.asked(), expected);
    let shared = page.lock();
    assert_eq!(shared.connections, 1, "one connection is kept");
    let has_secret = |(head, _): &(String, Value)| head.contains("x-secret: hush");
    assert!(shared.asked.iter().all(has_secret));
}

#[test]
fn the_answer_is_done() {
    let page = Page::start();
    let route = page.setup().start();
    page.answers(ok(r#"{"join": ["a", "b"], "send": "welcome"}"#));
    let ann = route.connect("/forward");
    page.answers(ok(r#"{"join": "a"}"#));
    let bob = route.connect("/forward");
    assert_eq!(ann.text(), "welcome");
    assert_eq!(route.members("a").len(), 2);
    page.answers(ok(
        r#"{"leave": "b", "send": ["one", {"base64": "AP8="}], "publish": [
            {"topic": "a", "text": "to both"}, {"topic": "a", "text": "to others", "except": true},
            {"base64": "AQ=="}]}"#,
    ));
    ann.send("x");
    assert_eq!(ann.text(), "one");
    assert_eq!(ann.binary(), [0, 255]);
    assert_eq!(ann.text(), "to both");
    assert_eq!(ann.binary(), [1]);
    assert_eq!(
        (bob.text(), bob.text()),
        ("to both".into(), "to others".into())
    );
    assert_eq!(route.members("b").len(), 0);
    page.answers(ok(
        r#"{"send": "last", "close": {"code": 4001, "reason": "go"}}"#,
    ));
    bob.send("x");
    assert_eq!(bob.binary(), [1]);
    assert_eq!(bob.text(), "last");
    assert_eq!(bob.closed(), Some((4001, "go".to_owned())));
}

#[test]
fn the_page_says_who_is_let_in() {
    let page = Page::start();
    let events = ["admit", "message"];
    let route = page.setup().option("events", events).start();
    page.answers(answer("403 Forbidden", "not you\n"));
    let refused = route.try_connect("/forward").expect_err("it is refused");
    assert_eq!(
        (refused.status_code(), &*refused.body_text()),
        (403, "not you\n")
    );
    page.answers(answer(
        "500 Internal Server Error",
        "a trace that is nobody's business",
    ));
    let refused = route.try_connect("/forward").expect_err("it is refused");
    assert_eq!(refused.status_code(), 502);
    assert!(!refused.body_text().contains("trace"));
    page.answers(answer("204 No Content", ""));
    let client = route.connect("/forward");
    client.close(1000, "");
    let asked: Vec<_> = page
        .asked()
        .iter()
        .map(|event| event["event"].clone())
        .collect();
    assert_eq!(asked, ["admit", "admit", "admit"], "nothing else is asked");
}

#[test]
fn a_page_that_fails_closes_its_client() {
    for bad in [
        answer("500 Internal Server Error", ""),
        answer("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
        ok("<br />Warning: Undefined variable"),
        ok(r#"{"sned": "typo"}"#),
        ok(r#"{"publish": {"topic": "a"}}"#),
        ok(r#"{"send": {"base64": "?"}}"#),
        ok(r#"{"close": {"code": 1}}"#),
        ok(&format!(r#"{{"send": "{}"}}"#, "x".repeat(2000))),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        let page = Page::start();
        let route = page.setup().option("answer_bytes_max", 1000).start();
        let client = route.connect("/forward");
        page.answers(&*bad);
        client.send("x");
        let closed = client.closed();
        assert_eq!(closed.map(|(code, _)| code), Some(1011), "{bad}");
    }
}

#[test]
fn a_page_that_does_not_answer_is_waited_for_no_longer_than_it_may() {
    // It listens, and nobody accepts.
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", deaf.local_addr().expect("it is bound"));
    let setup = Route::of::<Forward>().option("url", &url);
    let setup = setup.option("events", ["message"]).option("timeout", 1);
    let route = setup.start();
    let client = route.connect("/forward");
    client.send("x");
    assert_eq!(client.closed().map(|(code, _)| code), Some(1011));
    let gone = Route::of::<Forward>()
        .option("url", "http://127.0.0.1:1/")
        .start();
    let refused = gone.connect("/forward");
    assert_eq!(refused.closed().map(|(code, _)| code), Some(1011));
}

#[test]
fn the_state_outlives_the_code() {
    let page = Page::start();
    let route = page.setup().start();
    page.answers(ok(r#"{"state": 7}"#));
    let client = route.connect("/forward");
    route.replace_by_itself().expect("it is replaced");
    client.send("x");
    let asked = page.asked();
    assert_eq!(asked.last().expect("it was asked")["state"], 7);
    assert_eq!(asked.len(), 2, "it is not opened again");
}

#[test]
fn options_that_cannot_be_are_refused() {
    for (option, value, why) in [
        ("url", json!("https://example.org/"), "begins with http://"),
        ("url", json!("/room.php"), "begins with http://"),
        ("timeout", json!(0), "from 1 to 300"),
        ("requests_max", json!(0), "from 1 to 10000"),
        ("answer_bytes_max", json!(0), "from 1 to 16777216"),
        ("events", json!(["opened"]), "opened"),
        (
            "headers",
            json!({ "a b": "c" }),
            "a b may not stand in a request",
        ),
        ("method", json!("GET"), "method"),
    ] {
        let refused = Route::of::<Forward>().option(option, value).try_start();
        let refused = refused.expect_err("it is refused");
        assert!(refused.contains(why), "{refused}");
    }
    let unset = Route::of::<Forward>().start();
    let refused = unset.try_connect("/forward").expect_err("no page is set");
    assert_eq!(refused.status_code(), 503);
}
