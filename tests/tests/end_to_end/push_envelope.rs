//! Messages in envelopes, with position and topic: an encoding of its own, for WebSockets.

use serde_json::{Value, json};
use tests::{Client, Events, Raw, Server, Setup};

fn start(options: &str) -> Server {
    let route = format!(
        "[[route]]\npath = [\"/push\", \"/push/{{topic}}\"]\nplugin = \"push\"\n[route.options]\n{options}\n"
    );
    Setup::new()
        .plugins(&["push"])
        .configuration(&route)
        .start()
}

/// Publishes and gives the position.
#[track_caller]
fn publish(server: &Server, path: &str, kind: &str, body: &[u8]) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (status, _, body) = Raw::answer(server, [head.as_bytes(), body].concat());
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    answer["position"].as_str().expect("a position").to_owned()
}

#[track_caller]
fn envelope(client: &mut Client) -> Value {
    serde_json::from_str(&client.text()).expect("JSON")
}

/// Opens one, and reads where it begins.
#[track_caller]
fn open(server: &Server, path: &str) -> (Client, Value) {
    let mut client = Client::connect(server, path);
    let place = envelope(&mut client);
    (client, place)
}

#[test]
fn an_envelope_has_the_position_the_topic_and_what_was_said() {
    let server = start("");
    let (mut client, place) = open(&server, "/push/news?envelope=1");
    assert_eq!(
        (&place["topic"], &place["gap"]),
        (&json!("news"), &Value::Null)
    );
    let said = "a \"b\"\n\\ \u{7f}\u{1}ü\u{2028}";
    let position = publish(&server, "/push/news", "text/plain", said.as_bytes());
    assert_eq!(
        envelope(&mut client),
        json!({"id": position, "topic": "news", "data": said})
    );
    let bytes = publish(&server, "/push/news", "image/png", &[0, 255, 10]);
    assert_eq!(
        envelope(&mut client),
        json!({"id": bytes, "topic": "news", "base64": "AP8K"})
    );
    // Longer than a frame with a short length.
    let long = "x".repeat(65_536);
    publish(&server, "/push/news", "text/plain", long.as_bytes());
    assert_eq!(envelope(&mut client)["data"], long.as_str());
}

#[test]
fn several_topics_are_told_apart() {
    let server = start("envelope = true");
    let mut client = Client::connect(&server, "/push?topic=a&topic=%3Cb%3E");
    assert_eq!(envelope(&mut client)["topic"], "a");
    assert_eq!(envelope(&mut client)["topic"], "<b>");
    let position = publish(&server, "/push/%3Cb%3E", "text/plain", b"to b");
    assert_eq!(
        envelope(&mut client),
        json!({"id": position, "topic": "<b>", "data": "to b"})
    );
    let mut plain = Client::connect(&server, "/push/a?envelope=0");
    publish(&server, "/push/a", "text/plain", b"to a");
    assert_eq!(envelope(&mut client)["topic"], "a");
    assert_eq!(plain.text(), "to a");
}

#[test]
fn who_comes_back_with_the_last_position_misses_nothing_and_a_gap_is_told_in_band() {
    let server = start("envelope = true");
    let (client, place) = open(&server, "/push/news");
    drop(client);
    for number in 0..300 {
        publish(
            &server,
            "/push/news",
            "text/plain",
            number.to_string().as_bytes(),
        );
    }
    let mut since = place["id"].as_str().expect("a position").to_owned();
    let mut next = 0;
    for count in [1, 50, 249] {
        let (mut client, place) = open(&server, &format!("/push/news?since={since}"));
        assert_eq!((&place["id"], &place["gap"]), (&json!(since), &Value::Null));
        for _ in 0..count {
            let envelope = envelope(&mut client);
            assert_eq!(envelope["data"], next.to_string());
            since = envelope["id"].as_str().expect("a position").to_owned();
            next += 1;
        }
    }
    // Without an envelope it is closed instead, since nothing could tell it.
    let (mut client, place) = open(&server, "/push/news?since=of-another-server");
    assert_eq!(place["gap"], "other-epoch");
    publish(&server, "/push/news", "text/plain", b"live");
    assert_eq!(envelope(&mut client)["data"], "live");
    let refused = Client::connect(&server, "/push/news?envelope=0&since=of-another-server");
    let (mut refused, mut other) = (
        refused,
        Client::connect(&server, "/push/news?envelope=1&since=x&since=y"),
    );
    assert_eq!(refused.closed_in_the_end().0, 4410);
    assert_eq!(envelope(&mut other)["gap"], "other-epoch");
}

/// Frames, envelopes and events in one room, in which each who speaks leaves itself out.
#[test]
fn a_mixed_room_hears_the_same_in_the_same_order() {
    const ROUNDS: usize = 50;
    let server = start("");
    let mut events = Events::open(&server, "/push/news", &[]);
    let mut plain = Client::connect(&server, "/push/news");
    let (mut enveloped, _) = open(&server, "/push/news?envelope=1");
    let mut speakers: Vec<_> = (0..4)
        .map(|number| {
            let has_envelope = number % 2;
            let mut speaker =
                Client::connect(&server, &format!("/push/news?envelope={has_envelope}"));
            if has_envelope == 1 {
                envelope(&mut speaker);
            }
            speaker
        })
        .collect();
    for round in 0..ROUNDS {
        for (index, speaker) in speakers.iter_mut().enumerate() {
            speaker.send(&format!("{index} {round}"));
        }
    }
    let mut order = Vec::new();
    for _ in 0..4 * ROUNDS {
        let (text, event, letter) = (plain.text(), events.event(), envelope(&mut enveloped));
        let event = event.expect("it goes on");
        assert_eq!(event.data, text);
        assert_eq!(letter["data"], text);
        assert_eq!(letter["id"], json!(event.id));
        order.push(text);
    }
    for (index, speaker) in speakers.iter_mut().enumerate() {
        let of_others = order
            .iter()
            .filter(|text| !text.starts_with(&index.to_string()));
        for expected in of_others {
            let said = speaker.text();
            match index % 2 {
                0 => assert_eq!(&said, expected),
                _ => {
                    let letter: Value = serde_json::from_str(&said).expect("JSON");
                    assert_eq!(letter["data"], *expected);
                }
            }
        }
    }
}

#[test]
fn a_speaker_in_envelopes_speaks_plainly_and_bytes_that_are_no_text_change_nothing() {
    let server = start("envelope = true");
    let (mut speaker, _) = open(&server, "/push/news");
    let (mut listener, _) = open(&server, "/push/news");
    speaker.send("{\"id\":\"mine\"}");
    speaker.send_binary(&[0xff, 0xc0, 0x80]);
    assert_eq!(envelope(&mut listener)["data"], "{\"id\":\"mine\"}");
    assert_eq!(envelope(&mut listener)["base64"], "/8CA");
}
