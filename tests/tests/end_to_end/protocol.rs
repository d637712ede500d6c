//! Who breaks the protocol is told how, and both echoes are held to the same rules.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use tests::{BINARY, CLOSE, CONTINUATION, Client, PING, PONG, Raw, Setup, TEXT};
use tests::{frame, unmasked_frame};

use crate::echo::with_both;

/// Sends `bytes` on a new connection; the server has to close it with `code`.
#[track_caller]
fn assert_closed(server: &tests::Server, bytes: &[u8], code: u16, part: &str) {
    let mut raw = Raw::upgrade(server, "/echo");
    raw.write(bytes);
    let (said, reason) = raw.close_frame();
    assert_eq!(said, code, "{reason}");
    assert!(reason.contains(part), "{reason}");
    raw.end_writing();
    assert_eq!(raw.rest(), b"", "nothing follows a Close frame");
    let name = " on /echo: ";
    server.wait_for_log(&[name, part, &format!("closed with {code}")]);
}

#[test]
fn a_message_over_the_limit_is_closed_with_1009_and_both_sizes() {
    with_both(|server| {
        let part = "message of 65537 bytes is over the limit of 65536";
        for opcode in [TEXT, BINARY] {
            assert_closed(server, &frame(opcode, &[b'x'; 65_537]), 1009, part);
        }
        let mut first = frame(TEXT, &[b'x'; 65_000]);
        first[0] &= 0x7f;
        let second = frame(CONTINUATION, &[b'x'; 1_000]);
        let part = "message of 66000 bytes is over the limit of 65536";
        assert_closed(server, &[first, second].concat(), 1009, part);
    });
}

#[test]
fn a_frame_over_the_limit_is_refused_before_its_payload_has_come() {
    with_both(|server| {
        let header_only = &frame(BINARY, &[0; 70_000])[..14];
        let part = "message of 70000 bytes is over the limit of 65536";
        assert_closed(server, header_only, 1009, part);
    });
}

#[test]
fn the_limit_of_a_message_is_an_argument() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--max-message", "10"]).start();
    let mut client = Client::connect(&server, "/echo");
    client.send("0123456789");
    assert_eq!(client.text(), "0123456789");
    client.send("0123456789a");
    let reason = "message of 11 bytes is over the limit of 10".to_owned();
    assert_eq!(client.closed(), (1009, reason));
}

#[test]
fn text_that_is_not_utf_8_is_closed_with_1007() {
    with_both(|server| {
        assert_closed(server, &frame(TEXT, b"\xff"), 1007, "UTF-8");
        // A character may be cut by a fragment, but not by the end of the message.
        let mut first = frame(TEXT, b"\xc3");
        first[0] &= 0x7f;
        let whole = [first.clone(), frame(CONTINUATION, b"\xbc")].concat();
        let mut raw = Raw::upgrade(server, "/echo");
        raw.write(whole);
        assert_eq!(raw.frame(), (TEXT, "ü".as_bytes().to_vec()));
        let half = [first, frame(CONTINUATION, b"")].concat();
        assert_closed(server, &half, 1007, "UTF-8");
    });
}

#[test]
fn frames_that_break_the_rules_are_closed_with_1002() {
    with_both(|server| {
        let mut reserved_bit = frame(TEXT, b"x");
        reserved_bit[0] |= 0x40;
        let mut fragmented_ping = frame(PING, b"x");
        fragmented_ping[0] &= 0x7f;
        let mut unfinished = frame(TEXT, b"x");
        unfinished[0] &= 0x7f;
        for bytes in [
            unmasked_frame(TEXT, b"x"),
            reserved_bit,
            frame(0x3, b"x"),
            fragmented_ping,
            frame(PING, &[0; 126]),
            frame(CONTINUATION, b"x"),
            [unfinished, frame(TEXT, b"x")].concat(),
            frame(CLOSE, b"x"),
        ] {
            assert_closed(server, &bytes, 1002, "");
        }
    });
}

#[test]
fn what_was_sent_before_the_mistake_is_answered_first() {
    with_both(|server| {
        let mut raw = Raw::upgrade(server, "/echo");
        raw.write([frame(TEXT, b"good"), unmasked_frame(TEXT, b"bad")].concat());
        assert_eq!(raw.frame(), (TEXT, b"good".to_vec()));
        assert_eq!(raw.close_frame().0, 1002);
    });
}

#[test]
fn the_close_frame_arrives_although_the_peer_keeps_sending() {
    with_both(|server| {
        let mut raw = Raw::upgrade(server, "/echo");
        raw.write(unmasked_frame(TEXT, b"bad"));
        let mut flooding = raw.0.try_clone().expect("a second handle");
        let flood = thread::spawn(move || {
            let junk = frame(BINARY, &[0; 16_384]);
            while flooding.write_all(&junk).is_ok() {}
        });
        assert_eq!(raw.close_frame().0, 1002);
        raw.0.shutdown(Shutdown::Both).ok();
        flood.join().expect("it does not panic");
    });
}

#[test]
fn a_close_frame_is_answered_with_its_code() {
    with_both(|server| {
        for code in [1000, 1001, 3000, 4999] {
            let client = Client::connect(server, "/echo");
            assert_eq!(client.close(code, "why"), (code, "why".to_owned()));
        }
        let mut raw = Raw::upgrade(server, "/echo");
        raw.write(frame(CLOSE, b""));
        assert_eq!(raw.frame(), (CLOSE, Vec::new()));
        assert_eq!(raw.rest(), b"", "the server ends the connection");
    });
}

#[test]
fn a_close_code_that_may_not_be_sent_is_closed_with_1002() {
    with_both(|server| {
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            let mut raw = Raw::upgrade(server, "/echo");
            raw.write(frame(CLOSE, &code.to_be_bytes()));
            assert_eq!(raw.close_frame().0, 1002, "{code}");
        }
    });
}

#[test]
fn nothing_behind_a_close_frame_is_answered() {
    with_both(|server| {
        let mut raw = Raw::upgrade(server, "/echo");
        let close = frame(CLOSE, &1000_u16.to_be_bytes());
        raw.write([frame(TEXT, b"before"), close, frame(TEXT, b"behind")].concat());
        assert_eq!(raw.frame(), (TEXT, b"before".to_vec()));
        assert_eq!(raw.close_frame().0, 1000);
        let mut rest = Vec::new();
        // What lies unread in the server's socket may make it a reset.
        std::io::Read::read_to_end(&mut raw.0, &mut rest).ok();
        assert_eq!(rest, b"");
    });
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    with_both(|server| {
        let mut raw = Raw::upgrade(server, "/echo");
        for payload in [&b""[..], b"x", &[0xff; 125]] {
            raw.write(frame(PING, payload));
            assert_eq!(raw.frame(), (PONG, payload.to_vec()));
        }
        // A pong that nobody asked for is no mistake (RFC 6455 section 5.5.3).
        raw.write([frame(PONG, b"unasked"), frame(TEXT, b"on")].concat());
        assert_eq!(raw.frame(), (TEXT, b"on".to_vec()));
    });
}

#[test]
fn many_small_fragments_are_one_message() {
    with_both(|server| {
        let mut raw = Raw::upgrade(server, "/echo");
        let mut bytes = frame(TEXT, b"");
        bytes[0] &= 0x7f;
        let mut piece = frame(CONTINUATION, b"x");
        piece[0] &= 0x7f;
        for _ in 0..5_000 {
            bytes.extend(&piece);
        }
        bytes.extend(frame(CONTINUATION, b""));
        raw.write(bytes);
        assert_eq!(raw.frame(), (TEXT, vec![b'x'; 5_000]));
    });
}
