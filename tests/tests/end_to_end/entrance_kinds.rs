//! Each way to hold on to a connection and ask for little, 2,000 times from one address, beside honest
//! clients of others.

use std::net::Ipv4Addr;

use tests::flood::{Flood, Plan, flooding};
use tests::{Raw, Server, Setup, handshake, need_open_files, wait_until};

use super::entrance::assert_newcomers_get_in;

pub(super) const COUNT: usize = 2_000;
/// Requests under way of one address, of 1,000: the last tenth is for others.
pub(super) const REQUESTS: usize = 900;
/// Heads that may be waited for, and requests that may be under way.
const HEADS: usize = 1_000;
/// Newcomers for whom a full server has to make room.
const NEEDED: usize = 100;

pub(super) fn start() -> Server {
    need_open_files(2 * COUNT as u64 + 1_000);
    let setup = Setup::new().plugins(&["echo", "probe"]);
    // What is slow here is slow for longer than a busy machine needs.
    let text = "proxy.trusted = []\nlimits.handshake_timeout = \"5min\"\nlimits.keep_alive_timeout = \"5min\"\n";
    setup.configuration(text).start()
}

/// A flood that says `first` and no more.
fn flood(server: &Server, first: &[u8]) -> Flood {
    let plan = Plan {
        count: COUNT,
        addresses: 1,
        first,
        per_second: 2_000,
    };
    Flood::start(server, plan)
}

fn open(server: &Server, request: &str) -> Raw {
    let mut raw = Raw::connect_from(server, flooding(0));
    raw.write(request);
    raw
}

/// How many were answered `status` at once; the others have no answer.
pub(super) fn answered(clients: &mut [Raw], status: &str) -> usize {
    clients
        .iter()
        .filter(|client| {
            let mut start = [0; 12];
            let peeked = rustix::net::recv(
                &client.0,
                &mut start[..],
                rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT,
            );
            peeked.is_ok_and(|(count, _)| start[..count].ends_with(status.as_bytes()))
        })
        .count()
}

