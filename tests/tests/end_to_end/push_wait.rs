//! Who asks for what is kept may wait for the next message: it is a client whose answer ends with that.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Admin, Client, Raw, Server, Setup, library, wait_until};

const ROUTE: &str = "[[route]]\npath = [\"/push\", \"/push/{topic}\"]\nplugin = \"push\"\n";

fn start() -> Server {
    Setup::new().plugins(&["push"]).start()
}

fn ask(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n")
}

/// Waits on a connection of its own.
#[track_caller]
fn poll(server: &Server, target: &str) -> Raw {
    let mut raw = Raw::connect(server);
    raw.write(ask(target));
    raw
}

#[track_caller]
fn answer(raw: &mut Raw) -> (String, Value) {
    let (status, head, body) = raw.response();
    assert_eq!(status, 200, "{head}{body}");
    (head, serde_json::from_str(&body).expect("JSON"))
}

/// Publishes and gives the position and how many listen.
#[track_caller]
fn publish(server: &Server, path: &str, kind: &str, body: &[u8]) -> (String, u64) {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    let request = [head.as_bytes(), body].concat();
    let (status, _, body) = Raw::answer(server, request);
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let position = answer["position"].as_str().expect("a position");
    (
        position.to_owned(),
        answer["clients"].as_u64().expect("a number"),
    )
}

#[track_caller]
fn say(server: &Server, path: &str, text: &str) -> String {
    publish(server, path, "text/plain", text.as_bytes()).0
}

/// Waits until so many listen to a topic, as the page tells insiders.
#[track_caller]
fn await_listeners(server: &Server, topic: &str, count: u64) {
    let page = ask("/push").replace("application/json", "text/html");
    let entry = format!("[\"{topic}\",");
    wait_until("so many listen", || {
        let (_, _, body) = Raw::answer(server, &page);
        match count {
            0 => !body.contains(&entry),
            count => body.contains(&format!("{entry}{count}]")),
        }
    });
}

fn with_admin() -> Server {
    Admin::start(&["push"]).0
}

#[test]
fn the_next_message_is_the_answer_and_the_chain_of_polls_misses_nothing() {
    let server = start();
    let (_, _, first) = Raw::answer(&server, ask("/push/news"));
    let mut place: Value = serde_json::from_str(&first).expect("JSON");
    let mut heard: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..200 {
                say(&server, "/push/news", &number.to_string());
            }
        });
        while heard.len() < 200 {
            let since = place["next"].as_str().expect("where to go on").to_owned();
            let mut raw = poll(&server, &format!("/push/news?since={since}&wait=60s"));
            let (head, body) = answer(&mut raw);
            assert!(head.contains("application/json"), "{head}");
            assert!(head.to_lowercase().contains("connection: close"), "{head}");
            raw.assert_closed();
            assert_eq!(body["gap"], Value::Null);
            let messages = body["messages"].as_array().expect("a list");
            assert!(!messages.is_empty(), "it has waited for one");
            for message in messages {
                heard.push(message["text"].as_str().expect("text").to_owned());
            }
            place = body;
        }
    });
    let expected: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    assert_eq!(heard, expected);
}

#[test]
fn an_answer_that_was_waited_for_reads_like_one_that_was_not() {
    let server = with_admin();
    let mut waiting = poll(&server, "/push/shop?wait=60s");
    await_listeners(&server, "shop", 1);
    let (position, clients) = publish(&server, "/push/shop", "application/octet-stream", &[0, 255]);
    assert_eq!(clients, 1);
    let (_, waited) = answer(&mut waiting);
    let read = Raw::answer(&server, ask("/push/shop")).2;
    let read: Value = serde_json::from_str(&read).expect("JSON");
    assert_eq!(waited, read);
    assert_eq!(
        read,
        json!({"topic": "shop", "messages": [{"id": position, "base64": "AP8="}], "next": position, "more": false, "gap": null})
    );
    // What is there already is not waited for.
    let began = Instant::now();
    assert_eq!(answer(&mut poll(&server, "/push/shop?wait=60s")).1, read);
    let all = answer(&mut poll(&server, "/push/shop?since=all&wait=60s")).1;
    assert_eq!(all, read);
    assert!(began.elapsed() < Duration::from_secs(50));
    // On the topic that has no name of its own, and with what JSON has to escape.
    let mut home = poll(&server, "/push?since=now&wait=60s");
    await_listeners(&server, "/", 1);
    say(&server, "/push", "a \"b\"\n\\ \u{7f}\u{1}ü\u{2028}");
    let (_, body) = answer(&mut home);
    assert_eq!(body["topic"], "/");
    assert_eq!(
        body["messages"][0]["text"],
        "a \"b\"\n\\ \u{7f}\u{1}ü\u{2028}"
    );
}

