//! Who comes back gets what it has missed, and is told where it cannot have it.

use tests::{Client, Events, Raw, Server, Setup};

fn start(journal: &str) -> Server {
    let route = format!(
        "[[route]]\npath = [\"/push\", \"/push/{{topic}}\"]\nplugin = \"push\"\n[route.journal]\n{journal}"
    );
    Setup::new()
        .plugins(&["push"])
        .configuration(&route)
        .start()
}

/// Publishes and gives the position.
#[track_caller]
fn publish(server: &Server, topic: &str, text: &str) -> String {
    let length = text.len();
    let head = "Host: localhost\r\nContent-Type: text/plain\r\n";
    let post =
        format!("POST /push/{topic} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{text}");
    let (status, _, body) = Raw::answer(server, post);
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    answer["position"].as_str().expect("a position").to_owned()
}

fn past(server: &Server, path: &str) -> (u16, serde_json::Value) {
    let get = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
    let (status, _, body) = Raw::answer(server, get);
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[test]
fn a_stream_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let server = start("");
    let mut events = Events::open(&server, "/push/news", &[]);
    let positions: Vec<_> = (0..3)
        .map(|number| publish(&server, "news", &number.to_string()))
        .collect();
    for (number, position) in positions.iter().enumerate() {
        let event = events.event().expect("the stream goes on");
        assert_eq!(event.data, number.to_string());
        assert_eq!(
            event.id.as_ref(),
            Some(position),
            "the answer's position is the event's id"
        );
    }
    drop(events);
    for round in 0..5 {
        let from = 3 + round * 50;
        for number in from..from + 50 {
            publish(&server, "news", &number.to_string());
        }
        let last = match round {
            0 => positions[2].clone(),
            _ => past(&server, &format!("/push/news?since={}", 51)).1["messages"][0]["id"]
                .as_str()
                .expect("the one before")
                .to_owned(),
        };
        let header = format!("Last-Event-ID: {last}");
        // What the URL says is from the first time, and the header from now.
        let path = format!("/push/news?since={}", positions[0]);
        let mut again = Events::open(&server, &path, &[&header]);
        for number in from..from + 50 {
            assert_eq!(again.text(), number.to_string());
        }
        publish(&server, "other", "not here");
    }
}

#[test]
fn one_that_has_heard_nothing_yet_has_a_place_to_come_back_to() {
    let server = start("");
    publish(&server, "news", "before");
    let mut events = Events::open(&server, "/push/news", &[]);
    let mut socket = Client::connect(&server, "/push/news");
    publish(&server, "news", "first");
    assert_eq!(socket.text(), "first");
    assert_eq!(events.text(), "first");
    // As a browser that never saw `first`: it has the id that came with nothing.
    let mut silent = Events::open(&server, "/push/quiet", &[]);
    let again = Events::open(&server, "/push/quiet", &[]);
    publish(&server, "quiet", "now");
    assert_eq!(silent.text(), "now");
    drop(again);
    let mut fresh = Events::open(&server, "/push/empty", &["Last-Event-ID: "]);
    publish(&server, "empty", "one");
    let event = fresh.event().expect("it goes on");
    assert_eq!(event.data, "one");
}

#[test]
fn what_is_not_kept_any_more_is_told_and_not_replayed() {
    let server = start("messages = 2\n");
    let first = publish(&server, "news", "0");
    for number in 1..6 {
        publish(&server, "news", &number.to_string());
    }
    let mut events = Events::open(&server, "/push/news", &[&format!("Last-Event-ID: {first}")]);
    let gap = events.event().expect("the stream goes on");
    assert_eq!((gap.name.as_str(), gap.data.as_str()), ("gap", "too-old"));
    let next = publish(&server, "news", "live");
    assert_eq!(events.text(), "live");
    // The gap has moved the browser on: it is told once.
    let id = gap.id.expect("a place behind the gap");
    let mut again = Events::open(&server, "/push/news", &[&format!("Last-Event-ID: {id}")]);
    let event = again.event().expect("the stream goes on");
    assert_eq!((event.data.as_str(), event.id), ("live", Some(next)));

    let mut strange = Events::open(&server, "/push/news?since=nothing-of-ours", &[]);
    let gap = strange.event().expect("the stream goes on");
    assert_eq!(
        (gap.name.as_str(), gap.data.as_str()),
        ("gap", "other-epoch")
    );
    let several = format!("/push?topic=news&topic=other&since={id}");
    let mut several = Events::open(&server, &several, &[]);
    assert_eq!(several.event().expect("it goes on").name, "gap");

    let refused =
        Client::connect(&server, &format!("/push/news?since={first}")).closed_in_the_end();
    assert_eq!(refused, (4410, "gap: too-old".to_owned()));
}

#[test]
fn a_websocket_and_a_newcomer_say_from_where_on() {
    let server = start("");
    let positions: Vec<_> = (0..5)
        .map(|number| publish(&server, "news", &number.to_string()))
        .collect();
    for (since, expected) in [
        (positions[1].as_str(), &["2", "3", "4"][..]),
        ("2", &["3", "4"]),
        ("all", &["0", "1", "2", "3", "4"]),
        ("now", &[]),
    ] {
        let path = format!("/push/news?since={since}");
        let mut socket = Client::connect(&server, &path);
        let mut events = Events::open(&server, &path, &[]);
        publish(&server, "elsewhere", "x");
        for text in expected {
            assert_eq!(socket.text(), *text, "{since}");
            assert_eq!(events.text(), *text, "{since}");
        }
    }
}

#[test]
fn what_is_kept_can_be_read() {
    let server = start("");
    let (status, nothing) = past(&server, "/push/news");
    assert_eq!(
        (status, nothing["messages"].as_array().map(Vec::len)),
        (200, Some(0))
    );
    let next = nothing["next"].as_str().expect("where to go on");
    let position = publish(&server, "news", "one");
    let (_, one) = past(&server, &format!("/push/news?since={next}"));
    assert_eq!(
        one["messages"][0],
        serde_json::json!({ "id": position, "text": "one" })
    );
    assert_eq!(
        (&one["gap"], &one["more"]),
        (&serde_json::Value::Null, &false.into())
    );
    let (_, none) = past(
        &server,
        &format!("/push/news?since={}", one["next"].as_str().expect("text")),
    );
    assert_eq!(none["messages"], serde_json::json!([]));
    for number in 0..1001 {
        publish(&server, "many", &number.to_string());
    }
    let (_, strange) = past(&server, "/push/news?since=nothing-of-ours");
    assert_eq!(strange["gap"], "other-epoch");
    assert_eq!(past(&server, "/push?topic=a&topic=b").0, 400);
}
