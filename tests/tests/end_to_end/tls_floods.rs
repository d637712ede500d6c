//! Hellos in numbers, sizes and pieces: the bounds of the entrance hold for handshakes as for heads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection};
use tests::flood::{Flood, Plan, connect_from, honest};
use tests::secure::{self, ask, connect, reach, start, start_of};
use tests::{Client, Transport, need_open_files};

/// The first bytes of a client of TLS: the head of a record and of a hello that never ends.
const HALF: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
const HALF_OPEN: usize = 10_000;

/// As with heads: the flooders' own are cut, and whoever comes from elsewhere comes in, from the first to the last.
#[test]
fn ten_thousand_half_handshakes_shut_nobody_out() {
    need_open_files(2 * HALF_OPEN as u64);
    // Without what every other client would be in the log for.
    let configuration =
        "[log]\nlevel = \"error\"\n[limits]\nhandshake_timeout = \"10min\"\nhandshakes = 400\n";
    let (server, trust) = start(&["echo"], configuration);
    let address = secure::address(&server);
    let before = server.resident_kib();
    let plan = Plan {
        count: HALF_OPEN,
        addresses: 500,
        first: &HALF,
        per_second: 20_000,
    };
    let flood = Flood::start_at(address, plan);
    for number in 0..20 {
        let socket = connect_from(address, honest(number));
        let transport = Transport::secured(socket, trust.clone());
        let url = format!("wss://localhost:{}/echo", address.port());
        let client = Client::over(transport, &url, &[]);
        let mut client = client.unwrap_or_else(|refused| panic!("{number}: {refused:?}"));
        client.send("in");
        assert_eq!(client.text(), "in", "{number}");
    }
    let handshakes = server.thread_names();
    let handshakes = handshakes.iter().filter(|name| name.starts_with("client-"));
    assert!(handshakes.count() <= 400 + 20, "their number is bounded");
    assert!(flood.dropped() > 0, "they lose their own");
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    drop(flood);
    connect(&server, "/echo", &trust).close(1000, "");
}

#[test]
fn a_handshake_that_comes_byte_by_byte_is_one() {
    let (server, authority) = start_of(&["echo"], "");
    for version in [&TLS13, &TLS12] {
        let name = "localhost".try_into().expect("a name");
        let session = ClientConnection::new(authority.trust_by(version), name);
        let mut session = session.expect("a configuration");
        let mut socket = TcpStream::connect(secure::address(&server)).expect("it listens");
        socket.set_nodelay(true).expect("a live socket");
        while session.is_handshaking() {
            let mut bytes = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut bytes).expect("memory");
            }
            for byte in bytes {
                socket.write_all(&[byte]).expect("it stands");
                thread::yield_now();
            }
            if session.is_handshaking() {
                session.read_tls(&mut socket).expect("it is answered");
                session.process_new_packets().expect("a handshake");
            }
        }
        let stream = rustls::Stream::new(&mut session, &mut socket);
        let page = "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let (answer, is_whole) = ask(stream, page);
        assert!(answer.ends_with("no route here\n") && is_whole, "{answer}");
    }
}

/// A hello may have as many extensions as it likes: in several records, up to 64 KiB.
#[test]
fn a_large_hello_is_read_and_one_that_is_too_large_is_refused() {
    let (server, authority) = start_of(&["echo"], "");
    let offering = |count: u8| {
        let mut config = ClientConfig::clone(&authority.trust());
        let other = |number| [vec![b'x'; 250], vec![number]].concat();
        config.alpn_protocols = (0..count).map(other).collect();
        config.alpn_protocols.push(b"http/1.1".to_vec());
        config.into()
    };
    let page = "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let large = reach(secure::address(&server), "localhost", &offering(200));
    let (answer, _) = ask(large, page);
    assert!(answer.ends_with("no route here\n"), "{answer}");

    // The head of a handshake message of 16 MiB, and a first part of it.
    let mut socket = TcpStream::connect(secure::address(&server)).expect("it listens");
    let part = [
        &[22, 3, 1, 64, 0, 1, 255, 255, 255][..],
        &[0; 16 * 1024 - 4],
    ]
    .concat();
    // It may be refused before all of it has been sent, and that may overtake what is said.
    socket.write_all(&part).ok();
    socket.read_to_end(&mut Vec::new()).ok();
    server.wait_for_log(&["no TLS was agreed on: TLS: ", "HandshakePayloadTooLarge"]);
    let again = reach(secure::address(&server), "localhost", &authority.trust());
    assert!(ask(again, page).0.ends_with("no route here\n"));
}

/// The time of the first request holds for the handshake and for it together.
#[test]
fn who_shakes_hands_and_asks_for_nothing_is_told_so_in_time() {
    let (server, trust) = start(&["echo"], "[limits]\nhandshake_timeout = \"500ms\"");
    let silent = reach(secure::address(&server), "localhost", &trust);
    let (answer, is_whole) = ask(silent, "");
    assert!(answer.starts_with("HTTP/1.1 408 ") && is_whole, "{answer}");
}
