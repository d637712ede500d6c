//! What stands between a queue and a socket by TLS: what leaves when, and by whom.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::{Frames, Handshake, Outbox, Session, has_surely_room, pipe, splice};
use crate::ids::ClientId;
use crate::limits::{
    QUIET_BYTES_MAX, SPLICED_BYTES_MAX, SPLICES_MAX, TLS_RECORD_BYTES, TURN_BYTES,
};
use crate::outbox::cause::Cause;
use crate::outbox::drain::Drain;
use crate::outbox::{Bounds, Ending};
use crate::tls::fuzz::{Partner, agree, session, session_with};

const PATIENCE: Duration = Duration::from_secs(20);

/// The two ends of a connection, of which neither waits for ever.
fn sockets() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let peer = TcpStream::connect(listener.local_addr().expect("it has one"));
    let (peer, socket) = (peer.expect("it listens"), listener.accept());
    let socket = Socket::from(socket.expect("it has connected").0);
    peer.set_read_timeout(Some(PATIENCE)).expect("valid");
    socket.set_read_timeout(Some(PATIENCE)).expect("valid");
    (socket, peer)
}

/// An outbox whose handshake is over and has left, its client, and the other end of its socket. The drain thread has ended.
fn secured() -> (Arc<Outbox>, Partner, TcpStream) {
    let drain = Drain::start().expect("a thread");
    let (socket, peer) = sockets();
    let outbox = Outbox::new(socket, ClientId(1), drain.handle());
    let peer = thread::spawn(move || (agree(&peer), peer));
    let mut shaken = outbox.secure(session(), &[]).expect("nothing has come");
    while shaken == Handshake::UnderWay {
        let came = outbox.receive_handshake().expect("bytes");
        shaken = came.expect("a handshake");
    }
    let (partner, peer) = peer.join().expect("it has agreed");
    // Where the pipe was another test's, the drain thread sends.
    let deadline = Instant::now() + PATIENCE;
    let is_over = || {
        let state = outbox.state.lock();
        !state.has_unsent() && !state.is_noticed && !state.is_kept
    };
    while !is_over() {
        assert!(Instant::now() < deadline, "it never leaves");
        thread::yield_now();
    }
    drain.end();
    (outbox, partner, peer)
}

fn with_session<T>(outbox: &Outbox, look: impl FnOnce(&mut Session) -> T) -> T {
    look(outbox.state.lock().session.as_mut().expect("it is secured"))
}

/// Cause: what was sealed and had not left counted for nobody; and a mutant survived that had nobody wait for it.
#[test]
fn a_sealed_record_that_a_full_socket_does_not_take_is_held() {
    let (outbox, _partner, _peer) = secured();
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&[7; 10_000]));
    }
    let state = outbox.state.lock();
    assert!(state.account.told() > state.queue.memory());
    // It was one record, and the socket has taken a part of that at most.
    assert!(state.queue.is_empty());
}

/// Cause: a mutant survived that had the drain thread send all but the first record of a message: its client would have been
/// slow.
#[test]
fn what_a_socket_has_room_for_leaves_record_by_record() {
    let (outbox, _partner, _peer) = secured();
    let room = 1 << 20;
    outbox.socket().set_send_buffer_size(room).expect("valid");
    outbox.deliver(Frames::copied(&[7; 40_000]));
    assert!(!outbox.is_waiting());
}

/// Cause: a client that read as fast as records were sealed had all of a message under one lock, for which the hub waited.
#[test]
fn a_message_is_sealed_in_turns_however_fast_it_is_read() {
    let (outbox, _partner, mut peer) = secured();
    outbox.set_bounds(Bounds {
        backlog_bytes_max: 100 * TURN_BYTES,
        ..Bounds::default()
    });
    let before = outbox.figures().sent;
    let reader = thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()).ok());
    outbox.deliver(Frames::copied(&vec![7; 16 * TURN_BYTES]));
    assert!(outbox.is_waiting(), "nobody sends the rest");
    let sent = outbox.figures().sent - before;
    let most = (TURN_BYTES + TLS_RECORD_BYTES) as u64;
    assert!(sent <= most, "{sent} bytes in one turn");
    outbox.abort();
    drop(outbox);
    reader.join().expect("it has read to the end");
}

