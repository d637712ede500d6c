//! How much a client may send: `messages_per_second`, `bytes_per_second` and their bursts.

use tests::{Client, Message, Server, Setup};

/// Sent at once: far more than any rate here lets through in the time that this takes.
const FLOOD: usize = 100;

fn start(configuration: &str) -> Server {
    let setup = Setup::new().plugins(&["echo"]);
    setup.configuration(configuration).start()
}

/// Sends until it is closed; how many messages came back, and why it was closed.
#[track_caller]
fn flood(client: &mut Client, message: &str) -> (usize, (u16, String)) {
    // It may be closed before all are sent.
    (0..FLOOD).all(|_| client.try_send(message));
    for count in 0.. {
        match client.receive() {
            Message::Text(text) => assert_eq!(text.as_str(), message),
            Message::Close(Some(frame)) => {
                return (count, (frame.code.into(), frame.reason.as_str().to_owned()));
            }
            other => panic!("not closed with a code: {other:?}"),
        }
    }
    unreachable!("it was closed or failed")
}

/// A flood is closed for `reason` after `burst` messages, or some more where the machine was slow.
#[track_caller]
fn assert_burst(client: &mut Client, message: &str, burst: usize, reason: &str) {
    let (count, closed) = flood(client, message);
    assert!((burst..2 * burst + 10).contains(&count), "{count}");
    assert_eq!(closed, (1008, reason.to_owned()));
}

#[test]
fn messages_burst_may_come_at_once_and_no_more() {
    let server = start("[client]\nmessages_per_second = 1\nmessages_burst = 20\n");
    let mut client = Client::connect(&server, "/echo");
    assert_burst(&mut client, "x", 20, "more than 1 messages a second");
    server.wait_for_log(&["client 1 on /echo: more than 1 messages a second; closed with 1008"]);
}

#[test]
fn without_a_burst_one_second_of_messages_may_come_at_once() {
    let server = start("client.messages_per_second = 5\n");
    let mut client = Client::connect(&server, "/echo");
    assert_burst(&mut client, "x", 5, "more than 5 messages a second");
}

#[test]
fn bytes_burst_may_come_at_once_and_no_more() {
    let rate =
        "[client]\nmessage = \"50 B\"\nbytes_per_second = \"10 B\"\nbytes_burst = \"500 B\"\n";
    let server = start(rate);
    let mut client = Client::connect(&server, "/echo");
    let message = "x".repeat(50);
    assert_burst(&mut client, &message, 10, "more than 10 bytes a second");
}

#[test]
fn without_a_burst_one_second_of_bytes_and_any_message_may_come_at_once() {
    let server = start("[client]\nmessage = \"50 B\"\nbytes_per_second = \"250 B\"\n");
    let mut client = Client::connect(&server, "/echo");
    let message = "x".repeat(50);
    assert_burst(&mut client, &message, 5, "more than 250 bytes a second");
    let server = start("[client]\nmessage = \"50 B\"\nbytes_per_second = \"1 B\"\n");
    let mut client = Client::connect(&server, "/echo");
    assert_burst(&mut client, &message, 1, "more than 1 bytes a second");
}

/// Cause: who had said as much as it may, and then went as it should, was closed for its Close frame.
#[test]
fn who_has_said_all_that_it_may_can_say_goodbye() {
    let mut server = Setup::new()
        .plugins(&["probe"])
        .configuration("client.messages_per_second = 1\n")
        .start();
    let mut client = Client::connect(&server, "/probe");
    client.send("id");
    assert_eq!(client.text(), "1");
    client.close(1000, "bye");
    server.wait_for_log(&["closed 1: 1000 by Peer after 1 messages: bye"]);
    server.stop();
    assert_eq!(server.count_log(&["more than 1 messages a second"]), 0);
}
