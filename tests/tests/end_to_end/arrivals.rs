//! Who has heard anything from the server hears all that is said on its route from then on.
//!
//! Cause: it was suspected that a listener which had its pong missed what was said next, and heard what
//! came later. `DETENT_LONG=1` makes it 40,000 arrivals.

use std::thread;

use tests::{Client, Over, PING, PONG, Raw, Server, Setup, TEXT, frame};

const SIDE_BY_SIDE: usize = 4;

fn arrivals() -> usize {
    match std::env::var_os("DETENT_LONG") {
        Some(_) => 10_000,
        None => 100,
    }
}

/// Comes, has its pong, and hears the next two words of somebody who is there already, the first one first.
fn arrive(server: &Server, speaker: &mut Client, name: &str) {
    let mut listener = Raw::upgrade(server, "/probe");
    listener.write(frame(PING, name.as_bytes()));
    // What others are told meanwhile is told to it too.
    while listener.frame() != (PONG, name.as_bytes().to_vec()) {}
    speaker.send(&format!("broadcast {name} first"));
    speaker.send(&format!("broadcast {name} second"));
    let first = loop {
        let (opcode, payload) = listener.frame();
        let text = String::from_utf8(payload).expect("text");
        if opcode == TEXT && text.starts_with(name) {
            break text;
        }
    };
    assert_eq!(first, format!("{name} first"));
}

/// Four at a time, each with a speaker of its own that reads nothing but what it has to.
fn assert_all_hear(server: &Server) {
    thread::scope(|scope| {
        for place in 0..SIDE_BY_SIDE {
            scope.spawn(move || {
                let mut speaker = Client::connect(server, "/probe");
                for number in 0..arrivals() {
                    let name = format!("{place}-{number}");
                    arrive(server, &mut speaker, &name);
                    while speaker.text() != format!("{name} second") {}
                }
            });
        }
    });
}

fn start() -> Server {
    Setup::new()
        .plugins(&["probe"])
        .arguments(&["--log-level", "warn", "--max-backlog", "64MiB"])
        .start()
}

#[test]
fn who_has_its_pong_hears_what_is_said_next() {
    assert_all_hear(&start());
}

/// The hub leaves walks midway, and arrivals stand in the queue between broadcasts.
#[test]
fn it_holds_while_the_route_is_flooded() {
    let server = start();
    let is_over = Over::default();
    thread::scope(|scope| {
        let end = is_over.when_dropped();
        let flooding = scope.spawn(|| flood(&server, &is_over));
        assert_all_hear(&server);
        drop(end);
        flooding.join().expect("it hears itself");
    });
}

/// Speaks as fast as it hears itself, so that nobody who reads is too slow for it.
fn flood(server: &Server, is_over: &Over) {
    let mut client = Client::connect(server, "/probe");
    let word = format!("broadcast {}", "0".repeat(1000));
    while !is_over.is_said() {
        (0..50).for_each(|_| client.send(&word));
        let mut heard = 0;
        while heard < 50 {
            heard += usize::from(client.text().starts_with("00"));
        }
    }
}
