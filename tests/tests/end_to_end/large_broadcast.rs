//! A large message for many who do not read: held once, and none of them stays for ever.
//!
//! Cause: with `--max-message "16 MiB"`, one such message for 100 members that did not read took 1.4 GiB: each
//! held a copy of what its socket had not taken, which no limit counted; and who took a little of it now and then
//! held it for as long as it liked.

use std::io::{ErrorKind, Read};

use tests::{CLOSE, Client, Raw, Server, Setup, TEXT, wait_until};

const MESSAGE_KIB: u64 = 16 * 1024;
const MEMBERS: usize = 100;
/// What members cost, and what heaps keep.
const SLACK_KIB: u64 = 12 * 1024;

fn start(lines: &str) -> Server {
    let configuration = format!("[log]\nlevel = \"warn\"\n[client]\nmessage = \"16 MiB\"\n{lines}");
    let setup = Setup::new().plugins(&["chat"]);
    setup.configuration(&configuration).start()
}

#[test]
fn one_large_message_is_held_once_for_all_who_do_not_read() {
    let server = start("");
    let members: Vec<Raw> = (0..MEMBERS)
        .map(|_| Raw::upgrade(&server, "/chat"))
        .collect();
    let mut speaker = Client::connect(&server, "/chat");
    let before = server.resident_kib();
    speaker.send(&"x".repeat(MESSAGE_KIB as usize * 1024 - 100));
    let heard = speaker.text().len() as u64 / 1024;
    assert!(heard >= MESSAGE_KIB - 1);
    // The message, the plugin's copy, the frame, and what grows while it comes in.
    let most = server.peak_resident_kib().saturating_sub(before);
    assert!(most < 4 * MESSAGE_KIB + SLACK_KIB, "{most} KiB at most");
    wait_until("only the frame is held", || {
        server.resident_kib() < before + MESSAGE_KIB + SLACK_KIB
    });
    drop(members);
    wait_until("nothing is held", || {
        server.resident_kib() < before + SLACK_KIB
    });
}

#[test]
fn who_takes_a_large_message_bit_by_bit_is_closed_in_time() {
    let server = start("write_timeout = \"2s\"\nclose_timeout = \"500ms\"\n");
    let mut slow = Raw::upgrade(&server, "/chat");
    // With a small buffer the server's socket takes something each time.
    let small = 32 * 1024;
    rustix::net::sockopt::set_socket_recv_buffer_size(&slow.0, small).expect("a live socket");
    let mut speaker = Client::connect(&server, "/chat");
    speaker.send(&"x".repeat(MESSAGE_KIB as usize * 1024 - 100));
    speaker.text();
    let mut taken = 0;
    let mut buffer = vec![0; 16 * 1024];
    while server.count_log(&["has been over the limit of 1048576 for 2s; closed with 1008"]) == 0 {
        taken += slow.0.read(&mut buffer).expect("more of it is there");
        assert!(taken < 12 * 1024 * 1024, "never closed:\n{}", server.log());
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    // Nor does it stay for taking the rest bit by bit.
    let ended = loop {
        match slow.0.read(&mut buffer) {
            Ok(count) if count > 0 => taken += count,
            ended => break ended,
        }
    };
    let is_cut = ended.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true);
    assert!(is_cut && taken < MESSAGE_KIB as usize * 1024);
}

#[test]
fn who_reads_gets_a_message_over_the_limit_of_the_backlog() {
    let server = start("backlog = \"1 KiB\"\n");
    let mut member = Raw::upgrade(&server, "/chat");
    let mut speaker = Client::connect(&server, "/chat");
    for round in 0..3 {
        let text = round.to_string().repeat(1024 * 1024);
        speaker.send(&text);
        let (opcode, payload) = member.frame();
        assert_eq!((opcode, payload.ends_with(text.as_bytes())), (TEXT, true));
        assert!(speaker.text().ends_with(&text));
    }
    drop(speaker);
    let mut server = server;
    server.stop();
    assert_eq!(member.frame().0, CLOSE);
}
