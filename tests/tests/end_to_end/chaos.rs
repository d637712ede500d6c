//! Everything at once: honest clients among every hostile kind, a reload every second and new code now
//! and then. The honest lose nothing, and in the end the server is as it was before.
//!
//! `DETENT_CHAOS_SECONDS=600` makes it long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::{
    Client, NumberedChat, Over, PING, Raw, Server, Setup, TEXT, frame, handshake, variant,
    wait_until,
};

const FILE: &str = "libvariant.so";
const HONEST: usize = 8;
/// What the memory may have grown in the end: caches of an allocator that has seen a crowd.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

fn seconds() -> u64 {
    let given = std::env::var("DETENT_CHAOS_SECONDS");
    given.ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// Loses nothing, and leaves by the book.
fn honest(server: &Server, is_over: &Over, total: &AtomicU64) {
    let mut chat = NumberedChat::new(Client::connect(server, "/variant"));
    while !is_over.is_said() {
        chat.exchange(3);
    }
    total.fetch_add(chat.count, Ordering::Relaxed);
    chat.client.close(1000, "");
}

/// One act of one hostile kind; what comes of it is the server's business.
fn hostile(server: &Server, kind: usize) {
    let open = || Raw::upgrade(server, "/chat");
    match kind {
        0 => Client::connect(server, "/chat").reset(),
        1 => {
            let client = open();
            client.end_writing();
        }
        2 => drop(Raw::answer(server, "GARBAGE\0\u{1}\r\n\r\n")),
        3 => open().write([0xff; 64]),
        4 => open().write(tests::unmasked_frame(TEXT, b"unmasked")),
        5 => open().write(&frame(TEXT, &[0xff, 0xfe])[..]),
        6 => open().write(&frame(TEXT, &[b'x'; 100])[..50]),
        7 => open().write(frame(PING, b"flood").repeat(200)),
        8 => {
            // Speaks and never listens.
            let mut client = open();
            client.write(frame(TEXT, &[b'y'; 500]).repeat(50));
        }
        9 => drop(Raw::connect(server)),
        10 => Raw::connect(server).write(&handshake("/chat", &[])[..40]),
        11 => drop(Raw::answer(
            server,
            "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
        )),
        12 => {
            let mut client = Client::connect(server, "/faulty");
            client.try_send("fail");
        }
        13 => {
            let mut client = Client::connect(server, "/faulty");
            client.try_send("block 50");
        }
        _ => {
            let mut client = Client::connect(server, "/faulty");
            client.try_send(&"x".repeat(70_000));
        }
    }
}

const KINDS: usize = 15;

/// Every line of the plugins is there: the harness counts an `on_close` for each `on_open` by them.
fn configuration(number: u64) -> &'static str {
    match number % 3 {
        0 => "log.client_rate = 0\nclient.backlog = \"200 KiB\"\n",
        1 => "log.client_rate = 0\nclient.backlog = \"300 KiB\"\nclient.ping_interval = \"5s\"\n",
        _ => "this is no configuration\n",
    }
}

#[test]
#[allow(clippy::print_stdout)] // what happened, for who runs it with --nocapture
fn the_honest_lose_nothing_and_nothing_is_left_behind() {
    let setup = Setup::new()
        .plugins(&["chat", "faulty"])
        .file(FILE, &variant("v0"));
    let setup = setup.configuration(configuration(0)).with_pings();
    let mut server = setup.start();
    // What the first client of a route makes once does not count.
    for path in ["/chat", "/variant", "/faulty"] {
        Client::connect(&server, path).close(1000, "");
    }
    wait_until("they have left", || {
        let names = server.thread_names();
        !names.iter().any(|name| name.starts_with("client-"))
    });
    let before = (server.threads(), server.open_files(), server.resident_kib());
    let (is_over, messages, acts) = (Over::default(), AtomicU64::new(0), AtomicU64::new(0));
    let mut swaps = 0;
    thread::scope(|scope| {
        let end = is_over.when_dropped();
        for _ in 0..HONEST {
            scope.spawn(|| honest(&server, &is_over, &messages));
        }
        for first in 0..3 {
            let (server, is_over, acts) = (&server, &is_over, &acts);
            scope.spawn(move || {
                let mut kind = first;
                while !is_over.is_said() {
                    hostile(server, kind % KINDS);
                    acts.fetch_add(1, Ordering::Relaxed);
                    kind += 1;
                }
            });
        }
        let start = Instant::now();
        let mut number = 0;
        while start.elapsed() < Duration::from_secs(seconds()) {
            number += 1;
            if number % 2 == 0 {
                swaps += 1;
                server.put_plugin(FILE, &variant(&format!("v{swaps}")));
            }
            let line = server.reload_with(configuration(number));
            assert_eq!(line.contains("given up"), number % 3 == 2, "{line}");
            thread::park_timeout(Duration::from_millis(900));
        }
        drop(end);
    });
    println!(
        "{messages:?} honest messages, {acts:?} hostile acts, {swaps} new versions; before (threads, files, KiB) {before:?}, after {:?}",
        (server.threads(), server.open_files(), server.resident_kib())
    );
    assert!(messages.into_inner() > 0 && acts.into_inner() > 0);
    wait_until("as many threads as before", || server.threads() == before.0);
    // Each library that was loaded keeps its copy open.
    wait_until("as many files as before", || {
        server.open_files() <= before.1 + swaps
    });
    // Memory is given back by a thread that looks now and then.
    wait_until("nearly as much memory as before", || {
        server.resident_kib().saturating_sub(before.2) < GROWTH_KIB_MAX
    });
    server.stop();
}