#[test]
fn who_waits_in_vain_is_told_where_to_go_on() {
    let server = start();
    let first = say(&server, "/push/news", "first");
    let target = format!("/push/news?since={first}&wait=50ms");
    let (_, silent) = answer(&mut poll(&server, &target));
    assert_eq!(
        silent,
        json!({"topic": "news", "messages": [], "next": first, "more": false, "gap": null})
    );
    let (_, now) = answer(&mut poll(&server, "/push/news?since=now&wait=20ms"));
    assert_eq!(now["next"], first.as_str());
    let second = say(&server, "/push/news", "second");
    let since = silent["next"].as_str().expect("text");
    let (_, body) = answer(&mut poll(
        &server,
        &format!("/push/news?since={since}&wait=1m"),
    ));
    assert_eq!(body["messages"], json!([{"id": second, "text": "second"}]));
}

#[test]
fn what_cannot_be_had_is_answered_at_once() {
    let server = start();
    say(&server, "/push/news", "kept");
    for since in ["nothing-of-ours", "0000000000-0000000000001", "%00%ff"] {
        let (_, body) = answer(&mut poll(
            &server,
            &format!("/push/news?since={since}&wait=60s"),
        ));
        assert_eq!(body["gap"], "other-epoch", "{since}");
        assert_eq!(body["messages"], json!([]), "{since}");
        assert!(body["next"].is_string(), "{since}: {body}");
    }
}

#[test]
fn many_messages_come_in_answers_of_a_bounded_size() {
    let server = start();
    let text = "x".repeat(30_000);
    let first = say(&server, "/push/news", "first");
    for _ in 0..7 {
        say(&server, "/push/news", &text);
    }
    let (mut since, mut count) = (first, 0);
    loop {
        let (_, body) = answer(&mut poll(
            &server,
            &format!("/push/news?since={since}&wait=1m"),
        ));
        let messages = body["messages"].as_array().expect("a list");
        assert!((1..7).contains(&messages.len()), "{}", messages.len());
        count += messages.len();
        since = body["next"].as_str().expect("text").to_owned();
        if body["more"] == json!(false) {
            break;
        }
    }
    assert_eq!(count, 7);
}

#[test]
fn what_is_no_time_or_no_single_topic_is_refused() {
    let server = start();
    for (target, why) in [
        (
            "/push/news?wait=-1s",
            "`wait` is a time such as 25s, and 5m at most",
        ),
        (
            "/push/news?wait=6m",
            "`wait` is a time such as 25s, and 5m at most",
        ),
        ("/push/news?wait=99999999999999999999", "at most"),
        ("/push/news?wait=1s&wait=2s", "`wait` stands twice"),
        ("/push/news?topic=other&wait=1s", "one topic at a time"),
        ("/push?topic=%0a&wait=1s", "no control characters"),
    ] {
        let (status, _, body) = Raw::answer(&server, ask(target));
        assert_eq!(status, 400, "{target}: {body}");
        assert!(body.contains(why), "{target}: {body}");
    }
    let with_body = ask("/push/news?wait=1s").replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(Raw::answer(&server, with_body).0, 400);
    // HEAD and a time of nothing do not wait.
    let head = ask("/push/news?wait=60s").replace("GET ", "HEAD ");
    let mut raw = Raw::connect(&server);
    raw.write(head);
    assert!(raw.head().starts_with("HTTP/1.1 200"));
    raw.assert_kept();
    assert_eq!(Raw::answer(&server, ask("/push/news?wait=0s")).0, 200);
}

