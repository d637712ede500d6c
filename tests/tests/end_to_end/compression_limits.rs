//! Compressed messages that are too much, or no messages: judged as they come, at bounded cost, and only their client ends.

use std::time::Duration;

use tests::{CLOSE, COMPRESSED, CONTINUATION, Client, Compressing, PING, Raw, Server, Setup, TEXT};
use tests::{frame, handshake, json_line, need_open_files, wait_until};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate";
/// RFC 7692 section 7.2.3.1.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn server(configuration: &str) -> Server {
    Setup::new()
        .plugins(&["echo"])
        .configuration(configuration)
        .start()
}

/// A client that may compress.
#[track_caller]
fn connect(server: &Server) -> Raw {
    let mut raw = Raw::connect(server);
    raw.write(handshake("/echo", &[OFFER]));
    let head = raw.head();
    assert!(head.contains("permessage-deflate"), "{head}");
    raw
}

/// A message of so many zeros, compressed.
fn zeros(count: usize) -> Vec<u8> {
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    let mut out = Vec::with_capacity(count / 500 + 100);
    let flush = flate2::FlushCompress::Sync;
    deflate
        .compress_vec(&vec![0; count], &mut out, flush)
        .expect("it compresses");
    out.truncate(out.len() - 4);
    out
}

fn fragment(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut fragment = frame(opcode, payload);
    fragment[0] &= 0x7f;
    fragment
}

#[test]
fn each_way_to_break_the_rules_is_told_with_its_code_and_reason() {
    let server = server("");
    let too_big = "compressed message of more bytes than the limit of 65536";
    let cut_off = "compressed message is cut off";
    let damaged = "compressed message is damaged";
    for (bytes, code, reason) in [
        (
            [
                fragment(COMPRESSED | TEXT, &HELLO[..3]),
                frame(COMPRESSED | CONTINUATION, &HELLO[3..]),
            ]
            .concat(),
            1002,
            "compressed bit in a continuation",
        ),
        (
            frame(COMPRESSED | PING, b"x"),
            1002,
            "compressed control frame",
        ),
        (
            frame(0x20 | TEXT, b"x"),
            1002,
            "reserved bit set that no extension has, which was negotiated",
        ),
        (frame(COMPRESSED | TEXT, &HELLO[..5]), 1007, cut_off),
        (frame(COMPRESSED | TEXT, b"\xff\xff\xff\xff"), 1007, damaged),
        // A block that was the last, and behind it what is none.
        (
            frame(
                COMPRESSED | TEXT,
                &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xff, 0xff],
            ),
            1007,
            damaged,
        ),
        // What refers back to where nothing was said.
        (
            frame(COMPRESSED | TEXT, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
            1007,
            damaged,
        ),
        // The text \xff, stored.
        (
            frame(
                COMPRESSED | TEXT,
                &[0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00],
            ),
            1007,
            "text is not valid UTF-8",
        ),
        (frame(COMPRESSED | TEXT, &zeros(65_537)), 1009, too_big),
        (frame(COMPRESSED | TEXT, &zeros(50_000_000)), 1009, too_big),
        (
            // It does not even become as much.
            [
                fragment(COMPRESSED | TEXT, &[0; 65_536]),
                vec![0x80, 0xfe, 0xff, 0xff],
            ]
            .concat(),
            1007,
            damaged,
        ),
    ] {
        let mut raw = connect(&server);
        raw.write(frame(COMPRESSED | TEXT, &HELLO));
        assert_eq!(raw.frame(), (TEXT, b"Hello".to_vec()));
        raw.write(&bytes);
        assert_eq!(raw.close_frame(), (code, reason.to_owned()));
        raw.end_writing();
        assert_eq!(raw.rest(), b"", "nothing follows a Close frame");
        server.wait_for_log(&["on /echo: ", reason, &format!("closed with {code}")]);
    }
    // A message of exactly the limit, of which little comes.
    let mut client = Compressing::connect(&server, "/echo", &["permessage-deflate"]);
    client.raw.write(frame(COMPRESSED | TEXT, &zeros(65_536)));
    assert_eq!(client.hear().text.len(), 65_536);
}

/// What is announced is judged before it comes, where it could only be too much.
#[test]
fn a_compressed_message_that_is_longer_than_what_it_may_become_is_refused_by_its_header() {
    let server = server("");
    let mut raw = connect(&server);
    raw.write([0x80 | COMPRESSED | TEXT, 0xff, 0, 0, 0, 0, 0, 2, 0, 0]);
    let (code, reason) = raw.close_frame();
    assert_eq!(code, 1009, "{reason}");
    raw.end_writing();
    assert_eq!(raw.rest(), b"");
}

