//! Clients that are silent are asked whether they are still there.

use tests::{PING, PONG, Raw, Setup, TEXT, frame};

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
