//! Each way to hold on to a connection and ask for little, 2,000 times from one address, beside honest
//! clients of others.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tests::flood::{Flood, Plan, flooding};
use tests::{Raw, Server, Setup, handshake, need_open_files, wait_until};

use super::entrance::assert_newcomers_get_in;

const COUNT: usize = 2_000;
/// Requests under way of one address, of 1,000: the last tenth is for others.
const REQUESTS: usize = 900;
/// Newcomers for whom a full server has to make room.
const NEEDED: usize = 100;

fn start() -> Server {
    need_open_files(2 * COUNT as u64 + 1_000);
    let setup = Setup::new().plugins(&["echo", "probe"]);
    setup.configuration("proxy.trusted = []\n").start()
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
fn answered(clients: &mut [Raw], status: &str) -> usize {
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

/// A byte now and then holds no more than silence does: the request lasts until its answer is out, and the
/// last tenth of those that may be under way is for others.
#[test]
fn answers_that_are_read_slowly() {
    const ANSWER_BYTES: usize = 128 * 1024;
    const STATUS_BYTES: usize = "HTTP/1.1 200".len();
    let server = start();
    let request = format!("GET /probe?bytes={ANSWER_BYTES} HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut slow: Vec<Raw> = (0..COUNT)
        .map(|_| {
            // So that next to nothing of it is under way in the kernel.
            let mut raw = Raw::connect_with_socket(&server, flooding(0), |socket| {
                socket.set_recv_buffer_size(4 * 1024).expect("a size");
                socket.set_tcp_mss(536).expect("a size");
            });
            raw.write(&request);
            raw
        })
        .collect();
    wait_until("all are answered, as far as they read", || {
        answered(&mut slow, "503") + answered(&mut slow, "200") == COUNT
    });
    assert_eq!(answered(&mut slow, "200"), REQUESTS);
    let is_over = AtomicBool::new(false);
    let bytes_each = thread::scope(|scope| {
        let reading = scope.spawn(|| drip(&mut slow, &is_over));
        for _ in 0..3 {
            assert_newcomers_get_in(&server);
        }
        is_over.store(true, Ordering::Relaxed);
        reading.join().expect("nobody is cut off in an answer")
    });
    // The rest of the answer is there for who takes it.
    let served = |(mut client, mut start): (Raw, Vec<u8>)| {
        start.extend(client.bytes(STATUS_BYTES.saturating_sub(start.len())));
        start[..STATUS_BYTES]
            .ends_with(b"200")
            .then_some((client, start))
    };
    let reader = slow.into_iter().zip(bytes_each).find_map(served);
    let (mut reader, start) = reader.expect("900 of them");
    let head = String::from_utf8(start).expect("ASCII") + &reader.head();
    let length = format!("Content-Length: {ANSWER_BYTES}\r\n");
    assert!(head.contains(&length), "{head}");
    assert_eq!(reader.bytes(ANSWER_BYTES).len(), ANSWER_BYTES);
}

/// Reads one byte of each every [`PAUSE`] until it is over; gives what each has got, less than a head.
fn drip(slow: &mut [Raw], is_over: &AtomicBool) -> Vec<Vec<u8>> {
    const PAUSE: Duration = Duration::from_millis(50);
    /// The shortest answer has more bytes.
    const BYTES_MAX: usize = 60;
    let mut got = vec![Vec::new(); slow.len()];
    for _ in 0..BYTES_MAX {
        for (client, got) in slow.iter_mut().zip(&mut got) {
            got.extend(client.bytes(1));
        }
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        thread::park_timeout(PAUSE);
    }
    got
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
    let text = "proxy.trusted = [\"127.0.0.1/32\"]\n";
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
    let text = format!("proxy.trusted = [\"127.0.0.1/32\"]\nlimits.connections = {COUNT}\n");
    let server = setup.configuration(&text).start();
    let mut pool = pool(&server, COUNT);
    let mut newcomers: Vec<Raw> = (0..NEEDED)
        .map(|number| Raw::connect_from(&server, tests::flood::honest(number)))
        .collect();
    for raw in &mut newcomers {
        raw.write(handshake("/echo", &[]));
        assert!(raw.head().starts_with("HTTP/1.1 101 "));
    }
    for client in &mut pool[..NEEDED] {
        client.assert_closed();
    }
    pool[NEEDED..].iter_mut().for_each(Raw::assert_kept);
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
