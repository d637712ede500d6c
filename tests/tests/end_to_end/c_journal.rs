//! A plugin in C keeps what is said by the extension of the host: what it joins, publishes and reads is what a plugin in
//! Rust does.

use rustix::process::Signal;
use tests::{Client, Raw, Server, Setup, compile_c};

fn start(everyone: bool, journal: &str) -> Server {
    let route = format!(
        "[[route]]\npath = \"/diary\"\nplugin = \"diary\"\n[route.options]\neveryone = {everyone}\n\
         [route.journal]\n{journal}"
    );
    let setup = Setup::new().configuration(&route);
    compile_c("diary", &setup.plugins_folder());
    setup.start()
}

/// What the client is told first, and a position.
#[track_caller]
fn told(client: &mut Client) -> (String, String) {
    let text = client.text();
    let (how, position) = text.split_once(' ').expect("two words");
    (how.to_owned(), position.to_owned())
}

/// An entry: its position, and what it says.
#[track_caller]
fn entry(client: &mut Client) -> (String, String) {
    let (position, text) = told(client);
    (text, position)
}

fn ask(server: &Server, method: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "{method} /diary HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let (status, _, body) = Raw::answer(server, request);
    (status, body)
}

#[test]
fn who_comes_back_has_what_it_missed_with_positions_in_the_entries() {
    comes_back(false);
}

#[test]
fn so_it_is_with_what_is_said_to_everyone() {
    comes_back(true);
}

fn comes_back(everyone: bool) {
    let server = start(everyone, "messages = 3\n");
    let mut client = Client::connect(&server, "/diary");
    let (how, start) = told(&mut client);
    assert_eq!(how, "fresh");
    let mut positions = Vec::new();
    for text in ["one", "two", "three"] {
        client.send(text);
        let (said, position) = entry(&mut client);
        assert_eq!(said, text);
        positions.push(position);
    }
    let mut back = Client::connect(&server, &format!("/diary?since={}", positions[0]));
    assert_eq!(
        told(&mut back),
        ("recovered".to_owned(), positions[0].clone())
    );
    assert_eq!(entry(&mut back), ("two".to_owned(), positions[1].clone()));
    assert_eq!(entry(&mut back), ("three".to_owned(), positions[2].clone()));
    let mut new = Client::connect(&server, "/diary");
    assert_eq!(told(&mut new).0, "fresh");
    assert_eq!(entry(&mut new).0, "two", "the last two");
    client.send("four");
    assert_eq!(entry(&mut back).0, "four");
    let mut late = Client::connect(&server, &format!("/diary?since={start}"));
    assert_eq!(told(&mut late).0, "gap");
    let (status, body) = ask(&server, "POST", "five");
    assert_eq!(status, 501, "nothing is durable in memory: {body}");
    let (status, body) = ask(&server, "GET", "");
    let texts: Vec<_> = body
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let texts: Vec<_> = texts.iter().map(|(_, text)| *text).collect();
    assert_eq!((status, texts), (200, vec!["two", "three", "four"]));
}

#[test]
fn what_was_confirmed_is_there_after_kill_9() {
    confirms(false);
}

#[test]
fn what_was_said_to_everyone_and_confirmed_is_there_after_kill_9() {
    confirms(true);
}

fn confirms(everyone: bool) {
    let mut server = start(everyone, "file = \"diary.journal\"\n");
    let (status, position) = ask(&server, "POST", "durable");
    assert_eq!(status, 200);
    server.signal(Signal::KILL);
    server.wait();
    server.start_again();
    assert_eq!(
        ask(&server, "GET", ""),
        (200, format!("{position} durable\n"))
    );
    let mut back = Client::connect(&server, &format!("/diary?since={position}"));
    assert_eq!(told(&mut back), ("recovered".to_owned(), position));
}
