//! A message board that keeps its past: newcomers read the last lines, who comes back what it has missed.

use serde_json::{Value, json};
use tests::{Client, Over, Server, Setup, library};

fn start(options: &str, journal: &str) -> Server {
    let route = format!(
        "[[route]]\npath = \"/chat\"\nplugin = \"chat\"\n[route.options]\n{options}\n[route.journal]\n{journal}\n"
    );
    Setup::new()
        .plugins(&["chat"])
        .configuration(&route)
        .start()
}

/// One who gets each line with its position.
struct Reader {
    client: Client,
    /// As it was told at first.
    gap: Value,
    place: String,
    /// What was said before it came.
    past: Vec<String>,
}

impl Reader {
    #[track_caller]
    fn open(server: &Server, since: &str) -> Reader {
        let mut client = Client::connect(server, &format!("/chat?envelope=1&since={since}"));
        let first: Value = serde_json::from_str(&client.text()).expect("JSON");
        assert_eq!(first["topic"], "board");
        let mut reader = Reader {
            client,
            gap: first["gap"].clone(),
            place: first["id"].as_str().expect("a position").to_owned(),
            past: Vec::new(),
        };
        loop {
            match reader.line() {
                line if line.is_empty() => return reader,
                line => reader.past.push(line),
            }
        }
    }

    /// The next line; its position is where to go on.
    #[track_caller]
    fn line(&mut self) -> String {
        let envelope: Value = serde_json::from_str(&self.client.text()).expect("JSON");
        if let Some(id) = envelope["id"].as_str() {
            self.place = id.to_owned();
        }
        envelope["data"].as_str().expect("a line").to_owned()
    }
}

#[test]
fn a_newcomer_reads_the_last_lines_and_then_what_is_said() {
    let server = start("past = 3", "");
    let mut first = Client::connect(&server, "/chat");
    for number in 0..5 {
        first.send(&number.to_string());
        assert_eq!(first.text(), format!("Client 1: {number}"));
    }
    let mut plain = Client::connect(&server, "/chat");
    for number in 2..5 {
        assert_eq!(plain.text(), format!("Client 1: {number}"));
    }
    let mut reader = Reader::open(&server, "");
    assert_eq!(reader.past, ["Client 1: 2", "Client 1: 3", "Client 1: 4"]);
    assert_eq!(reader.gap, Value::Null);
    plain.send("live");
    assert_eq!(plain.text(), "Client 2: live");
    assert_eq!(reader.line(), "Client 2: live");
}

#[test]
fn without_a_past_an_envelope_has_no_position_and_nobody_reads_what_was_said() {
    let server = start("", "");
    let mut one = Client::connect(&server, "/chat?envelope=1&since=whatever");
    one.send("hello");
    let envelope: Value = serde_json::from_str(&one.text()).expect("JSON");
    assert_eq!(
        envelope,
        json!({"id": null, "topic": null, "data": "Client 1: hello"})
    );
    let mut two = Client::connect(&server, "/chat");
    two.send("x");
    assert_eq!(two.text(), "Client 2: x");
}

/// While somebody speaks without a pause.
#[test]
fn who_comes_back_again_and_again_reads_each_line_once() {
    let server = start("past = 5", "");
    let is_over = Over::default();
    let mut read: Vec<String> = Vec::new();
    let mut speaker = Client::connect(&server, "/chat");
    let mut reader = Reader::open(&server, "");
    let said = std::thread::scope(|scope| {
        let end = is_over.when_dropped();
        let speaking = scope.spawn(|| {
            let mut number = 0;
            while !is_over.is_said() {
                speaker.send(&number.to_string());
                assert_eq!(speaker.text(), format!("Client 1: {number}"));
                number += 1;
            }
            number
        });
        for round in 0..30 {
            for _ in 0..round {
                read.push(reader.line());
            }
            reader = Reader::open(&server, &reader.place);
            assert_eq!(reader.gap, Value::Null);
            read.append(&mut reader.past);
        }
        drop(end);
        speaking.join().expect("it speaks")
    });
    while read.len() < said {
        read.push(reader.line());
    }
    let expected: Vec<_> = (0..said)
        .map(|number| format!("Client 1: {number}"))
        .collect();
    assert_eq!(read, expected);
}