#[test]
fn heads_that_trickle() {
    let server = start();
    let _flood = flood(&server, b"GET /echo HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    assert_newcomers_get_in(&server);
    server.wait_for_log(&["GET /echo: 408 request head not complete when its place"]);
}

#[test]
fn connects_that_send_nothing() {
    let server = start();
    let _flood = flood(&server, b"");
    assert_newcomers_get_in(&server);
    server.wait_for_log(&["- -: 408 request head not complete when its place"]);
}

/// The first byte tells, and each is answered 400 and closed.
#[test]
fn tls_hellos_to_the_plain_port() {
    let server = start();
    let flood = flood(&server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    assert_newcomers_get_in(&server);
    wait_until("they are told", || flood.dropped() > COUNT / 2);
    server.wait_for_log(&[": 400 this is the beginning of TLS"]);
}

/// Nobody is cut off in a request; the last tenth of those that may be under way is for others.
#[test]
fn bodies_that_trickle() {
    let server = start();
    let begin = "POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx";
    let mut slow: Vec<Raw> = (0..COUNT).map(|_| open(&server, begin)).collect();
    wait_until("all but those under way are told", || {
        answered(&mut slow, "503") == COUNT - REQUESTS
    });
    assert_newcomers_get_in(&server);
    let line = ": 503 nearly 1000 requests are under way, 900 of this address";
    server.wait_for_log(&["POST /probe", line]);
    // Who is slow loses nothing.
    let mut answers = 0;
    for client in &mut slow {
        client.write("12345678");
        answers += usize::from(client.response().0 == 201);
    }
    assert_eq!(answers, REQUESTS);
}

/// Cause: one address had nine tenths of the requests under way, and 13 others the rest, eight each: every newcomer
/// was answered 503.
#[test]
fn bodies_that_trickle_from_50_addresses() {
    let server = start();
    let begin = "POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx";
    let ask = |number: usize| {
        let mut raw = Raw::connect_from(&server, flooding(number));
        raw.write(begin);
        raw
    };
    let mut slow: Vec<Raw> = (0..REQUESTS).map(|_| ask(0)).collect();
    server.wait_until_it_has_read(&slow);
    slow.extend((0..COUNT - REQUESTS).map(|number| ask(1 + number % 49)));
    wait_until("those past their share are told", || {
        answered(&mut slow, "503") > COUNT - HEADS
    });
    for _ in 0..3 {
        assert_newcomers_get_in(&server);
    }
}

/// Between requests a connection has no permit: 1,000 answered requests locked everyone out.
#[test]
fn connections_that_are_kept_alive() {
    let server = start();
    let answered = |_| {
        let mut raw = Raw::connect_from(&server, flooding(0));
        raw.assert_kept();
        raw
    };
    let mut kept: Vec<Raw> = (0..COUNT).map(answered).collect();
    assert_newcomers_get_in(&server);
    // They hold places and nothing else, and go on.
    kept.iter_mut().for_each(Raw::assert_kept);
}

/// A proxy keeps its connections for the next request, of whatever client: they have no permit, and those
/// of other addresses and of its own clients get in beside them.
#[test]
fn the_pool_of_a_proxy() {
    need_open_files(2 * COUNT as u64 + 1_000);
    let setup = Setup::new().plugins(&["echo", "probe"]);
    let text = "proxy.trusted = [\"127.0.0.1/32\"]\nlimits.keep_alive_timeout = \"5min\"\n";
    let server = setup.configuration(text).start();
    let mut pool = pool(&server, COUNT);
    assert_newcomers_get_in(&server);
    for number in 0..100 {
        let mut raw = Raw::connect_from(&server, Ipv4Addr::LOCALHOST);
        let client = format!("X-Forwarded-For: 192.0.2.{number}");
        raw.write(handshake("/echo", &[&client]));
        assert!(raw.head().starts_with("HTTP/1.1 101 "));
    }
    pool.iter_mut().for_each(Raw::assert_kept);
}

/// Where it takes all places that there are, it loses the oldest of them without a word, and only as many as
/// are needed.
#[test]
fn the_pool_of_a_proxy_where_no_place_is_left() {
    need_open_files(2 * COUNT as u64 + 1_000);
    let setup = Setup::new().plugins(&["echo", "probe"]);
    let text = format!(
        "proxy.trusted = [\"127.0.0.1/32\"]\nlimits.connections = {COUNT}\nlimits.keep_alive_timeout = \"5min\"\n"
    );
    let server = setup.configuration(&text).start();
    let mut pool = pool(&server, COUNT);
    let connect = |number| Raw::connect_from(&server, tests::flood::honest(number));
    let mut newcomers: Vec<Raw> = (0..NEEDED).map(connect).collect();
    let mut refused = 0;
    for (number, raw) in newcomers.iter_mut().enumerate() {
        raw.write(handshake("/echo", &[]));
        let mut head = raw.head();
        // The place of one whose thread has no turn on a busy machine is waited for a second at most.
        while head.starts_with("HTTP/1.1 503 ") {
            refused += 1;
            *raw = connect(number);
            raw.write(handshake("/echo", &[]));
            head = raw.head();
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }
    let gone = |pool: &[Raw]| {
        (0..COUNT)
            .filter(|&number| has_gone(&pool[number]))
            .collect::<Vec<_>>()
    };
    wait_until("as many have gone as are needed", || {
        gone(&pool).len() >= NEEDED
    });
    let (old, young) = pool.split_at_mut(COUNT / 2);
    // Whose thread came late to wait for the next request counts as one that has waited for less long.
    young.iter_mut().for_each(Raw::assert_kept);
    let mut count = 0;
    for client in old.iter_mut().filter(|client| has_gone(client)) {
        client.assert_closed();
        count += 1;
    }
    assert!(
        (NEEDED..=NEEDED + refused).contains(&count),
        "{count}, {refused} refused"
    );
}

/// Whether the other side has closed the connection, and nothing came before that which was not read.
fn has_gone(client: &Raw) -> bool {
    let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
    let peeked = rustix::net::recv(&client.0, &mut [0; 1][..], flags);
    peeked.is_ok_and(|(_, count)| count == 0)
}

/// Connections of a proxy on this machine, opened when they were needed, that have been answered once, for
/// a client each.
fn pool(server: &Server, count: usize) -> Vec<Raw> {
    let answered = |number| {
        let mut raw = Raw::connect_from(server, Ipv4Addr::LOCALHOST);
        let client = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 51, 100, 0)) + number as u32);
        raw.write(format!(
            "GET /nothing HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\n\r\n"
        ));
        assert_eq!(raw.response().0, 404);
        raw
    };
    (0..count).map(answered).collect()
}
