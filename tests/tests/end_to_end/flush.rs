//! What is said reaches who it is for at once, without another message or a ping that would take it along.
//!
//! The hub once could forget to send what it had queued, and no test saw it: a ping after 25 seconds sent
//! it, within the deadline of the tests.

use tests::{Client, Server, Setup};

const ROUNDS: usize = 50;

fn start() -> Server {
    Setup::new().plugins(&["probe"]).start()
}

fn pair(server: &Server) -> [Client; 2] {
    [(); 2].map(|()| Client::connect(server, "/probe"))
}

#[test]
fn a_message_to_another_client() {
    let server = start();
    let [mut speaker, mut listener] = pair(&server);
    for round in 0..ROUNDS {
        speaker.send(&format!("send-to 2 {round}"));
        assert_eq!(speaker.text(), "Queued");
        assert_eq!(listener.text(), round.to_string());
    }
}

#[test]
fn a_message_to_another_client_behind_a_broadcast() {
    let server = start();
    let [mut speaker, mut listener] = pair(&server);
    for round in 0..ROUNDS {
        speaker.send(&format!(
            "all broadcast {round}; send-to 2 only you; broadcast and all"
        ));
        for expected in [&round.to_string(), "only you", "and all"] {
            assert_eq!(listener.text(), expected);
        }
        assert_eq!(speaker.text(), round.to_string());
        assert_eq!(speaker.text(), "and all");
    }
}

/// What was said to a room has to be ended and queued where its members change.
#[test]
fn what_was_said_before_the_room_changed() {
    let server = start();
    let [mut speaker, mut listener] = pair(&server);
    listener.send("join room");
    listener.send("members room");
    assert_eq!(listener.text(), "1");
    for round in 0..ROUNDS {
        speaker.send(&format!(
            "all publish room {round}; join room; publish room both; leave room; publish room one"
        ));
        for expected in [&round.to_string(), "both", "one"] {
            assert_eq!(listener.text(), expected);
        }
        assert_eq!(speaker.text(), "both");
    }
}

/// Each topic ends the run of the one before.
#[test]
fn what_was_said_to_several_rooms() {
    let server = start();
    let [mut speaker, mut listener] = pair(&server);
    listener.send("all join red; join blue");
    listener.send("members blue");
    assert_eq!(listener.text(), "1");
    for round in 0..ROUNDS {
        speaker.send(&format!(
            "all publish red r{round}; publish blue b{round}; publish red again; broadcast all"
        ));
        for expected in [&format!("r{round}"), &format!("b{round}"), "again", "all"] {
            assert_eq!(listener.text(), expected);
        }
        assert_eq!(speaker.text(), "all");
    }
}

/// A client that closes hears what was said before, then the Close frame.
#[test]
fn what_was_said_before_a_client_was_closed() {
    let server = start();
    let mut speaker = Client::connect(&server, "/probe");
    for id in 2..10 {
        let mut listener = Client::connect(&server, "/probe");
        speaker.send(&format!("all send-to {id} first; close-other {id} bye"));
        assert_eq!(listener.text(), "first");
        assert_eq!(listener.closed(), (4000, "bye".to_owned()));
        assert_eq!(speaker.text(), format!("client {id} has left"));
    }
}
