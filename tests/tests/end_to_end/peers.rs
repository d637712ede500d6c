//! Clients that behave badly, or whose network does: each costs itself, and nobody else.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use tests::{
    CLOSE, Client, DEADLINE, PING, Raw, Server, Setup, TEXT, frame, handshake, unmasked_frame,
    wait_until,
};

const MEBIBYTE: u64 = 1024;

#[track_caller]
fn assert_echoes(client: &mut Client) {
    client.send("still here");
    assert_eq!(client.text(), "still here");
}

/// Writes `bytes` over and over until the other side has closed or taken nothing for a second, from where `taken` says that it
/// stopped the last time; counts there what it took.
fn write_until_refused(raw: &mut Raw, bytes: &[u8], taken: &mut usize) {
    let second = Some(Duration::from_secs(1));
    raw.0.set_write_timeout(second).expect("a valid timeout");
    let deadline = Instant::now() + DEADLINE;
    while let Ok(count) = raw.0.write(&bytes[*taken % bytes.len()..]) {
        *taken += count;
        assert!(
            Instant::now() < deadline,
            "it takes and takes: {taken} bytes"
        );
    }
}

/// Who ends its sending side has said all, and still listens.
#[test]
fn one_that_is_half_closed_still_gets_its_answers() {
    let server = Server::start();
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/echo", &[]));
    raw.write([frame(TEXT, b"first"), frame(TEXT, &[b'x'; 60_000])].concat());
    raw.end_writing();
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(raw.frame(), (TEXT, b"first".to_vec()));
    assert_eq!(raw.frame(), (TEXT, vec![b'x'; 60_000]));
    raw.rest();
}

/// Cut off in the head, in a frame's header, in its payload, between fragments, with and without a
/// reset: threads and files come back, and the others do not notice.
#[test]
fn those_that_vanish_in_the_middle_leave_nothing_behind() {
    let server = Server::start();
    let mut bystander = Client::connect(&server, "/echo");
    let (threads, files) = (server.threads(), server.open_files());
    let whole = [
        handshake("/echo", &[]).into_bytes(),
        frame(TEXT, &[b'x'; 200]),
    ]
    .concat();
    for cut in [
        1,
        40,
        whole.len() - 204,
        whole.len() - 202,
        whole.len() - 100,
    ] {
        for is_reset in [false, true] {
            let mut raw = Raw::connect(&server);
            raw.write(&whole[..cut]);
            server.wait_until_it_has_read([&raw]);
            if is_reset {
                let linger = rustix::net::sockopt::set_socket_linger(&raw.0, Some(Duration::ZERO));
                linger.expect("a live socket");
            }
        }
    }
    let mut raw = Raw::upgrade(&server, "/echo");
    raw.write([0x01, 0x81, 0, 0, 0, 0, b'x']);
    server.wait_until_it_has_read([&raw]);
    drop(raw);
    wait_until("threads and files come back", || {
        server.threads() == threads && server.open_files() == files
    });
    assert_echoes(&mut bystander);
}

/// A plain close would answer the next byte with a reset, and the Close frame could be lost.
#[test]
fn one_that_goes_on_byte_by_byte_after_its_mistake_gets_its_close_frame() {
    let server = Server::start();
    let mut raw = Raw::upgrade(&server, "/echo");
    let mut sender = raw.0.try_clone().expect("a second handle");
    raw.write(unmasked_frame(TEXT, b"x"));
    let sending = std::thread::spawn(move || {
        // Ends with the reset that the server's close brings, two seconds after the mistake.
        while sender.write_all(b"x").is_ok() {
            std::thread::park_timeout(Duration::from_millis(100));
        }
    });
    server.wait_for_log(&["closed with 1002"]);
    // It looks only after the server has read some of the bytes behind the mistake.
    wait_until("it lingers", || !server.has_unread_bytes(&raw));
    assert_eq!(raw.close_frame().0, 1002);
    // Our side is closed in good order first, the rest of the bytes is dropped.
    assert_eq!(raw.rest(), b"");
    wait_until("the socket is closed", || sending.is_finished());
    sending.join().expect("it does not panic");
}

