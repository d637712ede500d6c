//! A client that stops reading: its backlog is bounded, it is closed, and nobody else notices.

use tests::{CLOSE, Client, PATIENT, Raw, Server, Setup, TEXT, frame};

const OTHERS: usize = 50;
const MESSAGE_BYTES: usize = 16 * 1024;

fn patient() -> String {
    format!("[client]\n{PATIENT}")
}

/// Lets one of the others speak until the log says that the slow one was closed; each of the
/// others hears each message, in order. Gives how many there were.
fn speak_until_closed(server: &Server, others: &mut [Client]) -> usize {
    let mut spoken = 0;
    while server.count_log(&["is too slow: ", "closed with 1008"]) == 0 {
        // Far more than the sockets' buffers and the backlog can hold together.
        assert!(spoken < 4_000, "never closed:\n{}", server.log());
        let text = format!("{spoken:0MESSAGE_BYTES$}");
        let speaker = spoken % others.len();
        others[speaker].send(&text);
        for other in others.iter_mut() {
            assert!(other.text().ends_with(&text));
        }
        spoken += 1;
    }
    spoken
}

#[test]
fn one_that_stops_reading_is_closed_and_the_others_lose_nothing() {
    let setup = Setup::new()
        .plugins(&["chat"])
        .configuration(&patient())
        .arguments(&["--log-level", "warn"]);
    let server = setup.start();
    let mut slow = Raw::upgrade(&server, "/chat");
    let mut others: Vec<_> = (0..OTHERS)
        .map(|_| Client::connect(&server, "/chat"))
        .collect();
    let resident_before = server.resident_kib();
    let spoken = speak_until_closed(&server, &mut others);
    // What a backlog may hold, its copy while it grows, and what the allocator keeps.
    let grown = server.resident_kib().saturating_sub(resident_before);
    assert!(
        grown < 16 * 1024,
        "{grown} KiB more after {spoken} messages"
    );

    // What it still gets is whole frames in order, and then why.
    let mut number = 0;
    let (code, reason) = loop {
        let (opcode, payload) = slow.frame();
        if opcode == CLOSE {
            let reason = String::from_utf8(payload[2..].to_vec()).expect("a reason is UTF-8");
            break (u16::from_be_bytes([payload[0], payload[1]]), reason);
        }
        assert!(String::from_utf8_lossy(&payload).ends_with(&format!("{number:0MESSAGE_BYTES$}")));
        number += 1;
    };
    assert_eq!(code, 1008);
    assert!(reason.contains("too slow"), "{reason}");
    assert!(number < spoken, "something was given up");

    others[0].send("after");
    for other in &mut others {
        assert!(other.text().ends_with("after"));
    }
}

#[test]
fn the_limit_of_the_backlog_is_an_argument() {
    let arguments = ["--log-level", "warn", "--max-backlog", "64KiB"];
    let server = Setup::new()
        .plugins(&["chat"])
        .configuration(&patient())
        .arguments(&arguments)
        .start();
    let _slow = Raw::upgrade(&server, "/chat");
    let mut other = [Client::connect(&server, "/chat")];
    speak_until_closed(&server, &mut other);
    server.wait_for_log(&["over the limit of 65536"]);
}

#[test]
fn one_that_sends_without_reading_its_echoes_is_held_up_and_not_closed() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.configuration(&patient()).start();
    let raw = Raw::upgrade(&server, "/echo");
    let count = 4_000;
    let resident_before = server.resident_kib();
    let mut sender = Raw(raw.0.try_clone().expect("a second handle"));
    sender.0.set_write_timeout(None).expect("a valid timeout");
    let sending = std::thread::spawn(move || {
        for number in 0..count {
            sender.write(frame(TEXT, format!("{number:0MESSAGE_BYTES$}").as_bytes()));
        }
    });
    // It cannot have sent all of it as long as nobody reads: 64 MiB fit into no buffer on the way.
    let mut reader = raw;
    for number in 0..count {
        if number == 100 {
            assert!(!sending.is_finished(), "somewhere there is no bound");
        }
        let (opcode, payload) = reader.frame();
        assert_eq!(opcode, TEXT);
        assert!(
            payload == format!("{number:0MESSAGE_BYTES$}").into_bytes(),
            "message {number}"
        );
    }
    sending.join().expect("the sender does not fail");
    let grown = server.resident_kib().saturating_sub(resident_before);
    assert!(grown < 16 * 1024, "{grown} KiB more");
}

/// What a plugin asks before it sends more than a client takes.
#[test]
fn a_plugin_sees_how_much_waits_for_a_client() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.configuration(&patient()).start();
    let slow = Raw::upgrade(&server, "/probe");
    let mut asking = Client::connect(&server, "/probe");
    let mut buffered = |client: u64| {
        asking.send(&format!("buffered {client}"));
        loop {
            // Beside it the plugin says who has left.
            let text = asking.text();
            if !text.ends_with(" has left") {
                return text.parse::<u64>().expect("a number");
            }
        }
    };
    assert_eq!(buffered(1), 0);
    let mut speaking = Client::connect(&server, "/probe");
    while buffered(1) == 0 {
        speaking.send(&format!("send-to 1 {}", "x".repeat(60_000)));
        speaking.text();
    }
    assert_eq!((buffered(2), buffered(99)), (0, 0));
    slow.reset();
    tests::wait_until("nothing waits for who has gone", || buffered(1) == 0);
}