/// Cause: mutants survived that took the bytes of a turn for more, or for none.
#[test]
fn a_turn_tells_how_much_the_socket_has_taken() {
    let (outbox, _partner, mut peer) = secured();
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&[7; 10_000]));
    }
    outbox.queue(&[7; 10_000]);
    let before = with_session(&outbox, |session| session.sent());
    let deadline = Instant::now() + PATIENCE;
    let mut taken = 0;
    while taken == 0 {
        assert!(Instant::now() < deadline, "it takes nothing");
        peer.read_exact(&mut vec![0; 64 * 1024])
            .expect("it is sent");
        let turn = outbox.send_record(&mut outbox.state.lock(), TURN_BYTES);
        taken = turn.expect("it is connected").1;
    }
    let after = with_session(&outbox, |session| session.sent());
    assert_eq!(taken as u64, after - before);
}

/// Cause: mutants survived in which a client that had broken the protocol was told nothing of it.
#[test]
fn who_breaks_the_protocol_is_told_so() {
    let (outbox, mut partner, mut peer) = secured();
    // A record that nobody has sealed.
    let record = [&[23, 3, 3, 0, 32][..], &[0; 32]].concat();
    peer.write_all(&record).expect("it is open");
    let read = outbox.receive(&mut [0; 100]);
    assert_eq!(
        read.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::InvalidData)
    );
    let told = loop {
        let mut bytes = [0; 4096];
        let count = peer.read(&mut bytes).expect("an alert comes");
        assert!(count > 0, "it has gone without a word");
        // Tickets may have come before it.
        if let Err(alert) = partner.hear(&bytes[..count]) {
            break alert;
        }
    };
    assert!(told.contains("alert"), "{told}");
}

/// Cause: a mutant survived in which one lost its place whose request had come, and was not read yet.
#[test]
fn who_has_said_something_that_is_not_read_is_not_asked_to_make_room() {
    let (outbox, mut partner, mut peer) = secured();
    partner.say(&[b'x'; 1000]);
    let record = partner.spoken();
    peer.write_all(&record).expect("it is open");
    // The record is whole only with its last bytes, and what it says is longer than these.
    let mut buffer = vec![0; record.len() - 10];
    let partly = outbox.receive(&mut buffer).map_err(|error| error.kind());
    assert_eq!(partly, Err(std::io::ErrorKind::Interrupted));
    let mut read = outbox.receive(&mut buffer[..10]).expect("it is whole");
    while read < 1000 {
        assert!(!outbox.ask_to_leave(), "{read}");
        read += outbox.receive(&mut buffer[..300]).expect("the rest");
    }
    assert!(outbox.ask_to_leave());
}

/// Cause: mutants survived that ended the session of one that stayed, and not that of one that went.
#[test]
fn who_goes_is_told_that_nothing_more_comes_and_no_other() {
    let (outbox, _partner, _peer) = secured();
    outbox.become_websocket(false, None);
    let has_said_goodbye = || with_session(&outbox, |session| session.has_said_goodbye());
    outbox.service(Instant::now());
    assert!(!has_said_goodbye());
    outbox.close(Cause::server(1000, "bye"));
    outbox.service(Instant::now());
    assert!(!has_said_goodbye(), "its answer is waited for");
    outbox.finish(Ending::LastWord);
    outbox.service(Instant::now());
    assert!(has_said_goodbye());
}

/// Cause: mutants survived that did not count what a quiet client was sent, or took off from it.
#[test]
fn what_a_quiet_thread_sends_counts() {
    let (outbox, _partner, _peer) = secured();
    let before = outbox.figures().sent;
    for times in 1..=2 {
        outbox.queue(&[7; 300]);
        // A thread that has never sent anything.
        thread::scope(|scope| {
            scope.spawn(|| outbox.flush_own());
        });
        // The pipe may be another test's just now.
        let deadline = Instant::now() + PATIENCE;
        while outbox.state.lock().has_unsent() {
            assert!(Instant::now() < deadline, "it never leaves");
            outbox.service(Instant::now());
        }
        assert_eq!(outbox.figures().sent, before + times * 300);
    }
}