#[test]
fn who_may_not_listen_does_not_wait_either() {
    let server = Setup::new()
        .plugins(&["push"])
        .configuration(&format!("{ROUTE}[route.options]\nread = \"token\"\n"))
        .start();
    let outside =
        ask("/push/news?wait=60s").replace("\r\n\r\n", "\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    let (status, _, body) = Raw::answer(&server, outside);
    assert_eq!(status, 403, "{body}");
    let server = Setup::new()
        .plugins(&["push"])
        .configuration(&format!("{ROUTE}event_stream = false\n"))
        .start();
    let (status, _, body) = Raw::answer(&server, ask("/push/news?wait=60s"));
    assert_eq!(
        (status, body.contains("messages")),
        (200, true),
        "it is answered at once: {body}"
    );
}

#[test]
fn who_goes_away_meanwhile_is_gone() {
    let server = with_admin();
    let (mut one, two) = (
        poll(&server, "/push/news?wait=60s"),
        poll(&server, "/push/news?wait=60s"),
    );
    await_listeners(&server, "news", 2);
    two.reset();
    await_listeners(&server, "news", 1);
    let three = poll(&server, "/push/news?wait=60s");
    await_listeners(&server, "news", 2);
    three.end_writing();
    await_listeners(&server, "news", 1);
    assert_eq!(publish(&server, "/push/news", "text/plain", b"x").1, 1);
    assert_eq!(answer(&mut one).1["messages"][0]["text"], "x");
    await_listeners(&server, "news", 0);
}

#[test]
fn one_who_is_asked_to_go_is_told_why_and_the_stop_is_the_end_of_the_waiting() {
    let mut server = with_admin();
    let admin = Admin::of(&server);
    let mut kicked = poll(&server, "/push/news?wait=60s");
    await_listeners(&server, "news", 1);
    assert_eq!(admin.order("/kick?route=/push&reason=enough").0, 200);
    let (status, _, body) = kicked.response();
    assert_eq!((status, body.as_str()), (403, "enough\n"));
    kicked.assert_closed();

    let position = say(&server, "/push/news", "kept");
    let mut waiting = poll(&server, &format!("/push/news?since={position}&wait=5m"));
    await_listeners(&server, "news", 1);
    server.stop();
    assert_eq!(answer(&mut waiting).1["next"], position.as_str());
    waiting.assert_closed();
}

#[test]
fn a_hundred_who_wait_do_not_hold_up_a_swap_and_are_answered_after_it() {
    let server = with_admin();
    let mut waiting: Vec<_> = (0..100)
        .map(|_| poll(&server, "/push/news?wait=5m"))
        .collect();
    await_listeners(&server, "news", 100);
    let mut code = std::fs::read(library("push")).expect("it is built");
    for version in 0..3 {
        // What stands behind the segments is nobody's.
        code.push(version);
        server.put_plugin("libpush.so", &code);
        let line = server.reload();
        assert!(line.contains("code of route /push"), "{line}");
    }
    await_listeners(&server, "news", 100);
    let (position, clients) = publish(&server, "/push/news", "text/plain", b"after the swap");
    assert_eq!(clients, 100);
    for raw in &mut waiting {
        let (_, body) = answer(raw);
        assert_eq!(
            body["messages"],
            json!([{"id": position, "text": "after the swap"}])
        );
        raw.assert_closed();
    }
    await_listeners(&server, "news", 0);
}

/// A WebSocket, an event stream and one who waits are clients of one topic.
#[test]
fn a_mixed_room_hears_the_same() {
    let server = with_admin();
    let mut socket = Client::connect(&server, "/push/news");
    let mut events = tests::Events::open(&server, "/push/news", &[]);
    let mut waiting = poll(&server, "/push/news?wait=60s");
    await_listeners(&server, "news", 3);
    let admin = Admin::of(&server);
    for kind in ["websocket", "event stream", "poll"] {
        let metric = format!("detent_clients{{route=\"/push\",kind=\"{kind}\"}}");
        assert_eq!(admin.metric(&metric), Some(1.0), "{kind}");
    }
    let listed = admin.json("/clients?route=/push").to_string();
    assert!(listed.contains("\"poll\""), "{listed}");
    let (position, clients) = publish(&server, "/push/news", "text/plain", b"hello");
    assert_eq!(clients, 3);
    assert_eq!(socket.text(), "hello");
    let event = events.event().expect("it goes on");
    assert_eq!(
        (event.data.as_str(), event.id.as_ref()),
        ("hello", Some(&position))
    );
    assert_eq!(
        answer(&mut waiting).1["messages"],
        json!([{"id": position, "text": "hello"}])
    );
}
