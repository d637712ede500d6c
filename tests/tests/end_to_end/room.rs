//! The message board: who hears what, in which order, under which name.

use std::collections::HashMap;
use std::sync::Barrier;
use std::thread;

use tests::{Client, Raw, Server, Setup, TEXT, frame};

const CLIENTS: usize = 200;
const SPEAKERS: usize = 20;
const MESSAGES: usize = 50;

#[test]
fn everyone_hears_the_sender_too() {
    let server = Server::start();
    let mut first = Client::connect(&server, "/chat");
    let mut second = Client::connect(&server, "/chat");
    first.send("hello");
    second.send("<b>bold</b>");
    for client in [&mut first, &mut second] {
        let mut heard = [client.text(), client.text()];
        heard.sort();
        assert_eq!(heard, ["Client 1: hello", "Client 2: <b>bold</b>"]);
    }
}

#[test]
fn ids_count_up_and_are_never_given_twice() {
    let server = Server::start();
    for id in 1..=5 {
        let mut client = Client::connect(&server, "/chat");
        client.send("me");
        assert_eq!(client.text(), format!("Client {id}: me"));
        client.close(1000, "");
    }
}

#[test]
fn an_option_leaves_the_sender_out() {
    let setup = Setup::new()
        .plugins(&["chat"])
        .arguments(&["--set", "chat.exclude_sender=true"]);
    let server = setup.start();
    let mut first = Client::connect(&server, "/chat");
    let mut second = Client::connect(&server, "/chat");
    first.send("one");
    assert_eq!(second.text(), "Client 1: one");
    second.send("two");
    assert_eq!(first.text(), "Client 2: two");
}

#[test]
fn the_log_says_who_came_spoke_and_left() {
    let server = Server::start();
    let mut client = Client::connect(&server, "/chat");
    server.wait_for_log(&["plugin::chat: Client 1 has connected from 127.0.0.1"]);
    client.send("forged\n2026-01-01T00:00:00.000Z [ERROR] line \u{1b}[2J");
    server.wait_for_log(&["plugin::chat: Client 1 says: forged\\n2026-", "\\u{1b}[2J"]);
    client.close(1000, "enough");
    server.wait_for_log(&["plugin::chat: Client 1 has left (1000", "enough"]);
    server.assert_logged(1, &["ERROR"]);
}

#[test]
fn two_hundred_hear_twenty_at_once_in_one_order() {
    let server = Server::start();
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|_| Client::connect(&server, "/chat"))
        .collect();
    let together = Barrier::new(SPEAKERS);
    thread::scope(|scope| {
        for (speaker, client) in clients.iter_mut().take(SPEAKERS).enumerate() {
            let together = &together;
            scope.spawn(move || {
                together.wait();
                for number in 0..MESSAGES {
                    client.send(&format!("{speaker} {number}"));
                }
            });
        }
    });
    let hear = |client: &mut Client| -> Vec<String> {
        (0..SPEAKERS * MESSAGES).map(|_| client.text()).collect()
    };
    let first = hear(&mut clients[0]);
    assert_once_and_in_order(&first);
    for client in &mut clients[1..] {
        assert!(hear(client) == first, "one order for all");
    }
    // Nothing follows what everyone was to hear.
    clients[0].send("last");
    for client in &mut clients {
        assert_eq!(client.text(), "Client 1: last");
    }
}

/// Each message once, and those of one speaker in the order that they were sent.
fn assert_once_and_in_order(heard: &[String]) {
    let mut next: HashMap<&str, usize> = HashMap::new();
    for line in heard {
        let (client, text) = line.split_once(": ").expect("Client ID: text");
        let (_, number) = text.split_once(' ').expect("speaker and number");
        let expected = next.entry(client).or_default();
        assert_eq!(number, expected.to_string(), "{client}");
        *expected += 1;
    }
    assert!(next.len() == SPEAKERS && next.values().all(|&count| count == MESSAGES));
}

#[test]
fn one_that_vanishes_without_a_close_disturbs_nobody() {
    let server = Server::start();
    let mut client = Client::connect(&server, "/chat");
    let mut gone = Raw::upgrade(&server, "/chat");
    gone.write(frame(TEXT, b"short visit"));
    assert_eq!(client.text(), "Client 2: short visit");
    // In the middle of a frame.
    gone.write(&frame(TEXT, b"never completed")[..9]);
    drop(gone);
    server.wait_for_log(&["Client 2 has left (1006"]);
    client.send("still here");
    assert_eq!(client.text(), "Client 1: still here");
}

#[test]
fn a_browser_that_opens_the_path_gets_the_page() {
    let server = Server::start();
    let (status, head, body) = Raw::answer(&server, "GET /chat HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, 200);
    assert!(
        head.to_lowercase()
            .contains("content-type: text/html; charset=utf-8"),
        "{head}"
    );
    for part in ["id=\"message\"", "id=\"send\"", "id=\"timeline\""] {
        assert!(body.contains(part), "{part}");
    }
    let (status, head, body) = Raw::answer(&server, "HEAD /chat HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(!head.contains("Content-Length: 0"), "{head}");
    let (status, ..) = Raw::answer(&server, "DELETE /chat HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, 405);
}
