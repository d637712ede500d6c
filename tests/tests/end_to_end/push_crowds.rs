//! Crowds on `push`: of topics, and of those who wait for a message. What they cost is bounded, what goes is told, and
//! who finds no room is told so.
//!
//! A tenth of it by default; `DETENT_LONG=1` makes it 10,000 topics and 10,000 who wait.

use serde_json::Value;
use tests::{ADMIN, Admin, Client, Raw, Server, Setup, frame, need_open_files, wait_until};

const TOPICS_MAX: usize = 50;
const MESSAGE_BYTES: usize = 1024;
/// What a topic's one message counts beside its bytes: the head of its frame is one of them.
const ENTRY_BYTES: usize = 64 + 4;
/// Topics that one client may name.
const NAMED_MOST: usize = 64;
const ROUTE: &str =
    "[[route]]\npath = [\"/push\", \"/push/{topic}\"]\nplugin = \"push\"\n[route.journal]\n";

fn crowd() -> usize {
    match std::env::var_os("DETENT_LONG") {
        Some(_) => 10_000,
        None => 1_000,
    }
}

fn start(journal: &str, limits: &str) -> Server {
    let setup = Setup::new().plugins(&["push"]);
    let settings = format!("[log]\nlevel = \"warn\"\n{limits}{ADMIN}{ROUTE}{journal}");
    setup.configuration(&settings).start()
}

fn get(path: &str, accept: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n")
}

#[track_caller]
fn past(server: &Server, path: &str) -> Value {
    let (status, _, body) = Raw::answer(server, get(path, "application/json"));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Publishes one message on each topic, on connections that are kept; the positions.
fn publish(server: &Server, topics: impl Iterator<Item = usize>) -> Vec<String> {
    let message = "x".repeat(MESSAGE_BYTES);
    let head = format!("Content-Type: text/plain\r\nContent-Length: {MESSAGE_BYTES}");
    let mut raw = Raw::connect(server);
    let mut positions = Vec::new();
    for topic in topics {
        let line = format!("POST /push/topic-{topic} HTTP/1.1\r\nHost: localhost");
        raw.write(format!("{line}\r\n{head}\r\n\r\n{message}"));
        let (status, head, body) = raw.response();
        assert_eq!(status, 200, "{body}");
        if head.to_lowercase().contains("connection: close") {
            raw = Raw::connect(server);
        }
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        positions.push(answer["position"].as_str().expect("a position").to_owned());
    }
    positions
}

fn figure(admin: &Admin, name: &str) -> f64 {
    let of_push = format!("detent_journal_{name}{{plugin=\"push\",route=\"/push\"}}");
    let other = format!("detent_journal_{name}{{route=\"/push\",plugin=\"push\"}}");
    let found = admin.metric(&of_push).or_else(|| admin.metric(&other));
    found.expect("there is such a figure")
}

/// Cause: a script that takes a number for a topic each time makes topics without end.
fn a_crowd_of_topics(journal: &str) {
    let server = start(&format!("topics_max = {TOPICS_MAX}\n{journal}"), "");
    let admin = Admin::of(&server);
    let warm = publish(&server, 0..2 * TOPICS_MAX);
    let before = server.resident_kib();
    let count = crowd();
    let positions = publish(&server, 0..count);
    let (topics, bytes) = (figure(&admin, "topics"), figure(&admin, "bytes"));
    assert!(topics <= TOPICS_MAX as f64, "{topics} topics");
    let most = TOPICS_MAX * (MESSAGE_BYTES + ENTRY_BYTES);
    assert!(
        bytes <= most as f64,
        "{bytes} bytes are kept, and at most {most}"
    );
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1024, "grown by {grown} KiB");
    // Who has heard all of a topic misses nothing; who has not is told, and who is of the last gets all.
    for (since, topic, gap, messages) in [
        (&positions[0], 0, Value::Null, 0),
        (&warm[0], 0, "too-old".into(), 0),
        (&positions[count - 2], count - 1, Value::Null, 1),
    ] {
        let past = past(&server, &format!("/push/topic-{topic}?since={since}"));
        assert_eq!(past["gap"], gap, "topic {topic} since {since}");
        assert_eq!(past["messages"].as_array().map(Vec::len), Some(messages));
    }
    // Nothing begins because somebody asks for it.
    for topic in 0..100 {
        past(&server, &format!("/push/nobody-{topic}?since=all"));
    }
    assert!(figure(&admin, "topics") <= topics);
}

