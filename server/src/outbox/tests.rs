//! Outboxes on real sockets, with a real drain thread.

mod before_frames;
mod compressed;
mod ends;
mod handed_over;
mod looks;
mod memory;
mod slow;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cause::{Cause, POLICY};
use super::drain::Drain;
use super::ending::Service;
use super::frame::{self, Opcode};
use super::http_phase::{Exchange, deadline, time_for};
use super::leaving::{Count, Leaver, Told};
use super::shared::{Frames, Shared};
use super::{Bounds, Delivery, Ending, Outbox, Phase, SlowClient};
use crate::compression::{Agreed, Demand, Inflater, Window, deflate};
use crate::ids::ClientId;
use crate::limits::{
    BYTES_PER_SECOND_LEAST, FLUSH_BYTES, LEAVING_BEHIND_MAX, PIECE_BYTES, TURN_BYTES,
};

const LIMIT: usize = 256 * 1024;

/// An outbox and the other end of its socket.
pub(super) fn pair(drain: &Drain) -> (Arc<Outbox>, TcpStream) {
    let (outbox, peer) = plain_pair(drain);
    outbox.become_websocket(false, None);
    (outbox, peer)
}

/// The same, of which nothing has been asked yet.
fn plain_pair(drain: &Drain) -> (Arc<Outbox>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let peer = TcpStream::connect(address).expect("it listens");
    peer.set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a valid timeout");
    let (socket, _) = listener.accept().expect("one connects");
    let outbox = Outbox::new(socket, ClientId(1), drain.handle());
    outbox.set_bounds(Bounds {
        backlog_bytes_max: LIMIT,
        ..Bounds::default()
    });
    (outbox, peer)
}

/// Text frames that count up.
fn numbered(from: usize, count: usize, bytes: usize) -> Vec<Vec<u8>> {
    let text = |number: usize| format!("{number:0bytes$}");
    (from..from + count)
        .map(|number| frame::encode(Opcode::Text, text(number).as_bytes()))
        .collect()
}

pub(super) fn read_all(mut peer: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes)
        .expect("the other side ends in good order");
    bytes
}

#[test]
fn what_a_full_socket_does_not_take_follows_in_order() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    let mut expected = Vec::new();
    let mut next = 0;
    // Nobody reads: the socket fills up, then half of the backlog.
    while !outbox.is_waiting() {
        for frame in numbered(next, 50, 1000) {
            assert_eq!(outbox.deliver(Frames::copied(&frame)), Delivery::Queued);
            expected.extend(frame);
        }
        next += 50;
    }
    for frame in numbered(next, 60, 1000) {
        assert_eq!(outbox.queue(&frame), Delivery::Queued);
        expected.extend(frame);
    }
    let mut received = vec![0; expected.len()];
    peer.read_exact(&mut received)
        .expect("the drain thread sends the rest");
    assert!(
        received == expected,
        "bytes are lost, doubled or out of order"
    );
    drain.end();
}

/// Cause: a mutant that sent each answer at once survived, since every byte still arrives.
#[test]
fn small_messages_wait_for_the_flush_and_a_large_one_takes_them_along() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    let unread = |peer: &TcpStream| rustix::io::ioctl_fionread(peer).expect("a socket");
    let mut expected = Vec::new();
    let mut queue = |payload: &[u8]| {
        outbox.queue_message(Opcode::Text, payload, &Demand::default());
        expected.extend(frame::encode(Opcode::Text, payload));
    };
    queue(b"one");
    queue(b"two");
    assert_eq!(unread(&peer), 0, "nothing is sent message by message");
    queue(&[b'x'; FLUSH_BYTES]);
    queue(b"three");
    let mut received = vec![0; expected.len() - frame::encode(Opcode::Text, b"three").len()];
    peer.read_exact(&mut received)
        .expect("the large one is sent");
    assert_eq!(unread(&peer), 0);
    outbox.flush();
    received.resize(expected.len(), 0);
    let rest = expected.len() - 7;
    peer.read_exact(&mut received[rest..]).expect("the flush");
    assert!(received == expected);
    drain.end();
}

/// Cause: a mutant that offered pieces of twice the backlog survived.
#[test]
fn a_piece_leaves_half_of_the_backlog_for_what_else_is_said() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    assert_eq!(outbox.piece_bytes(), PIECE_BYTES);
    outbox.set_bounds(Bounds {
        backlog_bytes_max: 1000,
        ..Bounds::default()
    });
    assert_eq!(outbox.piece_bytes(), 500);
    drain.end();
}

#[test]
fn nothing_follows_a_close_frame() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    outbox.queue_message(Opcode::Text, b"first", &Demand::default());
    assert_eq!(outbox.close(Cause::server(1001, "bye")), Delivery::Queued);
    assert_eq!(
        outbox.queue_message(Opcode::Text, b"late", &Demand::default()),
        Delivery::Gone
    );
    assert_eq!(outbox.close(Cause::server(1011, "later")), Delivery::Gone);
    outbox.answer_close(&frame::close(1000, ""));
    outbox.finish(Ending::Complete);
    let expected = [
        frame::encode(Opcode::Text, b"first"),
        frame::close(1001, "bye"),
    ]
    .concat();
    assert_eq!(read_all(peer), expected);
    drain.end();
}