#[test]
fn what_is_kept_no_more_is_told_with_the_last_lines_that_are() {
    let server = start("past = 2", "messages = 4");
    let mut speaker = Client::connect(&server, "/chat");
    let reader = Reader::open(&server, "");
    for number in 0..9 {
        speaker.send(&number.to_string());
        speaker.text();
    }
    let late = Reader::open(&server, &reader.place);
    assert_eq!(late.gap, "too-old");
    assert_eq!(late.past, ["Client 1: 7", "Client 1: 8"]);
    let strange = Reader::open(&server, "of-another-server");
    assert_eq!((strange.gap, strange.past.len()), (json!("other-epoch"), 2));
}

#[test]
fn who_speaks_and_is_left_out_reads_its_line_when_it_comes_back() {
    let server = start("past = 5\nexclude_sender = true", "");
    let mut one = Reader::open(&server, "");
    let mut two = Client::connect(&server, "/chat");
    one.client.send("mine");
    assert_eq!(two.text(), "Client 1: mine");
    two.send("yours");
    assert_eq!(one.line(), "Client 2: yours");
    assert_eq!(
        Reader::open(&server, "").past,
        ["Client 1: mine", "Client 2: yours"]
    );
}

/// Cause: a client that is on the board when the past is switched on has to be read to as well.
#[test]
fn the_past_is_switched_on_and_code_replaced_under_those_who_are_there() {
    let server = start("", "");
    let mut old = Client::connect(&server, "/chat");
    let route = "[[route]]\npath = \"/chat\"\nplugin = \"chat\"\n[route.options]\npast = 10\n";
    server.reload_with(route);
    let mut new = Reader::open(&server, "");
    old.send("one");
    assert_eq!(
        (old.text(), new.line()),
        ("Client 1: one".to_owned(), "Client 1: one".to_owned())
    );
    let mut code = std::fs::read(library("chat")).expect("it is built");
    code.push(0);
    server.put_plugin("libchat.so", &code);
    let line = server.reload();
    assert!(line.contains("code of route /chat"), "{line}");
    old.send("two");
    assert_eq!(
        (old.text(), new.line()),
        ("Client 1: two".to_owned(), "Client 1: two".to_owned())
    );
    let third = Reader::open(&server, "");
    assert_eq!(third.past, ["Client 1: one", "Client 1: two"]);
    new.client.send("three");
    assert_eq!(old.text(), "Client 2: three");
}

/// With a file the board is as it was left, under the same positions.
#[test]
fn after_a_restart_with_a_file_the_past_is_there_with_its_positions_once() {
    let mut server = start("past = 100", "file = \"chat.journal\"");
    let mut speaker = Reader::open(&server, "");
    let mut said = Vec::new();
    for text in ["one", "two", "three"] {
        speaker.client.send(text);
        said.push((speaker.line(), speaker.place.clone()));
    }
    drop(speaker);
    server.stop();
    server.start_again();
    let newcomer = Reader::open(&server, "");
    let lines: Vec<_> = said.iter().map(|(line, _)| line.clone()).collect();
    assert_eq!(newcomer.past, lines);
    let (_, first) = &said[0];
    let mut back = Reader::open(&server, first);
    assert_eq!(back.gap, Value::Null);
    assert_eq!(back.past, lines[1..]);
    assert_eq!(back.place, said[2].1, "the positions are what they were");
    let mut speaker = Reader::open(&server, "");
    speaker.client.send("four");
    let line = back.line();
    assert!(line.ends_with("four"), "{line}");
    assert!(back.place > said[2].1, "no position is given twice");
}