/// Cause: mutants survived in which nothing left by the pipe, or all of it, also where the socket might be full.
#[test]
fn of_what_is_sealed_first_as_much_goes_by_the_pipe_as_any_socket_takes() {
    let (socket, mut peer) = sockets();
    // More than the pipe may pass: 60 times the certificate.
    let mut session = session_with(60);
    let hello = Partner::new("TLS 1.3").spoken();
    assert_eq!(session.take_in(&hello).expect("a greeting"), hello.len());
    let deadline = Instant::now() + PATIENCE;
    while session.sent() == 0 {
        assert!(Instant::now() < deadline, "it never leaves");
        splice(&mut session, &socket);
    }
    let sent = session.sent();
    assert!(sent <= SPLICED_BYTES_MAX + QUIET_BYTES_MAX as u64, "{sent}");
    assert!(!session.is_flushed());
    let mut by_pipe = vec![0; sent as usize];
    peer.read_exact(&mut by_pipe).expect("it is sent");
    // The rest by another way, from where that has stopped.
    let mut rest = Vec::new();
    session.flush(|parts| {
        parts.iter().for_each(|part| rest.extend_from_slice(part));
        Some(parts.iter().map(|part| part.len()).sum())
    });
    let all = [by_pipe, rest].concat();
    assert_eq!(
        lengths(&all),
        all.len(),
        "whole records, one behind the other"
    );
}

/// Cause: a mutant survived that did not count its own sends: a socket has room for so many, however small those before were.
#[test]
fn a_large_record_behind_small_ones_goes_by_the_pipe_as_often_as_any_socket_takes() {
    let (outbox, _partner, _peer) = secured();
    let deadline = Instant::now() + PATIENCE;
    with_session(&outbox, |session| {
        let send_until = |session: &mut Session, sends| {
            while session.sends() < sends {
                assert!(Instant::now() < deadline, "it never leaves");
                if session.is_flushed() {
                    session.seal(&[7; 10], &[]);
                }
                // The pipe may be another test's just now.
                splice(session, outbox.socket());
            }
        };
        send_until(session, SPLICES_MAX - 1);
        assert!(session.is_flushed() && session.sent() < SPLICED_BYTES_MAX / 2);
        session.seal(&[7; TLS_RECORD_BYTES], &[]);
        send_until(session, SPLICES_MAX);
        assert_eq!(session.sends(), SPLICES_MAX);
    });
}

/// Bytes of the records of TLS that `bytes` begin with, each with a type and a version that there are.
fn lengths(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some([20..=23, 3, 3, high, low]) = bytes.get(at..at + 5) {
        at += 5 + usize::from(u16::from_be_bytes([*high, *low]));
    }
    at
}

/// Cause: with 16 KiB in any number of pieces the pipe waited at a client that took nothing, and the outbox was locked
/// meanwhile.
#[test]
fn what_goes_by_the_pipe_never_waits_for_a_client_that_takes_nothing() {
    for length in [1, 24, 1_000, 2_048, QUIET_BYTES_MAX] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let peer = Socket::from(
            TcpStream::connect(listener.local_addr().expect("it has one")).expect("it listens"),
        );
        peer.set_recv_buffer_size(1).expect("as small as it gets");
        let socket = Socket::from(listener.accept().expect("it has connected").0);
        socket
            .set_send_buffer_size(8 * 1024)
            .expect("16 KiB, which the kernel doubles");
        let (mut sends, mut bytes) = (0, 0);
        let page = vec![7; length];
        while has_surely_room(sends, bytes) {
            // It would wait for ever: this socket has no timeout. The pipe may be another test's just now.
            if let Some(sent) = pipe::send_first(&socket, &page) {
                assert_eq!(sent, length);
                (sends, bytes) = (sends + 1, bytes + sent as u64);
            }
        }
        assert!(sends <= SPLICES_MAX && bytes > 0);
    }
}
