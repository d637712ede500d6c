//! Clients that are silent are asked whether they are still there.

use std::time::Duration;

use tests::{CLOSE, PING, PONG, Raw, Setup, TEXT, becomes_true, frame};

#[test]
fn one_that_never_answers_has_vanished_and_on_close_says_so() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup
        .arguments(&["--ping-interval", "200ms", "--pong-timeout", "300ms"])
        .start();
    let mut silent = Raw::upgrade(&server, "/probe");
    assert_eq!(silent.frame(), (PING, Vec::new()));
    server.wait_for_log(&["client 1 on /probe vanished: no pong within 300ms"]);
    server.wait_for_log(&[
        "closed 1: 1006 by Peer after 0 messages",
        "no pong within 300ms",
    ]);
    assert_eq!(silent.rest(), b"", "nobody is there to read a Close frame");
}

#[test]
fn one_that_answers_stays() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--ping-interval", "50ms"]).start();
    let mut client = Raw::upgrade(&server, "/echo");
    // Without the answer no other ping follows.
    for _ in 0..10 {
        assert_eq!(client.frame(), (PING, Vec::new()));
        client.write(frame(PONG, b""));
    }
    client.write(frame(TEXT, b"still here"));
    while client.frame() != (TEXT, b"still here".to_vec()) {}
}

#[test]
fn anything_it_sends_is_an_answer() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--ping-interval", "50ms"]).start();
    let mut client = Raw::upgrade(&server, "/echo");
    for _ in 0..5 {
        assert_eq!(client.frame(), (PING, Vec::new()));
        client.write(frame(TEXT, b"here"));
        assert_eq!(client.frame(), (TEXT, b"here".to_vec()));
    }
}

/// One that is full cannot have heard a ping. It was taken for vanished in the moment in which it had room
/// again, and until then its thread woke up every millisecond.
#[test]
fn one_that_is_full_is_asked_when_it_has_room_again() {
    const MESSAGES: usize = 800;
    let setup = Setup::new().plugins(&["probe"]);
    // The flood is over before the first ping would be due, and so that would stand behind all of it.
    let arguments = ["--ping-interval", "1s", "--pong-timeout", "2s"];
    let setup = setup
        .arguments(&arguments)
        .arguments(&["--max-backlog", "100MiB"]);
    let server = setup.start();
    let mut full = Raw::upgrade(&server, "/probe");
    // Less than half of what may wait, past which the server would not read what the client says.
    full.write(frame(TEXT, format!("flood {MESSAGES} 50000").as_bytes()));
    server.wait_for_log(&["the flood is over"]);
    let has_vanished = || server.count_log(&["closed 1: "]) > 0;
    assert!(!becomes_true(Duration::from_secs(4), has_vanished));
    let mut heard = 0;
    while heard < MESSAGES {
        match full.frame() {
            (TEXT, _) => heard += 1,
            (PING, _) => full.write(frame(PONG, b"")),
            (opcode, _) => panic!("{opcode}"),
        }
    }
    full.write(frame(TEXT, b"id"));
    loop {
        match full.frame() {
            (TEXT, payload) => break assert_eq!(payload, b"1"),
            (PING, _) => full.write(frame(PONG, b"")),
            (opcode, _) => panic!("{opcode}"),
        }
    }
}

#[test]
fn one_that_is_being_closed_is_asked_nothing_and_has_the_time_for_its_answer() {
    let setup = Setup::new().plugins(&["probe"]);
    let setup = setup.configuration("client.close_timeout = \"1h\"\n");
    let server = setup
        .arguments(&["--ping-interval", "100ms", "--pong-timeout", "200ms"])
        .start();
    let mut closing = Raw::upgrade(&server, "/probe");
    closing.write(frame(TEXT, b"close 4000 bye"));
    loop {
        match closing.frame() {
            (PING, _) => {}
            (opcode, payload) => {
                assert_eq!((opcode, &payload[2..]), (CLOSE, &b"bye"[..]));
                break;
            }
        }
    }
    let has_vanished = || server.count_log(&["closed 1: "]) > 0;
    assert!(!becomes_true(Duration::from_secs(1), has_vanished));
    closing.write(frame(CLOSE, &4000_u16.to_be_bytes()));
    server.wait_for_log(&["closed 1: 4000 by Plugin after 1 messages: bye"]);
    assert_eq!(closing.rest(), b"", "nothing follows a Close frame");
}
