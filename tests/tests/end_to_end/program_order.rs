//! What a callback does is seen by its client in that order: publish, send, flush, close; from one callback to
//! the next, beside floods, and with hot swaps between.
//!
//! Cause: a broadcast passes the hub and an answer does not, so that of `broadcast 1, send 2, broadcast 3,
//! send 4, close` most clients saw `2 4`. `DETENT_LONG=1` makes it 10,000 times.

use std::fs;
use std::thread;

use tests::{CLOSE, Client, Raw, Server, Setup, TEXT, compile_c, frame, library};

fn times() -> usize {
    match std::env::var_os("DETENT_LONG") {
        Some(_) => 10_000,
        None => 400,
    }
}

fn start() -> Server {
    // Nobody is closed for being slow on a busy machine.
    let backlog = ["--max-backlog", "64 MiB"];
    let arguments = [
        &backlog[..],
        &["--log-level", "info", "--set", "probe.text=x"],
    ]
    .concat();
    Setup::new()
        .plugins(&["probe"])
        .arguments(&arguments)
        .start()
}

/// Each round in one callback, the next one while the hub may be at work on this one.
#[track_caller]
fn assert_rounds_are_in_order(client: &mut Client, rounds: usize) {
    client.send("join t");
    for round in 1..=rounds {
        assert_eq!(flooded_in(client, round), 0, "nobody has ordered a flood");
    }
}

/// A round is heard in its order; gives how many messages of floods came between.
#[track_caller]
fn flooded_in(client: &mut Client, round: usize) -> usize {
    let commands = [
        format!("broadcast {round} a"),
        format!("say {round} b"),
        format!("publish t {round} c"),
        format!("say {round} d"),
        "flush".to_owned(),
        format!("broadcast {round} e"),
    ];
    client.send(&format!("all {}", commands.join("; ")));
    // The next callback answers, behind what the one before has said.
    client.send(&format!("say {round} f"));
    let mut flooded = 0;
    for letter in ["a", "b", "c", "d", "e", "f"] {
        let own = loop {
            let text = client.text();
            if !is_of_flood(&text) {
                break text;
            }
            flooded += 1;
        };
        assert_eq!(own, format!("{round} {letter}"));
    }
    flooded
}

fn is_of_flood(text: &str) -> bool {
    text.starts_with('0')
}

#[test]
fn a_callback_is_seen_in_its_order_and_the_next_one_behind_it() {
    let server = start();
    let mut client = Client::connect(&server, "/probe");
    assert_rounds_are_in_order(&mut client, times());
}

/// Cause: floods that never ended filled the backlog of a client that reads as slowly as the machine is busy. Now it hears all of
/// those of one round before it orders the next.
#[test]
fn it_holds_beside_floods() {
    let floods = [(2_000, 100), (200, 30_000)];
    let server = start();
    let mut client = Client::connect(&server, "/probe");
    client.send("join t");
    for round in 1..=times() / 10 {
        let mut left = 0;
        for (messages, bytes) in floods {
            client.send(&format!("flood {messages} {bytes}"));
            left += messages;
        }
        assert!(is_of_flood(&client.text()), "it has begun");
        left -= 1 + flooded_in(&mut client, round);
        for _ in 0..left {
            assert!(is_of_flood(&client.text()));
        }
    }
}

#[test]
fn it_holds_with_hot_swaps_between() {
    let server = start();
    let mut bytes = fs::read(library("probe")).expect("it is built");
    let mut client = Client::connect(&server, "/probe");
    let swaps = if times() > 1000 { 100 } else { 5 };
    thread::scope(|scope| {
        let speaking = scope.spawn(|| assert_rounds_are_in_order(&mut client, times()));
        for _ in 0..swaps {
            // The same code with a note behind it.
            bytes.push(b'\n');
            server.put_plugin("libprobe.so", &bytes);
            let line = server.reload();
            assert!(line.contains("code of route /probe"), "{line}");
        }
        speaking.join().expect("all is in order");
    });
    // The probe tells of clients that it takes over as of new ones.
    server.kill();
}

/// The very sequence that was reported, with a client for each.
#[test]
fn a_close_comes_behind_what_the_callback_has_said() {
    let server = start();
    for _ in 0..times() / 10 {
        let mut raw = Raw::upgrade(&server, "/probe");
        raw.write(frame(
            TEXT,
            b"all broadcast 1; say 2; broadcast 3; say 4; close 3001 done",
        ));
        let heard: Vec<String> = (0..4)
            .map(|_| {
                loop {
                    let (_, text) = raw.frame();
                    let text = String::from_utf8(text).expect("text");
                    // Of those before.
                    if !text.ends_with(" has left") {
                        break text;
                    }
                }
            })
            .collect();
        assert_eq!(heard, ["1", "2", "3", "4"]);
        assert_eq!(raw.close_frame(), (3001, "done".to_owned()));
        raw.write(frame(CLOSE, &3001_u16.to_be_bytes()));
        raw.rest();
    }
}

/// The same through the C ABI alone, by a library that has no wrapper of ours between it and the host's table.
#[test]
fn it_holds_for_a_plugin_in_c() {
    let setup = Setup::new();
    compile_c("order", &setup.plugins_folder());
    let server = setup.start();
    for _ in 0..times() {
        let mut raw = Raw::upgrade(&server, "/order");
        raw.write(frame(TEXT, b"go"));
        for word in [b"1", b"2", b"3", b"4"] {
            assert_eq!(raw.frame(), (TEXT, word.to_vec()));
        }
        assert_eq!(raw.close_frame(), (3001, "done".to_owned()));
        raw.write(frame(CLOSE, &3001_u16.to_be_bytes()));
        raw.rest();
    }
}

#[test]
fn a_close_takes_effect_inwards_at_once() {
    let server = start();
    let mut flooded = Raw::upgrade(&server, "/probe");
    let socket = flooded.0.try_clone().expect("a descriptor");
    let reading = thread::spawn(move || std::io::copy(&mut &socket, &mut std::io::sink()));
    for id in 2..22 {
        // All of these together are less than the backlog of one that reads none of it.
        flooded.write(frame(TEXT, b"flood 200 10000"));
        let mut raw = Raw::upgrade(&server, "/probe");
        let close = frame(TEXT, b"all broadcast 1; close 3001 done; say too late");
        let late = frame(TEXT, b"broadcast too late");
        raw.write([close, late.repeat(100)].concat());
        loop {
            match raw.frame() {
                (CLOSE, payload) => break assert_eq!(payload[2..], *b"done"),
                (_, text) => assert_ne!(text, b"too late"),
            }
        }
        raw.write(frame(CLOSE, &3001_u16.to_be_bytes()));
        raw.rest();
        server.wait_for_log(&[&format!(
            "closed {id}: 3001 by Plugin after 1 messages: done"
        )]);
    }
    drop(flooded);
    server.kill();
    reading.join().expect("it does not panic").ok();
}

#[test]
fn who_is_closed_by_another_is_gone_for_all_at_once() {
    let server = start();
    let mut first = Client::connect(&server, "/probe");
    let mut second = Client::connect(&server, "/probe");
    for text in ["all send-to 2 a; close-other 2 bye", "send-to 2 too late"] {
        first.send(text);
    }
    assert_eq!(first.text(), "Gone");
    assert_eq!(second.text(), "a");
    assert_eq!(second.closed(), (4000, "bye".to_owned()));
}
