//! Each way to break the framing rules, in one piece and byte by byte: the peer is told the code and
//! the reason in a Close frame, and so are the plugin and the log.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use tests::{BINARY, CLOSE, CONTINUATION, Client, PING, Raw, Server, Setup, TEXT};
use tests::{frame, unmasked_frame};

/// A frame that is not the last of its message.
fn fragment(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut fragment = frame(opcode, payload);
    fragment[0] &= 0x7f;
    fragment
}

/// The bytes up to the one that breaks the rule, the close code and the reason.
fn violations() -> Vec<(Vec<u8>, u16, &'static str)> {
    let begun = fragment(TEXT, b"x");
    let mut half_a_code = frame(CLOSE, b"x");
    half_a_code.truncate(2);
    let mut cut_character = frame(TEXT, b"ab\xc3\x28 and what is announced does not come");
    cut_character.truncate(2 + 4 + 4);
    let not_in_extension = "reserved bit set, and no extension was negotiated";
    let in_message = "new message before the end of the fragmented one";
    let over = "message of 65537 bytes is over the limit of 65536";
    let negative = "negative length";
    vec![
        (
            unmasked_frame(TEXT, b"x")[..2].to_vec(),
            1002,
            "unmasked frame",
        ),
        (vec![0xc1], 1002, not_in_extension),
        (vec![0xa1], 1002, not_in_extension),
        (vec![0x99], 1002, not_in_extension),
        (vec![0x83], 1002, "reserved opcode 3"),
        (vec![0x8f], 1002, "reserved opcode 15"),
        (vec![PING], 1002, "fragmented control frame"),
        (
            vec![0x80 | PING, 0xfe],
            1002,
            "control frame of more than 125 bytes",
        ),
        (
            vec![0x80 | CLOSE, 0xff],
            1002,
            "control frame of more than 125 bytes",
        ),
        (
            vec![0x80 | CONTINUATION],
            1002,
            "continuation of no message",
        ),
        ([&begun[..], &[0x80 | TEXT]].concat(), 1002, in_message),
        ([&begun[..], &[BINARY]].concat(), 1002, in_message),
        (half_a_code, 1002, "close frame with half a code"),
        (
            frame(CLOSE, &1005_u16.to_be_bytes()),
            1002,
            "close code 1005 may not be sent",
        ),
        (
            vec![0x80 | BINARY, 0xfe, 0, 125],
            1002,
            "length of 125 not in its shortest form",
        ),
        (
            vec![0x80 | BINARY, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            1002,
            "length of 65535 not in its shortest form",
        ),
        (vec![0x80 | BINARY, 0xff, 0x80], 1002, negative),
        (vec![0x80 | TEXT, 0xff, 0, 0, 0, 0, 0, 1, 0, 1], 1009, over),
        (
            [fragment(BINARY, &[0; 65_536]), vec![0x80, 0x81]].concat(),
            1009,
            over,
        ),
        (cut_character, 1007, "text is not valid UTF-8"),
        (
            [fragment(TEXT, b"\xed"), frame(CONTINUATION, b"\xa0")].concat(),
            1007,
            "text is not valid UTF-8",
        ),
        (
            frame(CLOSE, b"\x03\xe8\xff"),
            1007,
            "text is not valid UTF-8",
        ),
    ]
}

fn faulty() -> Server {
    Setup::new().plugins(&["faulty", "echo"]).start()
}

/// Sends a message and `bytes`; the message is answered, the rest refused, and everyone is told.
#[track_caller]
fn assert_refused(server: &Server, id: usize, write: impl FnOnce(&mut Raw), told: (u16, &str)) {
    let (code, reason) = told;
    let mut raw = Raw::upgrade(server, "/faulty");
    raw.write(frame(TEXT, b"nothing"));
    write(&mut raw);
    assert_eq!(raw.frame(), (TEXT, b"done".to_vec()), "{reason}");
    assert_eq!(raw.close_frame(), (code, reason.to_owned()));
    raw.end_writing();
    assert_eq!(raw.rest(), b"", "nothing follows a Close frame");
    server.wait_for_log(&[&format!("plugin::faulty: error of {id}: {reason}")]);
    server.wait_for_log(&[&format!("plugin::faulty: closed {id}: {code} ")]);
    let line = format!("client {id} on /faulty: {reason}; closed with {code}");
    server.assert_logged(1, &[&line]);
}

#[test]
fn in_one_piece() {
    let server = faulty();
    for (id, (bytes, code, reason)) in (1..).zip(violations()) {
        assert_refused(&server, id, |raw| raw.write(bytes), (code, reason));
    }
}

#[test]
fn byte_by_byte() {
    let server = faulty();
    for (id, (bytes, code, reason)) in (1..).zip(violations()) {
        // The last bytes alone; 65,536 packets would take long and show nothing else.
        let (at_once, bytewise) = bytes.split_at(bytes.len().saturating_sub(40));
        let write = |raw: &mut Raw| {
            raw.write(at_once);
            for byte in bytewise {
                server.wait_until_it_has_read([&*raw]);
                raw.write([*byte]);
            }
        };
        assert_refused(&server, id, write, (code, reason));
    }
}

#[test]
fn the_close_frame_arrives_although_the_peer_keeps_sending() {
    let server = faulty();
    for (bytes, code, reason) in violations() {
        let mut raw = Raw::upgrade(&server, "/faulty");
        raw.write(bytes);
        let mut flooding = raw.0.try_clone().expect("a second handle");
        let flood = thread::spawn(move || while flooding.write_all(&[0xff; 16_384]).is_ok() {});
        assert_eq!(raw.close_frame(), (code, reason.to_owned()));
        raw.0.shutdown(Shutdown::Both).ok();
        flood.join().expect("it does not panic");
    }
}

#[test]
fn a_flood_of_empty_fragments_is_ended_and_holds_up_nobody() {
    let server = faulty();
    let mut raw = Raw::upgrade(&server, "/echo");
    let mut flooding = raw.0.try_clone().expect("a second handle");
    let flood = thread::spawn(move || {
        let empty = fragment(CONTINUATION, b"").repeat(10_000);
        flooding.write_all(&fragment(TEXT, b"")).ok();
        for _ in 0..500 {
            if flooding.write_all(&empty).is_err() {
                return;
            }
        }
    });
    let mut other = Client::connect(&server, "/echo");
    other.send("still here");
    assert_eq!(other.text(), "still here");
    let reason = "message of more than 1048576 fragments".to_owned();
    assert_eq!(raw.close_frame(), (1009, reason));
    raw.0.shutdown(Shutdown::Both).ok();
    flood.join().expect("it does not panic");
}

#[test]
fn as_many_fragments_as_the_message_has_bytes_are_allowed() {
    let server = faulty();
    let mut raw = Raw::upgrade(&server, "/echo");
    let mut bytes = fragment(TEXT, b"x");
    bytes.extend(fragment(CONTINUATION, b"x").repeat(65_534));
    bytes.extend(frame(CONTINUATION, b"x"));
    raw.write(bytes);
    assert_eq!(raw.frame(), (TEXT, vec![b'x'; 65_536]));
}

/// Cause: tungstenite reserves what a header announces, here 200 GiB in all.
#[test]
fn what_is_only_announced_takes_no_memory() {
    const CLIENTS: usize = 200;
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--max-message", "1GiB"]).start();
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut raw = Raw::upgrade(&server, "/echo");
            raw.write(frame(TEXT, b"warm"));
            assert_eq!(raw.frame(), (TEXT, b"warm".to_vec()));
            raw
        })
        .collect();
    let (resident, data) = (server.resident_kib(), server.data_kib());
    for client in &mut clients {
        // 1 GiB, a mask, and one byte of it.
        client.write([
            0x80 | BINARY,
            0xff,
            0,
            0,
            0,
            0,
            0x40,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            7,
        ]);
    }
    server.wait_until_it_has_read(&clients);
    // One after the others has been through the same way.
    let mut last = Client::connect(&server, "/echo");
    last.send("last");
    assert_eq!(last.text(), "last");
    let resident = server.resident_kib().saturating_sub(resident);
    let data = server.data_kib().saturating_sub(data);
    assert!(resident < 4 * 1024, "{resident} KiB more resident");
    assert!(data < 16 * 1024, "{data} KiB more reserved");
}
