//! One address opens connections by the thousand and sends no head, and everyone else still gets in.
//!
//! 1,000 of them refused every newcomer for ten seconds at a time. Addresses are those of 127.0.0.0/8, of
//! which none is a trusted proxy here.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tests::flood::{Flood, Plan, honest};
use tests::{Raw, Server, Setup, TEXT, frame, handshake, need_open_files, wait_until};

const NEWCOMERS: usize = 200;
const THREADS: usize = 8;

fn start(configuration: &str) -> Server {
    let text = format!("proxy.trusted = []\n{configuration}");
    let setup = Setup::new().plugins(&["echo", "probe"]);
    setup.configuration(&text).start()
}

/// Each from an address of its own: all get in and are served.
#[track_caller]
pub(crate) fn assert_newcomers_get_in(server: &Server) {
    thread::scope(|scope| {
        for part in 0..THREADS {
            scope.spawn(move || {
                for number in (part..NEWCOMERS).step_by(THREADS) {
                    let mut raw = Raw::connect_from(server, honest(number));
                    raw.write(handshake("/echo", &[]));
                    let head = raw.head();
                    assert!(head.starts_with("HTTP/1.1 101 "), "{number}: {head}");
                    raw.write(frame(TEXT, b"served"));
                    assert_eq!(raw.frame(), (TEXT, b"served".to_vec()));
                }
            });
        }
    });
}

/// The tests of the largest floods, one at a time: together they would need more files than a process has.
static LARGE: Mutex<()> = Mutex::new(());

fn one_large_at_a_time() -> MutexGuard<'static, ()> {
    // The failure of another test is that test's.
    LARGE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn assert_a_silent_flood_shuts_nobody_out(count: usize, addresses: usize) {
    // Those of the test that runs beside this one too.
    need_open_files(count as u64 + 6_000);
    let server = start("");
    let mut there_before = Raw::connect_from(&server, honest(NEWCOMERS));
    there_before.write(handshake("/echo", &[]));
    assert!(there_before.head().starts_with("HTTP/1.1 101 "));
    let plan = Plan {
        count,
        addresses,
        first: b"",
        per_second: 1_000,
    };
    let flood = Flood::start(&server, plan);
    let before = flood.dropped();
    for _ in 0..3 {
        assert_newcomers_get_in(&server);
    }
    wait_until(
        "those who were let in have cost the flood its places",
        || flood.dropped() >= before + NEWCOMERS,
    );
    server.wait_for_log(&[": 408 request head not complete when its place was needed"]);
    assert_eq!(server.count_log(&[": 503 "]), 0, "nobody is refused");
    there_before.write(frame(TEXT, b"still here"));
    assert_eq!(there_before.frame(), (TEXT, b"still here".to_vec()));
}

#[test]
fn of_1500_silent_connections_of_one_address() {
    assert_a_silent_flood_shuts_nobody_out(1_500, 1);
}

#[test]
fn of_10000_silent_connections_of_one_address() {
    let _alone = one_large_at_a_time();
    assert_a_silent_flood_shuts_nobody_out(10_000, 1);
}

#[test]
fn of_1500_silent_connections_of_50_addresses() {
    assert_a_silent_flood_shuts_nobody_out(1_500, 50);
}

#[test]
fn of_10000_silent_connections_of_50_addresses() {
    let _alone = one_large_at_a_time();
    assert_a_silent_flood_shuts_nobody_out(10_000, 50);
}

/// Few places, and permits for all of them: the places are what runs out.
#[test]
fn of_silent_connections_where_places_are_fewer_than_permits() {
    let server = start("limits.connections = 100\n");
    let plan = Plan {
        count: 300,
        addresses: 1,
        first: b"GET / HTTP/1.1\r\n",
        per_second: 1_000,
    };
    let flood = Flood::start(&server, plan);
    for _ in 0..3 {
        assert_newcomers_get_in(&server);
    }
    // Those who stay: of 100 places the flood has 90 at most, and then it loses more.
    let mut clients: Vec<Raw> = (0..50)
        .map(|number| Raw::connect_from(&server, honest(number)))
        .collect();
    for client in &mut clients {
        client.write(handshake("/echo", &[]));
        assert!(client.head().starts_with("HTTP/1.1 101 "));
    }
    wait_until("those of the flood beyond its share are dropped", || {
        flood.dropped() > 200
    });
    server.wait_for_log(&[": 503 few connections are left, and this address has "]);
    for client in &mut clients {
        client.write(frame(TEXT, b"still here"));
        assert_eq!(client.frame(), (TEXT, b"still here".to_vec()));
    }
}

/// The server is full of one address' WebSockets, which nobody takes from it; but it cannot have the
/// last tenth.
#[test]
fn one_address_does_not_fill_the_server() {
    let server = start("limits.connections = 100\n");
    let ask = |from| {
        let mut raw = Raw::connect_from(&server, from);
        raw.write(handshake("/echo", &[]));
        let (status, head, body) = raw.response();
        (status, head, body, raw)
    };
    let greedy: Vec<_> = (0..100).map(|_| ask(honest(0))).collect();
    let let_in = greedy.iter().filter(|one| one.0 == 101).count();
    assert_eq!(let_in, 90);
    let (status, head, body, _) = &greedy[99];
    let why = "few connections are left, and this address has 90: they are for those who have fewer than 8\n";
    assert_eq!((*status, body.as_str()), (503, why));
    assert!(head.contains("Retry-After: "), "{head}");
    // Others get them, and the next who would have all of the last ones has not even half of them.
    let second: Vec<_> = (0..10).map(|_| ask(honest(1))).collect();
    let had = second.iter().filter(|one| one.0 == 101).count();
    assert!((2..5).contains(&had), "{had}");
    let others: Vec<_> = (had..10).map(|number| ask(honest(2 + number))).collect();
    assert!(others.iter().all(|one| one.0 == 101));
    let (status, _, body, _) = ask(honest(20));
    assert_eq!((status, &*body), (503, "all 100 connections are taken\n"));
}

/// Behind a proxy, the client that it names counts: what one of them cannot have, the others get.
#[test]
fn one_client_of_a_proxy_does_not_fill_the_server() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.configuration("limits.connections = 100\n").start();
    let ask = |client: &str| {
        let mut raw = Raw::connect(&server);
        raw.write(handshake("/echo", &[&format!("X-Forwarded-For: {client}")]));
        (raw.response(), raw)
    };
    let greedy: Vec<_> = (0..95).map(|_| ask("192.0.2.1")).collect();
    let let_in = greedy.iter().filter(|(answer, _)| answer.0 == 101).count();
    assert_eq!(let_in, 90);
    let ((status, head, body), _) = &greedy[90];
    let why = "few connections are left, and this address has 90: they are for those who have fewer than 8\n";
    assert_eq!((*status, body.as_str()), (503, why));
    assert!(head.contains("Retry-After: "), "{head}");
    // Five places are left: those who were refused have kept their connections.
    let mut others: Vec<_> = (0..5)
        .map(|number| ask(&format!("192.0.2.{}", 2 + number)))
        .collect();
    for ((status, head, _), raw) in &mut others {
        assert_eq!(*status, 101, "{head}");
        raw.write(frame(TEXT, b"served"));
        assert_eq!(raw.frame(), (TEXT, b"served".to_vec()));
    }
}