/// Each ping is owed a pong: who takes none of them must be read no further.
#[test]
fn a_flood_of_pings_from_one_that_never_reads_is_stopped_at_its_source() {
    let server = Server::start();
    let mut bystander = Client::connect(&server, "/echo");
    let resident = server.resident_kib();
    let mut raw = Raw::upgrade(&server, "/echo");
    let pings: Vec<u8> = (0..500).flat_map(|_| frame(PING, &[b'p'; 125])).collect();
    let mut taken = 0;
    // On a busy machine a server that only had no turn takes nothing for a second either, but does not sleep then.
    wait_until("it is read no further", || {
        write_until_refused(&mut raw, &pings, &mut taken);
        server.all_threads_sleep() && server.has_unread_bytes(&raw)
    });
    let grown = server.resident_kib().saturating_sub(resident);
    assert!(
        grown < 16 * MEBIBYTE,
        "{grown} KiB more after {taken} bytes"
    );
    // Not closed, but not read: what it sends waits on its own machine.
    assert_echoes(&mut bystander);
    let before = server.processor_time();
    raw.0.write(&[0]).expect_err("nobody reads");
    let used = server.processor_time() - before;
    assert!(used < Duration::from_millis(250), "{used:?} of a second");
}

/// Nothing behind a Close frame means anything: the connection ends although more comes.
#[test]
fn one_that_floods_after_its_close_frame_is_cut_off() {
    let server = Server::start();
    let mut bystander = Client::connect(&server, "/echo");
    let files = server.open_files();
    let mut raw = Raw::upgrade(&server, "/echo");
    raw.write(frame(CLOSE, &1000_u16.to_be_bytes()));
    let messages: Vec<u8> = (0..500).flat_map(|_| frame(TEXT, &[b'm'; 1000])).collect();
    write_until_refused(&mut raw, &messages, &mut 0);
    wait_until("its socket is closed", || server.open_files() == files);
    assert_echoes(&mut bystander);
}

/// Thousands of messages are over the limit, and one of them is the reason.
#[test]
fn one_that_floods_over_its_rate_is_closed_once_and_logged_once() {
    let setup = Setup::new().plugins(&["echo"]);
    let text = "client.messages_per_second = 100\n";
    let mut server = setup.configuration(text).start();
    let mut raw = Raw::upgrade(&server, "/echo");
    let mut sender = raw.0.try_clone().expect("a second handle");
    let sending = std::thread::spawn(move || {
        let messages: Vec<u8> = (0..500).flat_map(|_| frame(TEXT, b"m")).collect();
        while sender.write_all(&messages).is_ok() {}
    });
    let mut echoes = 0;
    let (code, reason) = loop {
        let (opcode, payload) = raw.frame();
        if opcode == CLOSE {
            let reason = String::from_utf8(payload[2..].to_vec()).expect("a reason is UTF-8");
            break (u16::from_be_bytes([payload[0], payload[1]]), reason);
        }
        echoes += 1;
    };
    assert_eq!((code, &*reason), (1008, "more than 100 messages a second"));
    assert!((100..1000).contains(&echoes), "{echoes} echoes");
    // Nothing follows but the end, in good order or, since it goes on and on, by a reset.
    let mut rest = Vec::new();
    raw.0.read_to_end(&mut rest).ok();
    assert_eq!(rest, b"");
    sending.join().expect("it does not panic");
    server.wait_for_log(&["more than 100 messages a second; closed with 1008"]);
    drop(raw);
    server.stop();
    server.assert_logged(1, &["more than 100 messages a second"]);
}

/// Its window is closed for good, as that of a machine that was put to sleep.
#[test]
fn one_that_takes_no_byte_is_cut_off_after_the_write_timeout() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup
        .configuration("client.write_timeout = \"500ms\"\nclient.backlog = \"64MiB\"\n")
        .start();
    let mut bystander = Client::connect(&server, "/probe");
    let files = server.open_files();
    let mut raw = Raw::upgrade(&server, "/probe");
    // More than the sockets' buffers hold, less than the backlog may.
    raw.write(frame(TEXT, b"burst 3000000"));
    server.wait_for_log(&[
        "WARN",
        "client 2 on /probe has taken no byte for 500ms; dropped",
    ]);
    server.wait_for_log(&["plugin::probe: closed 2: 1006 by Server"]);
    wait_until("its socket is closed", || server.open_files() == files);
    assert_eq!(bystander.text(), "client 2 has left");
    bystander.send("id");
    assert_eq!(bystander.text(), "1");
}

/// An answer larger than all buffers, of which nobody takes a byte, must not hold up the stop.
#[test]
fn a_long_answer_that_nobody_reads_does_not_hold_up_the_stop() {
    let arguments = ["--stop-timeout", "2s"];
    let setup = Setup::new().plugins(&["probe"]).arguments(&arguments);
    let mut server = setup.start();
    let mut raw = Raw::connect(&server);
    raw.write("GET /probe?bytes=16000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    server.wait_for_log(&["on_request answers 16000000 bytes"]);
    assert!(raw.head().starts_with("HTTP/1.1 200 "));
    let started = Instant::now();
    server.stop();
    let lasted = started.elapsed();
    assert!(
        lasted < Duration::from_secs(9),
        "the default is 10 s: {lasted:?}"
    );
}
