//! Who does not read by TLS: the backlog holds plain bytes, and its bound, its order and its end are those of any client.

use std::sync::Arc;

use rustls::ClientConfig;
use tests::secure::{Tls, connect, connect_with, start};
use tests::{Client, Message, Server};

const MESSAGE_BYTES: usize = 16 * 1024;

/// Lets somebody speak until the log says that a slow one was closed; gives how many messages there were.
#[track_caller]
fn speak_until(server: &Server, speaker: &mut Client, parts: &[&str]) -> usize {
    let mut spoken = 0;
    while server.count_log(parts) == 0 {
        // Far more than the sockets' buffers and the backlog can hold together.
        assert!(spoken < 4_000, "never closed:\n{}", server.log());
        let text = format!("{spoken:0MESSAGE_BYTES$}");
        speaker.send(&text);
        assert!(speaker.text().ends_with(&text));
        spoken += 1;
    }
    spoken
}

/// Everything that a slow one still gets: numbered from nought without a gap, and then the close.
#[track_caller]
fn numbers(client: &mut Client<Tls>) -> (usize, u16) {
    let mut next = 0;
    loop {
        match client.receive() {
            Message::Text(text) => {
                let expected = format!("{next:0MESSAGE_BYTES$}");
                assert!(text.as_str().ends_with(&expected), "not {next}");
                next += 1;
            }
            Message::Close(frame) => return (next, frame.map_or(1005, |frame| frame.code.into())),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_that_stops_reading_is_closed_and_gets_whole_frames_until_then() {
    let (server, trust) = start(&["chat"], "[log]\nlevel = \"warn\"");
    let mut slow = connect(&server, "/chat", &trust);
    let mut speaker = Client::connect(&server, "/chat");
    let before = server.resident_kib();
    let spoken = speak_until(
        &server,
        &mut speaker,
        &["is too slow: ", "closed with 1008"],
    );
    let grown = server.resident_kib().saturating_sub(before);
    assert!(
        grown < 16 * 1024,
        "{grown} KiB more after {spoken} messages"
    );
    let (heard, code) = numbers(&mut slow);
    assert_eq!(code, 1008);
    assert!(heard > 0 && heard < spoken, "{heard} of {spoken}");
}

/// A frame of which a part was sealed is finished, whatever is dropped behind it.
#[test]
fn one_that_is_slow_where_messages_may_be_dropped_hears_whole_ones() {
    let configuration =
        "[log]\nlevel = \"warn\"\n[client]\nslow_client = \"drop\"\nbacklog = \"64 KiB\"";
    let (server, trust) = start(&["chat"], configuration);
    let mut slow = connect(&server, "/chat", &trust);
    let mut speaker = Client::connect(&server, "/chat");
    let spoken = speak_until(
        &server,
        &mut speaker,
        &["messages that do not fit are dropped"],
    );
    speaker.send("the end");
    let mut last = None;
    let mut heard = 0;
    // What was dropped is missing, and nothing is torn or doubled.
    while let Message::Text(text) = slow.receive() {
        if text.as_str().ends_with("the end") {
            break;
        }
        let number = text.as_str().rsplit(": ").next().expect("a line of chat");
        let number: usize = number.parse().expect("a number");
        assert!(
            last.is_none_or(|last| number > last),
            "{number} behind {last:?}"
        );
        last = Some(number);
        heard += 1;
        if heard + 1 >= spoken {
            break;
        }
        speaker.send("the end");
    }
    assert!(heard > 0);
}

/// A large message that does not fit into the socket comes whole, to many.
#[test]
fn a_large_broadcast_arrives_whole_at_many() {
    let configuration = "[client]\nmessage = \"2 MiB\"\nbacklog = \"4 MiB\"";
    let (server, trust) = start(&["chat"], configuration);
    let connect: fn(&Server, &Arc<ClientConfig>) -> Client<Tls> =
        |server, trust| connect_with(server, "/chat", trust, &[]);
    let mut clients: Vec<_> = (0..20).map(|_| connect(&server, &trust)).collect();
    let mut speaker = Client::connect(&server, "/chat");
    for round in 0..3 {
        let text = format!("{round}{}", "y".repeat(1_500_000));
        speaker.send(&text);
        for client in &mut clients {
            assert!(client.text().ends_with(&text), "round {round}");
        }
        assert!(speaker.text().ends_with(&text));
    }
}