/// Blocks that are empty become nothing, and there may be only so many of them.
#[test]
fn a_message_of_empty_blocks_and_fragments_ends() {
    let server = server("");
    let mut raw = connect(&server);
    let empty = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(1000);
    raw.write(fragment(COMPRESSED | TEXT, &empty));
    for _ in 0..13 {
        // The server may have closed by now.
        std::io::Write::write_all(&mut raw.0, &fragment(CONTINUATION, &empty)).ok();
    }
    let (code, reason) = raw.close_frame();
    assert_eq!(code, 1009, "{reason}");
}

#[test]
fn rates_count_what_messages_become() {
    let server = server("[client]\nbytes_per_second = \"1 KiB\"\nbytes_burst = \"70 KiB\"\n");
    let mut raw = connect(&server);
    raw.write(frame(COMPRESSED | TEXT, &zeros(60_000)));
    raw.write(frame(COMPRESSED | TEXT, &zeros(60_000)));
    let (_, first, _) = frame_of(&mut raw);
    assert!(first.len() < 200, "compressed");
    let (opcode, payload, _) = frame_of(&mut raw);
    assert_eq!(opcode, CLOSE);
    assert_eq!(payload[..2], 1008_u16.to_be_bytes());
    server.wait_for_log(&["more than 1024 bytes a second"]);
}

/// A frame whose extension bits are not looked at.
fn frame_of(raw: &mut Raw) -> (u8, Vec<u8>, bool) {
    let header = raw.bytes(2);
    let length = match header[1] {
        126 => u16::from_be_bytes(raw.bytes(2).try_into().expect("two")).into(),
        short => usize::from(short),
    };
    let is_compressed = header[0] & COMPRESSED != 0;
    (header[0] & 0x0f, raw.bytes(length), is_compressed)
}

/// Two thousand clients send what would become 50 MB each; who is honest beside them notices nothing but that the
/// machine is busy.
#[test]
fn two_thousand_bombs_end_their_clients_and_nobody_else() {
    const BOMBS: usize = 2000;
    need_open_files(3 * BOMBS as u64);
    let server = server("");
    let bomb = frame(COMPRESSED | TEXT, &zeros(50_000_000));
    let mut honest: Vec<_> = (0..20)
        .map(|_| Compressing::as_browser(&server, "/echo"))
        .collect();
    let mut plain = Client::connect(&server, "/echo");
    let before = server.resident_kib();
    let mut bombers: Vec<_> = (0..BOMBS).map(|_| connect(&server)).collect();
    let time = server.processor_time();
    for (number, bomber) in bombers.iter_mut().enumerate() {
        // It may be refused before all of it has come.
        std::io::Write::write_all(&mut bomber.0, &bomb).ok();
        if number % 100 == 0 {
            for (index, client) in honest.iter_mut().enumerate() {
                let text = json_line(number + index, 2000);
                client.say(&text);
                assert_eq!(client.hear().text, text);
            }
            plain.send("still here");
            assert_eq!(plain.text(), "still here");
        }
    }
    for bomber in &mut bombers {
        let (code, reason) = bomber.close_frame();
        assert_eq!(code, 1009, "{reason}");
        bomber.end_writing();
    }
    drop(bombers);
    let spent = server.processor_time() - time;
    // Inflated whole it would be 100 GB, of which a processor inflates a few a second.
    assert!(
        spent < Duration::from_secs(20),
        "{spent:?} for {BOMBS} bombs"
    );
    wait_until("what they took is given back", || {
        server.resident_kib() < before + 96 * 1024
    });
    for client in &mut honest {
        let text = json_line(1, 2000);
        client.say(&text);
        assert_eq!(client.hear().text, text);
    }
}

/// A window is held while a message is under way and not longer, unless messages refer to each other.
#[test]
fn who_has_been_silent_for_a_while_holds_no_window() {
    const CLIENTS: usize = 300;
    // Nobody answers a ping while the others are connected, which takes long on a busy machine.
    let times = "[client]\nping_interval = \"200ms\"\npong_timeout = \"1h\"\n";
    let setup = Setup::new().plugins(&["echo"]).with_pings();
    let server = setup.configuration(times).start();
    let held_by = |offers: &[&str]| {
        let before = server.resident_kib();
        let mut clients: Vec<_> = (0..CLIENTS)
            .map(|_| Compressing::connect(&server, "/echo", offers))
            .collect();
        for (number, client) in clients.iter_mut().enumerate() {
            let text = json_line(number, 3000);
            client.say(&text);
            // It may have been pinged before.
            while client.frame().0 == PING {}
        }
        // Each is silent for as long, and pinged.
        for client in &mut clients {
            assert_eq!(client.frame().0, PING);
        }
        (server.resident_kib().saturating_sub(before), clients)
    };
    let (first, _first) = held_by(&["permessage-deflate"]);
    let (held, _second) = held_by(&["permessage-deflate"]);
    // A window and what belongs to it are 44 KiB; what a client costs beside that is a thread that has run.
    let most = CLIENTS as u64 * 45;
    assert!(
        first.min(held) < most,
        "{first} and {held} KiB for {CLIENTS} clients each"
    );
}
