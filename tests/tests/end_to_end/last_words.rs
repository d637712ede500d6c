//! What a client said before it went is delivered.
//!
//! Cause: scripts that connect, say one thing and go without reading. They are broadcast to like all
//! others; that write failed, and what they had said was dropped with it: 233 to 517 of 3,000.
//! `DETENT_LONG=1` makes it 20,000 scripts of each kind.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::Shutdown;
use std::thread;

use tests::{Client, Raw, Server, Setup, TEXT, frame, handshake, wait_until};

const SIDE_BY_SIDE: usize = 6;

/// Ends a script: unread bytes make a reset of it, or it is one from the beginning.
type Leave = fn(Raw);

fn scripts() -> usize {
    match std::env::var_os("DETENT_LONG") {
        Some(_) => 20_000,
        None => 1_200,
    }
}

fn start(plugin: &str) -> Server {
    let server = Setup::new().plugins(&[plugin]);
    server.arguments(&["--log-level", "info"]).start()
}

/// Six scripts at a time, all of them members of the route: each connects, is upgraded, says one thing, sees
/// that it is acknowledged, and goes.
fn run_scripts(server: &Server, path: &str, count: usize, word: &str, leave: Leave) {
    thread::scope(|scope| {
        for first in 0..SIDE_BY_SIDE {
            scope.spawn(move || {
                for number in (first..count).step_by(SIDE_BY_SIDE) {
                    // Who is inside names this machine.
                    let host = format!("Host: {}", server.address());
                    let head = handshake(path, &[]).replace("Host: example.org", &host);
                    let mut script = Raw::connect(server);
                    script.write(head);
                    script.head();
                    script.write(frame(TEXT, format!("{word}{number}").as_bytes()));
                    script.wait_until_acknowledged();
                    leave(script);
                }
            });
        }
    });
}

#[track_caller]
fn assert_all_are_heard(others: usize, leave: Leave) {
    let server = start("push");
    let mut listener = Client::connect(&server, "/push");
    let others: Vec<_> = (0..others)
        .map(|_| Raw::upgrade(&server, "/push"))
        .collect();
    let mut missing: BTreeSet<usize> = (0..scripts()).collect();
    thread::scope(|scope| {
        for other in &others {
            scope.spawn(|| {
                let mut socket = &other.0;
                // They hear it too, and keep nothing.
                while socket.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
            });
        }
        let hearing = scope.spawn(|| {
            while !missing.is_empty() {
                let number = listener.text().parse().expect("a number");
                assert!(missing.remove(&number), "{number} comes again");
            }
        });
        run_scripts(&server, "/push", scripts(), "", leave);
        hearing.join().expect("all are heard");
        for other in &others {
            other.0.shutdown(Shutdown::Both).expect("it is connected");
        }
    });
}

#[test]
fn what_scripts_say_that_go_without_reading_is_heard() {
    assert_all_are_heard(0, drop);
}

#[test]
fn what_scripts_say_that_reset_their_connection_is_heard() {
    assert_all_are_heard(0, Raw::reset);
}

#[test]
fn what_scripts_say_is_heard_while_fifty_others_are_broadcast_to() {
    assert_all_are_heard(50, drop);
}

#[test]
fn on_close_comes_once_and_behind_the_last_message() {
    const SCRIPTS: usize = 300;
    let server = start("probe");
    run_scripts(&server, "/probe", SCRIPTS, "broadcast ", Raw::reset);
    wait_until("all have left", || {
        server.count_log(&["closed "]) == SCRIPTS
    });
    assert_eq!(server.count_log(&["closed ", "after 1 messages"]), SCRIPTS);
}

/// A peer that only ends its writing, and whose socket then takes nothing of what it is sent.
#[test]
fn what_came_before_a_reset_in_the_middle_of_a_callback_is_taken() {
    let server = start("probe");
    let mut other = Client::connect(&server, "/probe");
    let mut script = Raw::upgrade(&server, "/probe");
    // The first callback sends more than is read; the others wait in the socket.
    let words: Vec<u8> = (0..100)
        .flat_map(|number| frame(TEXT, format!("broadcast-except 2 {number}").as_bytes()))
        .collect();
    script.write([frame(TEXT, b"burst 20000"), words].concat());
    script.wait_until_acknowledged();
    script.reset();
    for number in 0..100 {
        assert_eq!(other.text(), number.to_string());
    }
    server.wait_for_log(&["closed 2: 1006", "after 101 messages"]);
}
