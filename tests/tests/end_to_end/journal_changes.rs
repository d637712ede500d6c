//! Settings and code change under those who listen to what is kept: none misses anything, none hears anything twice, and
//! what a change lets go is told.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tests::{Client, Events, Raw, Server, Setup, wait_until};

const TOPIC: &str = "/push/news";

fn configuration(journal: &str) -> String {
    format!(
        "[[route]]\npath = [\"/push\", \"/push/{{topic}}\"]\nplugin = \"push\"\n[route.journal]\n{journal}"
    )
}

fn start(journal: &str) -> Server {
    let setup = Setup::new().plugins(&["push"]);
    setup.configuration(&configuration(journal)).start()
}

fn post(server: &Server, path: &str, text: &str) -> (u16, String) {
    let length = text.len();
    let head = "Host: localhost\r\nContent-Type: text/plain\r\n";
    let post = format!("POST {path} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{text}");
    let (status, _, body) = Raw::answer(server, post);
    (status, body)
}

/// Publishes and gives the position.
#[track_caller]
fn publish(server: &Server, text: &str) -> String {
    let (status, body) = post(server, TOPIC, text);
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    answer["position"].as_str().expect("a position").to_owned()
}

/// What is kept behind a position, and why something of it is missing.
#[track_caller]
fn past(server: &Server, since: &str) -> (Vec<String>, Option<String>) {
    let get = format!(
        "GET {TOPIC}?since={since} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
    );
    let (status, _, body) = Raw::answer(server, get);
    assert_eq!(status, 200, "{body}");
    let past: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let messages = past["messages"].as_array().expect("a list").iter();
    let texts = messages.map(|of| of["text"].as_str().expect("a text").to_owned());
    (texts.collect(), past["gap"].as_str().map(str::to_owned))
}

#[test]
fn code_is_replaced_under_busy_event_streams_and_none_misses_or_hears_twice() {
    const SWAPS: usize = 5;
    let server = start("");
    let begin = publish(&server, "0");
    // Half are there from the beginning, half come back to it in the middle of it all.
    let mut streams: Vec<_> = (0..5)
        .map(|_| Events::open(&server, TOPIC, &[&format!("Last-Event-ID: {begin}")]))
        .collect();
    let (is_over, published) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut library = fs::read(server.plugin_file("libpush.so")).expect("it is there");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let number = published.load(Ordering::Relaxed) + 1;
                publish(&server, &number.to_string());
                published.store(number, Ordering::Relaxed);
            }
        });
        for swap in 1..=SWAPS {
            wait_until("more is said", || {
                published.load(Ordering::Relaxed) >= 20 * swap
            });
            library.push(0);
            server.put_plugin("libpush.so", &library);
            let line = server.reload();
            assert!(line.contains("code of route /push"), "{line}");
            let comes_back = &[&*format!("Last-Event-ID: {begin}")];
            streams.push(Events::open(&server, TOPIC, comes_back));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let count = published.load(Ordering::Relaxed);
    for stream in &mut streams {
        for number in 1..=count {
            assert_eq!(stream.text(), number.to_string());
        }
    }
    publish(&server, "the end");
    for stream in &mut streams {
        assert_eq!(stream.text(), "the end");
    }
}

#[test]
fn a_file_begins_changes_and_ends_at_a_reload_and_who_listens_goes_on() {
    let server = start("");
    let mut listener = Client::connect(&server, TOPIC);
    let in_memory = publish(&server, "in memory");
    assert_eq!(listener.text(), "in memory");
    let reload = |journal: &str| {
        let done = server.reload_with(&configuration(journal));
        assert!(done.contains("route /push"), "{done}");
    };
    reload("file = \"one.journal\"\n");
    assert_eq!(
        past(&server, &in_memory),
        (vec![], Some("other-epoch".to_owned()))
    );
    let (status, body) = post(&server, "/push/news?durable", "in one");
    assert_eq!(status, 200, "{body}");
    assert_eq!(listener.text(), "in one");
    let in_one = publish(&server, "in one too");
    assert_eq!(listener.text(), "in one too");

    reload("file = \"two.journal\"\n");
    assert_eq!(past(&server, &in_one).1.as_deref(), Some("other-epoch"));
    publish(&server, "in two");
    assert_eq!(listener.text(), "in two");
    assert_eq!(past(&server, "all"), (vec!["in two".to_owned()], None));

    reload("file = \"one.journal\"\n");
    assert_eq!(
        past(&server, "all").0,
        ["in one", "in one too"],
        "it is as it was left"
    );
    assert_eq!(past(&server, &in_one), (vec![], None));
    publish(&server, "in one again");
    assert_eq!(
        past(&server, &in_one),
        (vec!["in one again".to_owned()], None)
    );
    assert_eq!(listener.text(), "in one again");

    reload("");
    assert_eq!(post(&server, "/push/news?durable", "x").0, 501);
    publish(&server, "in memory again");
    assert_eq!(listener.text(), "in memory again");
    assert_eq!(past(&server, "all").0, ["in memory again"]);
}

#[test]
fn an_age_holds_at_a_reload_in_memory_and_in_a_file() {
    for file in ["", "file = \"push.journal\"\n"] {
        let server = start(file);
        let before = publish(&server, "old");
        publish(&server, "older than a moment");
        assert_eq!(past(&server, &before).0.len(), 1);
        let done = server.reload_with(&configuration(&format!("{file}age = \"1ms\"\n")));
        assert!(done.contains("route /push"), "{done}");
        wait_until("what is too old is let go, and told", || {
            past(&server, &before) == (vec![], Some("too-old".to_owned()))
        });
        assert!(past(&server, "all").0.is_empty());
        server.reload_with(&configuration(&format!("{file}age = \"1h\"\n")));
        let kept = publish(&server, "kept again");
        publish(&server, "and again");
        assert_eq!(past(&server, &kept), (vec!["and again".to_owned()], None));
    }
}