#[test]
fn the_last_word_arrives_although_the_peer_goes_on_sending() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    let mut sender = peer.try_clone().expect("a second handle");
    let sending = std::thread::spawn(move || {
        // It ends when the other side has closed, with an error.
        while std::io::Write::write_all(&mut sender, &[0; 1000]).is_ok() {}
    });
    outbox.close(Cause::server(1002, "no"));
    outbox.finish(Ending::LastWord);
    drop(outbox);
    let mut received = vec![0; frame::close(1002, "no").len()];
    let mut peer = peer;
    peer.read_exact(&mut received)
        .expect("no reset before the last word");
    assert_eq!(received, frame::close(1002, "no"));
    drain.end();
    sending.join().expect("the sender ends");
}

/// Blocks until a thread waits for room there.
fn wait_for_waiter(outbox: &Outbox) {
    let deadline = Instant::now() + Duration::from_secs(20);
    // Who is woken for nothing looks, and waits on.
    while outbox.room.notify_all() == 0 {
        assert!(Instant::now() < deadline, "nobody waits");
        std::thread::yield_now();
    }
}

#[test]
fn room_wakes_the_thread_that_waits_for_it() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    let frame = frame::encode(Opcode::Binary, &[7; 10_000]);
    let mut unread = 0;
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&frame));
        unread += frame.len();
    }
    for _ in 0..15 {
        outbox.queue(&frame);
        unread += frame.len();
    }
    let (woken, waits) = crossbeam_channel::bounded(1);
    let waiter = std::thread::spawn({
        let outbox = outbox.clone();
        move || {
            outbox.wait_for_room();
            woken.send(()).expect("somebody listens");
        }
    });
    wait_for_waiter(&outbox);
    let mut buffer = vec![0; 100_000];
    while unread > 0 {
        unread -= peer.read(&mut buffer).expect("the backlog arrives");
    }
    waits
        .recv_timeout(Duration::from_secs(20))
        .expect("it is woken");
    waiter.join().expect("it waited without panic");
    outbox.abort();
    drain.end();
}

/// Cause: mutants survived in which nobody waited for room, or for as long as anything was left.
#[test]
fn who_has_more_than_a_quarter_of_its_backlog_waits_and_no_other() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    drain.end();
    let frame = frame::encode(Opcode::Binary, &[7; 10_000]);
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&frame));
    }
    let bound = |backlog_bytes_max| {
        outbox.set_bounds(Bounds {
            backlog_bytes_max,
            ..Bounds::default()
        });
    };
    let (woken, waits) = crossbeam_channel::unbounded();
    let start_for = |outbox: &Arc<Outbox>| {
        let (outbox, woken) = (outbox.clone(), woken.clone());
        std::thread::spawn(move || {
            outbox.wait_for_room();
            woken.send(()).expect("somebody listens");
        });
    };
    let start = || start_for(&outbox);
    let is_woken = || waits.recv_timeout(Duration::from_secs(20));
    let quarter = backlog(&outbox);
    bound(4 * quarter);
    start();
    is_woken().expect("there is room");
    bound(4 * (quarter - 1));
    start();
    wait_for_waiter(&outbox);
    bound(4 * quarter);
    is_woken().expect("there is room again");
    bound(4 * (quarter - 1));
    start();
    wait_for_waiter(&outbox);
    outbox.abort();
    is_woken().expect("there is nothing to wait for");
    // Whoever has said as much, and it is not sent yet, would wait for its own flush.
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    outbox.queue(&frame);
    outbox.set_bounds(Bounds {
        backlog_bytes_max: frame.len(),
        ..Bounds::default()
    });
    start_for(&outbox);
    is_woken().expect("its socket is not full");
    drain.end();
}

fn backlog(outbox: &Outbox) -> usize {
    outbox.state.lock().queue.len()
}

/// Cause: a mutant survived in which the drain thread was never told that one had gone whom it waits for: it looked at that one
/// until its deadline.
#[test]
fn who_is_cut_off_while_the_drain_thread_waits_for_it_is_looked_at_at_once() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    drain.end();
    let is_noticed = || outbox.state.lock().is_noticed;
    let frame = frame::encode(Opcode::Binary, &[7; 60_000]);
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&frame));
    }
    assert!(matches!(
        outbox.service(Instant::now()),
        Service::Wait { .. }
    ));
    assert!(!is_noticed());
    outbox.abort();
    assert!(is_noticed());
    assert!(matches!(outbox.service(Instant::now()), Service::Done));
    outbox.abort();
    assert!(!is_noticed(), "the thread knows of it no more");
}
