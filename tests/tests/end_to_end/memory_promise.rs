//! `limits.memory`: who takes memory in whatever way is held to it, and nobody else notices.
//!
//! Cause: 300 clients of `/echo` that never read held 239 MB, 1,000 nearly a gigabyte; a client amid a message of
//! 15 MiB was counted by nothing.

use std::io::{ErrorKind, Write};

use tests::{BINARY, Client, Raw, Server, Setup, frame, handshake, wait_until};

const LIMIT_MIB: u64 = 32;
/// What is not counted: a grain for each client and direction, buffers that double, heaps.
const SLACK_MIB: u64 = 40;
const HONEST: usize = 40;

/// A way to make the server hold memory.
struct Attack {
    attackers: usize,
    /// Opens a connection.
    open: fn(&Server) -> Raw,
    /// What it then sends, again and again, as far as it is taken.
    bytes: fn() -> Vec<u8>,
}

fn start(limit_mib: u64) -> Server {
    start_with(limit_mib, "")
}

fn start_with(limit_mib: u64, lines: &str) -> Server {
    let configuration = format!(
        "[log]\nlevel = \"warn\"\n[limits]\nmemory = \"{limit_mib} MiB\"\nbody = \"64 MiB\"\n\
         [client]\nmessage = \"16 MiB\"\n{lines}"
    );
    let setup = Setup::new().plugins(&["echo", "chat"]);
    setup.configuration(&configuration).start()
}

/// One who sends the same again and again.
struct Attacker {
    raw: Raw,
    /// Bytes of it that were taken, the last time.
    sent: usize,
}

impl Attacker {
    fn new(raw: Raw) -> Attacker {
        raw.0.set_nonblocking(true).expect("a socket");
        Attacker { raw, sent: 0 }
    }