#[test]
fn a_crowd_of_topics_in_memory_takes_what_topics_max_allows_and_what_went_is_told() {
    a_crowd_of_topics("");
}

#[test]
fn so_it_is_with_a_crowd_of_topics_in_a_file() {
    a_crowd_of_topics("file = \"push.journal\"\n");
}

#[test]
fn a_crowd_of_topics_that_are_listened_to_makes_no_long_page_and_leaves_nothing() {
    let count = crowd();
    let server = start("", "");
    let page_bytes = || {
        let (status, _, body) = Raw::answer(&server, get("/push", "text/html"));
        assert_eq!(status, 200);
        body.len()
    };
    let listeners = |first: usize| -> Vec<Raw> {
        let clients = (first..first + count).step_by(NAMED_MOST).map(|at| {
            let names = (at..at + NAMED_MOST).map(|topic| format!("topic=t{topic}"));
            let names: Vec<_> = names.collect();
            Raw::upgrade(&server, &format!("/push?{}", names.join("&")))
        });
        clients.collect()
    };
    let empty = page_bytes();
    drop(listeners(0));
    wait_until("all have gone", || page_bytes() == empty);
    let before = server.resident_kib();
    for round in 1..4 {
        let mut all = listeners(round * count);
        let topic = (round + 1) * count - 1;
        publish(&server, std::iter::once(topic));
        let shown = page_bytes() - empty;
        assert!(shown < 16 * 1024, "{shown} bytes of topics");
        // The last of them hears what is said on the last topic.
        let path = format!("/push/t{topic}");
        let (status, _, body) = Raw::answer(
            &server,
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"),
        );
        assert_eq!(status, 200, "{body}");
        let last = all.last_mut().expect("there is one");
        assert_eq!(last.frame(), (tests::BINARY, b"hi".to_vec()));
        for client in &mut all {
            client.write(frame(tests::CLOSE, &1000_u16.to_be_bytes()));
        }
        drop(all);
        wait_until("all have gone", || page_bytes() == empty);
    }
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1024, "grown by {grown} KiB");
}

#[test]
fn a_crowd_that_waits_is_answered_by_one_message_and_who_finds_no_place_is_told_so() {
    let count = crowd();
    need_open_files(count as u64 + 500);
    let server = start(
        "bytes = \"1 MiB\"\n",
        &format!("[limits]\nconnections = {count}\n"),
    );
    let before = server.resident_kib();
    let wait = |topic: &str| {
        let mut raw = Raw::connect(&server);
        raw.write(get(
            &format!("/push/{topic}?since=now&wait=5m"),
            "application/json",
        ));
        raw
    };
    let mut waiting: Vec<Raw> = (0..count - 1).map(|_| wait("topic-7")).collect();
    let kind = "detent_clients{route=\"/push\",kind=\"poll\"}";
    let admin = Admin::of(&server);
    wait_until("all wait", || {
        admin.metric(kind) == Some((count - 1) as f64)
    });
    // The last place is that of who speaks.
    let mut speaker = Client::connect(&server, "/push/topic-7");
    let mut late = wait("topic-7");
    let (status, head, body) = late.response();
    assert_eq!(status, 503, "{head}{body}");
    assert_eq!(body, format!("all {count} connections are taken\n"));
    let kib_each = server.resident_kib().saturating_sub(before) / count as u64;
    assert!(kib_each < 64, "{kib_each} KiB each");
    let message = "x".repeat(MESSAGE_BYTES);
    speaker.send(&message);
    for raw in &mut waiting {
        let (status, _, body) = raw.response();
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(answer["messages"][0]["text"], *message);
        assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1));
    }
    drop(waiting);
    wait_until("nobody waits", || admin.metric(kind).unwrap_or(0.0) == 0.0);
    // Their answer is bounded, however much is kept.
    publish(&server, std::iter::repeat_n(8, 900));
    let mut raw = Raw::connect(&server);
    raw.write(get("/push/topic-8?since=all&wait=5m", "application/json"));
    let (status, _, body) = raw.response();
    assert_eq!(status, 200);
    assert!(body.len() < 128 * 1024, "{} bytes", body.len());
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["more"], true);
}
