use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{Passage, Quality, Way};
use crate::{DEADLINE, wait_until};

/// A passage, and both ends of a connection through it.
fn pair() -> (Passage, TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let passage = Passage::to(listener.local_addr().expect("it is bound").port());
    let (client, server) = connect(&passage, &listener);
    (passage, listener, client, server)
}

fn connect(passage: &Passage, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(("127.0.0.1", passage.port())).expect("it listens");
    let (server, _) = listener.accept().expect("it comes through");
    for end in [&client, &server] {
        end.set_read_timeout(Some(DEADLINE)).expect("a live socket");
        end.set_nodelay(true).expect("a live socket");
    }
    (client, server)
}

#[track_caller]
fn read(mut end: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    end.read_exact(&mut bytes).expect("so many come");
    bytes
}

/// Nothing comes, and no end, for a moment.
#[track_caller]
fn assert_silent(mut end: &TcpStream) {
    let time = Duration::from_millis(50);
    end.set_read_timeout(Some(time)).expect("a live socket");
    let error = end.read(&mut [0]).expect_err("nothing comes");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    end.set_read_timeout(Some(DEADLINE)).expect("a live socket");
}

#[track_caller]
fn assert_ended(mut end: &TcpStream) {
    match end.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("it goes on: {other:?}"),
    }
}

#[test]
fn a_delay_holds_nothing_up_but_itself() {
    let (passage, _listener, mut client, server) = pair();
    let delay = Duration::from_millis(50);
    let jitter = Duration::from_millis(20);
    let quality = Quality {
        delay,
        jitter,
        ..Quality::default()
    };
    passage.set_quality(Way::There, quality);
    let start = Instant::now();
    for number in 0..100 {
        client.write_all(&[number]).expect("it stands");
        // Nothing tells that a parcel was taken in; each has to be one of its own.
        std::thread::park_timeout(Duration::from_millis(1));
    }
    assert_eq!(
        read(&server, 100),
        (0..100).collect::<Vec<_>>(),
        "nothing overtakes"
    );
    assert!(start.elapsed() >= delay);
    assert!(
        start.elapsed() < 50 * delay,
        "one does not wait for the other"
    );
}

#[test]
fn what_is_held_comes_later_and_what_is_cut_never() {
    let (passage, listener, mut client, server) = pair();
    passage.hold_standing(Way::There);
    client.write_all(b"held").expect("it stands");
    let (mut other, other_server) = connect(&passage, &listener);
    other.write_all(b"passed").expect("it stands");
    assert_eq!(read(&other_server, 6), b"passed");
    drop(client);
    assert_silent(&server);
    passage.release();
    assert_eq!(read(&server, 4), b"held");
    assert_ended(&server);
    passage.hold(Way::There);
    other.write_all(b"lost").expect("it stands");
    passage.cut();
    passage.release();
    assert_ended(&other_server);
    assert_ended(&other);
}

#[test]
fn a_cut_comes_amid_what_is_large_enough() {
    let (passage, _listener, client, mut server) = pair();
    passage.cut_amid(Way::Back, 100);
    server.write_all(b"small").expect("it stands");
    assert_eq!(read(&client, 5), b"small");
    assert_eq!(passage.cuts(), 0);
    server.write_all(&[7; 100]).expect("it stands");
    assert_eq!(read(&client, 50), [7; 50]);
    assert_ended(&client);
    wait_until("it is counted", || passage.cuts() == 1);
}

#[test]
fn who_is_abandoned_is_not_told() {
    let (passage, listener, mut client, mut server) = pair();
    passage.abandon();
    client.write_all(b"into the void").expect("it stands");
    server.write_all(b"into the void").expect("it stands");
    assert_silent(&client);
    drop(client);
    assert_silent(&server);
    let (mut client, server) = connect(&passage, &listener);
    client.write_all(b"hello").expect("it stands");
    assert_eq!(read(&server, 5), b"hello");
}

#[test]
fn a_narrow_way_takes_its_time_and_pieces_stay_in_order() {
    let (passage, _listener, mut client, server) = pair();
    let bytes: Vec<u8> = (0..4000_u16).map(|number| number as u8).collect();
    for (quality, least) in [
        (
            Quality {
                bytes_per_second: 10_000,
                ..Quality::default()
            },
            Duration::from_millis(300),
        ),
        (
            Quality {
                piece: 1,
                ..Quality::default()
            },
            Duration::ZERO,
        ),
    ] {
        passage.set_quality(Way::There, quality);
        let start = Instant::now();
        client.write_all(&bytes).expect("it stands");
        assert_eq!(read(&server, bytes.len()), bytes);
        assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    }
}