    /// Sends a few times as much as is taken without waiting: all attack at once, and none after the other.
    fn push(&mut self, bytes: &[u8]) {
        for _ in 0..4 {
            match self.raw.0.write(&bytes[self.sent..]) {
                Ok(count) => self.sent = (self.sent + count) % bytes.len(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Full, or the server has closed it.
                Err(_) => return,
            }
        }
    }
}

/// One speaks and all hear it.
fn chat(honest: &mut [Client], round: usize) {
    let text = format!("round {round}");
    let speaker = round % honest.len();
    honest[speaker].send(&text);
    for client in honest {
        assert!(client.text().ends_with(&text));
    }
}

/// The attack is stopped, and none of the honest is.
#[track_caller]
fn assert_held(attack: &Attack) {
    let server = start(LIMIT_MIB);
    let mut honest: Vec<_> = (0..HONEST)
        .map(|_| Client::connect(&server, "/chat"))
        .collect();
    chat(&mut honest, 0);
    let before = server.resident_kib();
    let mut attackers: Vec<_> = (0..attack.attackers)
        .map(|_| Attacker::new((attack.open)(&server)))
        .collect();
    let bytes = (attack.bytes)();
    let mut round = 1;
    wait_until("the largest is closed", || {
        attackers.iter_mut().for_each(|one| one.push(&bytes));
        chat(&mut honest, round);
        round += 1;
        server.count_log(&["memory is short: ", "closed with 1008"]) == 1
    });
    for round in 0..HONEST {
        attackers.iter_mut().for_each(|one| one.push(&bytes));
        chat(&mut honest, round);
    }
    server.assert_logged(1, &["memory: ", "are read no further for now"]);
    server.assert_logged(1, &["memory is short: ", "closed with 1008"]);
    let most = server.peak_resident_kib().saturating_sub(before) / 1024;
    assert!(most < LIMIT_MIB + SLACK_MIB, "{most} MiB\n{}", server.log());
    assert_eq!(server.count_log(&["/chat: memory is short"]), 0);
    let mut newcomer = Client::connect(&server, "/echo");
    newcomer.send("room");
    assert_eq!(newcomer.text(), "room");
}

#[test]
fn clients_that_never_read_their_echoes() {
    assert_held(&Attack {
        attackers: 150,
        open: |server| Raw::upgrade(server, "/echo"),
        bytes: || frame(BINARY, &[7; 60_000]),
    });
}

#[test]
fn clients_amid_a_large_message() {
    assert_held(&Attack {
        attackers: 20,
        open: |server| {
            let mut raw = Raw::upgrade(server, "/echo");
            // Its header announces 15 MiB, and most of it comes.
            let whole = frame(BINARY, &vec![7; 15 * 1024 * 1024]);
            raw.write(&whole[..14]);
            raw
        },
        bytes: || vec![7; 64 * 1024],
    });
}

#[test]
fn requests_with_a_large_body() {
    assert_held(&Attack {
        attackers: 10,
        open: |server| {
            let mut raw = Raw::connect(server);
            raw.write("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 60000000\r\n\r\n");
            raw
        },
        bytes: || vec![7; 64 * 1024],
    });
}

#[test]
fn who_is_closed_for_it_is_told_why() {
    let server = start(16);
    let mut largest = Raw::upgrade(&server, "/echo");
    let whole = frame(BINARY, &vec![7; 16_000_000]);
    largest.write(&whole[..15_500_000]);
    let (code, reason) = largest.close_frame();
    assert_eq!((code, &*reason), (1008, "the server is short of memory"));
    let line = server.wait_for_log(&["closed with 1008"]);
    assert!(
        line.contains("of 16.0 MiB are held (messages coming in "),
        "{line}"
    );
    assert!(line.contains("of them by it"), "{line}");
}

/// Cause: mutants survived in which whoever held much was read on while memory was short, and reached the limit.
#[test]
fn who_holds_much_is_read_no_further_where_the_limit_is_near() {
    const MIB: usize = 1024 * 1024;
    let configuration = format!(
        "[log]\nlevel = \"warn\"\n[limits]\nmemory = \"{LIMIT_MIB} MiB\"\n[client]\nmessage = \"64 MiB\"\n"
    );
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.configuration(&configuration).start();
    let mut raw = Raw::upgrade(&server, "/echo");
    // Of a message that does not come whole there are seven eighths of the limit and more, but not all of it.
    let whole = frame(BINARY, &vec![7; 64 * MIB]);
    let sent = raw.0.write_all(&whole[..31 * MIB]);
    let line = server.wait_for_log(&["memory is short: ", "closed with 1008"]);
    let held = line
        .split_once(" MiB of them by it")
        .and_then(|(before, _)| {
            let number = before.rsplit(' ').next()?;
            number.parse::<f64>().ok()
        });
    assert!(
        held.is_some_and(|mib| (27.5..29.0).contains(&mib)),
        "{line}, and it was sent: {sent:?}"
    );
}

/// Cause: changes of who is closed survived, since nobody counted who was.
#[test]
fn who_holds_most_is_closed_and_those_stay_who_hold_less() {
    let setup = Setup::new().plugins(&["echo"]);
    let configuration = "[limits]\nmemory = \"32 MiB\"\n[client]\nmessage = \"16 MiB\"\n";
    let server = setup.configuration(configuration).start();
    // 14.3 MiB of three, and then more than 28 MiB with that of the fourth, from which on there is a pause.
    let less = frame(BINARY, &vec![7; 5_200_000]);
    let (begin, rest) = less.split_at(5_000_000);
    let mut others: Vec<Raw> = (0..3).map(|_| Raw::upgrade(&server, "/echo")).collect();
    for other in &mut others {
        other.write(begin);
    }
    server.wait_until_it_has_read(&others);
    let mut largest = Raw::upgrade(&server, "/echo");
    largest.write(&frame(BINARY, &vec![7; 16_000_000])[..15_500_000]);
    let (code, reason) = largest.close_frame();
    assert_eq!((code, &*reason), (1008, "the server is short of memory"));
    drop(largest);
    for other in &mut others {
        other.write(rest);
        let (opcode, payload) = other.frame();
        assert_eq!((opcode, payload.len()), (BINARY, 5_200_000));
    }
    server.wait_for_log(&["WARN", "memory is short: ", "closed with 1008"]);
    server.wait_for_log(&["all is well again; 1 clients were closed for it"]);
}

#[test]
fn newcomers_are_refused_where_nobody_holds_much() {
    let mut server = start(64);
    let clients: Vec<_> = (0..450).map(|_| Raw::upgrade(&server, "/echo")).collect();
    // At rest these cost more than that.
    let configuration = "[limits]\nmemory = \"16 MiB\"\n";
    server.reload_with(configuration);
    server.wait_for_log(&["nobody holds much of it: newcomers are answered 503"]);
    let (status, _, body) = Raw::answer(&server, handshake("/echo", &[]));
    assert_eq!(status, 503);
    assert!(
        body.contains("connections are taken") || body.contains("no memory left"),
        "{body}"
    );
    drop(clients);
    server.reload_with("[limits]\nmemory = \"64 MiB\"\n");
    wait_until("there is room again", || {
        Raw::answer(
            &server,
            "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .0 != 503
    });
    server.stop();
}

/// Cause: after all had left, the process stayed near its peak.
#[test]
fn memory_goes_back_when_a_flood_is_over() {
    let server = start_with(1024, "backlog = \"16 MiB\"\n");
    let _resting = Client::connect(&server, "/echo");
    let before = server.resident_kib();
    // Each holds a quarter of its backlog before it is read no further.
    let mut attackers: Vec<_> = (0..120)
        .map(|_| Attacker::new(Raw::upgrade(&server, "/echo")))
        .collect();
    // Of all sizes, so that the heaps are full of holes.
    let sizes = [500, 2_000, 10_000, 30_000, 60_000];
    let frames = sizes.map(|bytes| frame(BINARY, &vec![7; bytes])).concat();
    wait_until("300 MiB are held", || {
        attackers.iter_mut().for_each(|one| one.push(&frames));
        server.resident_kib() > before + 300 * 1024
    });
    drop(attackers);
    wait_until("it is given back", || {
        server.resident_kib() < before + 15 * 1024
    });
}

#[test]
fn the_start_lines_tell_the_limit_and_what_it_means() {
    let printed = start(16).printed();
    let line = |start: &str| printed.iter().find(|line| line.starts_with(start)).cloned();
    assert_eq!(
        line("memory: ").as_deref(),
        Some("memory: 16.0 MiB for clients")
    );
    let capacity = line("capacity: ").expect("it is told");
    assert!(
        capacity.ends_with("limited by limits.memory (16.0 MiB)"),
        "{capacity}"
    );
}
