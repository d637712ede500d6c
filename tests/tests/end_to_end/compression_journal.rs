//! What is kept and has a position in it, for members that are written to in different ways.

use serde_json::Value;
use tests::{Compressing, Events, Raw, Server, Setup, TEXT, frame, json_line};

const BROWSER: &str = "permessage-deflate; client_max_window_bits";
const SMALL: &str = "permessage-deflate; server_max_window_bits=9";

fn start(journal: &str) -> Server {
    let configuration = format!(
        "default_routes = false\n[[route]]\npath = \"/annals\"\nplugin = \"annals\"\nevent_stream = true\n{journal}"
    );
    Setup::new()
        .plugins(&["annals"])
        .configuration(&configuration)
        .start()
}

/// A client that hears from where `query` says, past what it is told of that.
#[track_caller]
fn join(server: &Server, query: &str, offer: &str) -> Compressing {
    let mut client = Compressing::connect(server, &format!("/annals?{query}"), &[offer]);
    let told = client.hear().text;
    assert!(
        told.starts_with("fresh ") || told.starts_with("recovered "),
        "{told}"
    );
    client
}

/// Says a text that is kept; every member hears it with its position, compressed where it may. Gives the position.
#[track_caller]
fn say(members: &mut [Compressing], text: &str) -> String {
    members[0]
        .raw
        .write(frame(TEXT, format!("say {text}").as_bytes()));
    let mut positions = Vec::new();
    for member in members {
        let heard = member.hear();
        assert_eq!(
            heard.is_compressed,
            member.agreed.is_some() && text.len() >= 256
        );
        let (position, said) = heard.text.split_once(' ').expect("a position comes first");
        assert!(said == text, "{position}");
        positions.push(position.to_owned());
    }
    positions.dedup();
    assert_eq!(positions.len(), 1, "all hear the same");
    positions.remove(0)
}

#[test]
fn a_message_with_its_position_is_compressed_once_for_all() {
    let server = start("");
    let mut members = [BROWSER, SMALL, "x", BROWSER].map(|offer| join(&server, "", offer));
    let mut events = Events::open(&server, "/annals", &[]);
    let greeting = events.event().expect("how it went");
    assert!(greeting.data.starts_with("fresh "), "{}", greeting.data);
    for round in 0..12 {
        let text = json_line(round, [300, 1000, 40, 5000][round % 4]);
        let position = say(&mut members, &text);
        let event = events.event().expect("the stream goes on");
        assert_eq!(event.data, format!("{position} {text}"));
        assert_eq!(event.id, Some(position), "what it says is where it stands");
    }
}

/// What was compressed when it was said is given again as it is; a window for which there is no form gets it plain.
#[test]
fn who_comes_back_gets_what_it_missed_compressed() {
    let server = start("");
    let mut members = [BROWSER, "x"].map(|offer| join(&server, "", offer));
    let first = say(&mut members, "the first");
    let texts: Vec<_> = (0..30)
        .map(|number| json_line(number, [300, 2000, 30][number % 3]))
        .collect();
    let positions: Vec<_> = texts.iter().map(|text| say(&mut members, text)).collect();
    for offer in [BROWSER, SMALL, "x"] {
        let mut back = join(&server, &format!("since={first}"), offer);
        for (text, position) in texts.iter().zip(&positions) {
            let heard = back.hear();
            assert_eq!(heard.text, format!("{position} {text}"));
            let has_room = offer == BROWSER || (offer == SMALL && text.len() < 400);
            assert_eq!(
                heard.is_compressed,
                text.len() >= 256 && has_room,
                "{offer}"
            );
        }
    }
}

/// The file keeps what was said, and the server that comes after says it as it is.
#[test]
fn what_comes_from_the_file_is_the_same() {
    let mut server = start("[route.journal]\nfile = \"annals.journal\"\n");
    let mut members = [BROWSER, "x"].map(|offer| join(&server, "", offer));
    let first = say(&mut members, "the first");
    let texts: Vec<_> = (0..10).map(|number| json_line(number, 900)).collect();
    let positions: Vec<_> = texts.iter().map(|text| say(&mut members, text)).collect();
    drop(members);
    server.stop();
    server.start_again();
    let mut back = join(&server, &format!("since={first}"), BROWSER);
    for (text, position) in texts.iter().zip(&positions) {
        assert_eq!(back.hear().text, format!("{position} {text}"));
    }
    say(&mut [back], &texts[0]);
}

/// Each envelope is compressed once for all who get it, with the position that the message has got meanwhile.
#[test]
fn envelopes_are_compressed_too() {
    let server = Setup::new().plugins(&["push"]).start();
    let offers = [BROWSER, SMALL, "x", BROWSER];
    let mut members: Vec<_> = offers
        .iter()
        .map(|offer| Compressing::connect(&server, "/push/news?envelope=1", &[offer]))
        .collect();
    for member in &mut members {
        assert_place(&member.hear().text);
    }
    // The last one gets what is said as it is.
    members[3] = Compressing::as_browser(&server, "/push/news");
    let texts: Vec<_> = (0..12)
        .map(|number| json_line(number, [300, 1000, 40, 5000][number % 4]))
        .collect();
    let mut positions = Vec::new();
    for text in &texts {
        let position = publish(&server, text);
        for (index, member) in members.iter_mut().enumerate() {
            let heard = member.hear();
            let may_be = member.agreed.is_some() && text.len() >= 256;
            assert_eq!(heard.is_compressed, may_be, "member {index}");
            match index {
                3 => assert!(heard.text == *text, "{position}"),
                _ => assert_envelope(&heard.text, &position, text),
            }
        }
        positions.push(position);
    }
    let path = format!("/push/news?envelope=1&since={}", positions[0]);
    for offer in [BROWSER, "x"] {
        let mut back = Compressing::connect(&server, &path, &[offer]);
        assert_place(&back.hear().text);
        for (text, position) in texts.iter().zip(&positions).skip(1) {
            let heard = back.hear();
            assert_envelope(&heard.text, position, text);
            assert_eq!(heard.is_compressed, offer == BROWSER && text.len() >= 256);
        }
    }
}

/// What comes first: from where on it hears.
#[track_caller]
fn assert_place(heard: &str) {
    let place: Value = serde_json::from_str(heard).expect("an envelope");
    assert!(place["id"].is_string() && place["gap"].is_null(), "{place}");
}

#[track_caller]
fn assert_envelope(heard: &str, position: &str, text: &str) {
    let heard: Value = serde_json::from_str(heard).expect("an envelope");
    assert_eq!(
        heard,
        serde_json::json!({ "id": position, "topic": "news", "data": text })
    );
}

/// Publishes by HTTP and gives the position.
#[track_caller]
fn publish(server: &Server, text: &str) -> String {
    let length = text.len();
    let head = "Host: localhost\r\nContent-Type: text/plain\r\n";
    let post = format!("POST /push/news HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{text}");
    let (status, _, body) = Raw::answer(server, post);
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    answer["position"].as_str().expect("a position").to_owned()
}
