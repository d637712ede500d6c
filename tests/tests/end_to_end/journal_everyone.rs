//! What is said to everyone on a route is kept: who was away gets it, as of a topic, by the real server.

use std::fs;
use std::thread;

use rustix::process::Signal;
use tests::{Over, Raw, Server, Setup};

use crate::journal::{come_and_go_while_three_speak, join, kept};

fn start(journal: &str) -> Server {
    let route = format!(
        "[[route]]\npath = \"/annals\"\nplugin = \"annals\"\nevent_stream = true\n\
         [route.options]\naudience = \"everyone\"\n[route.journal]\n{journal}"
    );
    let setup = Setup::new().plugins(&["annals"]).configuration(&route);
    setup.start()
}

fn post(server: &Server, text: &str) -> (u16, String) {
    let length = text.len();
    let head = format!("Host: localhost\r\nContent-Length: {length}");
    let post = format!("POST /annals?durable HTTP/1.1\r\n{head}\r\n\r\n{text}");
    let (status, _, body) = Raw::answer(server, post);
    (status, body)
}

/// Cause: who opens is told everyone's words from that moment on, so that what it has missed would come behind them; who
/// is admitted apart gets both in their order, whatever is said meanwhile.
#[test]
fn whoever_comes_and_goes_while_three_speak_to_everyone_hears_each_message_once_and_in_order() {
    let server = start("messages = 10000\nbytes = \"4 MiB\"");
    come_and_go_while_three_speak(&server);
}

#[test]
fn a_swap_of_the_code_under_busy_listeners_loses_and_doubles_nothing_of_everyone() {
    let server = start("messages = 100000\nbytes = \"16 MiB\"");
    let (mut there, _, begin) = join(&server, "");
    let is_over = Over::default();
    let mut library = fs::read(server.plugin_file("libannals.so")).expect("it is there");
    let said = thread::scope(|scope| {
        let end = is_over.when_dropped();
        let speaker = scope.spawn(|| {
            let (mut client, ..) = join(&server, "");
            let mut number = 0;
            while !is_over.is_said() {
                client.send(&format!("say {number}"));
                assert_eq!(kept(&mut client).1, number.to_string());
                number += 1;
            }
            number
        });
        for _ in 0..3 {
            library.push(0);
            server.put_plugin("libannals.so", &library);
            let line = server.reload();
            assert!(line.contains("code of route /annals"), "{line}");
            let (mut back, how, _) = join(&server, &format!("since={begin}"));
            assert_eq!(how, "recovered");
            for number in 0..5 {
                assert_eq!(kept(&mut back).1, number.to_string());
            }
        }
        drop(end);
        speaker.join().expect("it has said all")
    });
    for number in 0..said {
        assert_eq!(kept(&mut there).1, number.to_string());
    }
}

#[test]
fn what_was_said_to_everyone_is_there_after_a_restart_and_what_is_durable_after_kill_9() {
    let mut server = start("file = \"annals.journal\"");
    let (mut client, _, begin) = join(&server, "");
    client.send("say before");
    let (before, _) = kept(&mut client);
    drop(client);
    server.stop();
    server.start_again();
    let (status, durable) = post(&server, "durable");
    assert_eq!(status, 200, "{durable}");
    server.signal(Signal::KILL);
    server.wait();
    server.start_again();
    let (mut back, how, _) = join(&server, &format!("since={begin}"));
    assert_eq!(how, "recovered");
    assert_eq!(kept(&mut back), (before, "before".to_owned()));
    assert_eq!(back.text(), "durable");
    back.send("say after");
    assert_eq!(kept(&mut back).1, "after");
    let (_, how, _) = join(&server, &format!("since={durable}"));
    assert_eq!(how, "recovered");
}

#[test]
fn what_of_everyone_is_kept_no_more_is_told_as_a_gap() {
    let server = start("messages = 2");
    let (mut client, _, begin) = join(&server, "");
    for text in ["one", "two", "three"] {
        client.send(&format!("say {text}"));
        kept(&mut client);
    }
    let (mut back, how, _) = join(&server, &format!("since={begin}&or_last=9"));
    assert_eq!(how, "gap");
    assert_eq!([kept(&mut back).1, kept(&mut back).1], ["two", "three"]);
}

/// An `EventSource` of a page comes back by itself, with the position of the last event that it has had.
#[test]
fn an_event_stream_has_the_position_of_what_is_said_to_everyone() {
    let server = start("");
    let (mut speaker, _, begin) = join(&server, "");
    speaker.send("say one");
    let (first, _) = kept(&mut speaker);
    let mut events = tests::Events::open(&server, &format!("/annals?since={begin}"), &[]);
    events.text();
    let event = events.event().expect("the stream goes on");
    assert_eq!(event.id.as_deref(), Some(&*first));
    speaker.send("cast two");
    assert_eq!(speaker.text(), "two");
    let event = events.event().expect("the stream goes on");
    assert_eq!(event.data, "two");
    assert!(event.id.is_some_and(|id| id > first));
}
