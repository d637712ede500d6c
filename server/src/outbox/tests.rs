//! Outboxes on real sockets, with a real drain thread.

mod looks;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cause::{Cause, POLICY};
use super::drain::Drain;
use super::ending::Service;
use super::frame::{self, Opcode};
use super::http_phase::{Exchange, time_for};
use super::leaving::{Count, Leaver, Told};
use super::shared::{Frames, Shared};
use super::{Bounds, Delivery, Ending, Outbox, SlowClient};
use crate::compression::{Agreed, Demand, Inflater, Window, deflate};
use crate::ids::ClientId;
use crate::limits::{FLUSH_BYTES, LEAVING_BEHIND_MAX, PIECE_BYTES, TURN_BYTES};

const LIMIT: usize = 256 * 1024;

/// An outbox and the other end of its socket.
fn pair(drain: &Drain) -> (Arc<Outbox>, TcpStream) {
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

fn read_all(mut peer: TcpStream) -> Vec<u8> {
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

/// Cause: a mutant that asked one to leave in the middle of its answer survived.
#[test]
fn only_who_waits_for_a_request_is_asked_to_make_room() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    assert!(outbox.begin_answer());
    assert!(!outbox.ask_to_leave(), "its answer is being made");
    outbox.queue_http(b"HTTP/1.1 204 No Content\r\n\r\n");
    assert!(outbox.end_answer());
    assert!(!outbox.ask_to_leave(), "its answer is not sent");
    outbox.flush();
    assert!(outbox.ask_to_leave());
    outbox.abort();
    assert!(!outbox.ask_to_leave(), "it has left");
    drain.end();
}

/// Cause: mutants survived that asked one to leave whose request had come, and was not read yet.
#[test]
fn who_has_sent_something_is_not_asked_to_make_room() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = plain_pair(&drain);
    std::io::Write::write_all(&mut peer, b"G").expect("it is open");
    let deadline = Instant::now() + Duration::from_secs(20);
    while rustix::io::ioctl_fionread(outbox.socket()).expect("a socket") == 0 {
        assert!(Instant::now() < deadline, "it never comes");
        std::thread::yield_now();
    }
    assert!(!outbox.ask_to_leave());
    outbox.receive(&mut [0; 8]).expect("it is there");
    assert!(outbox.ask_to_leave());
    drain.end();
}

/// Cause: mutants survived that found the thread behind when it was not, or not when it was.
#[test]
fn it_is_crowded_where_clearly_more_leave_than_may_be_open() {
    let count = Arc::default();
    Count::set_max(&count, 3);
    let mut leavers = Vec::new();
    for leaving in 1..=3 + LEAVING_BEHIND_MAX {
        leavers.push(Leaver::new(&count));
        assert!(!count.is_crowded(), "{leaving}");
    }
    leavers.push(Leaver::new(&count));
    assert!(count.is_crowded());
    leavers.pop();
    assert!(!count.is_crowded());
}

/// Cause: a mutant that cut where there was room, and nobody where there was none, survived.
#[test]
fn the_oldest_that_has_its_answer_goes_where_there_are_too_many() {
    let drain = Drain::start().expect("a thread");
    let [(first, _a), (second, _b)] = [pair(&drain), pair(&drain)];
    let (count, mut told) = (Arc::default(), Told::default());
    Count::set_max(&count, 1);
    let one = Leaver::new(&count);
    let number = told.add(&first);
    assert!(told.next_to_cut(&count).is_none(), "there is room");
    let _two = Leaver::new(&count);
    told.add(&second);
    let oldest = told.next_to_cut(&count).expect("there is one too many");
    assert!(Arc::ptr_eq(&oldest, &first));
    told.remove(number);
    drop(one);
    assert!(told.next_to_cut(&count).is_none(), "there is room again");
    count.cut_all();
    let next = told.next_to_cut(&count).expect("no file is left");
    assert!(Arc::ptr_eq(&next, &second));
    drain.end();
}

/// Cause: a mutant that took the time for what is left off the patience, and did not add it, survived.
#[test]
fn a_long_answer_is_waited_for_longer_than_a_socket_may_be_full() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    let answer = vec![b'x'; 16 * 1024 * 1024];
    outbox.queue_http(&answer);
    outbox.flush();
    assert!(outbox.is_waiting(), "no socket takes so much at once");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_all(peer));
        outbox.wait_until_sent();
        assert!(!outbox.is_waiting(), "it waits until all is sent");
        outbox.finish(Ending::LastWord);
        assert_eq!(reader.join().expect("it reads").len(), answer.len());
    });
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
fn a_backlog_over_its_limit_ends_with_a_whole_close_frame() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    let frame = frame::encode(Opcode::Binary, &[7; 60_000]);
    while outbox.deliver(Frames::copied(&frame)) == Delivery::Queued {}
    assert!(outbox.is_closing());
    assert_eq!(outbox.cause().expect("it was closed").code, POLICY);
    assert_eq!(outbox.deliver(Frames::copied(&frame)), Delivery::Gone);
    outbox.finish(Ending::LastWord);
    let received = read_all(peer);
    let whole = received
        .chunks_exact(frame.len())
        .take_while(|chunk| *chunk == frame)
        .count();
    let rest = &received[whole * frame.len()..];
    assert!(
        frame::is_close(rest),
        "only whole frames, then a Close frame"
    );
    assert_eq!(rest[2..4], POLICY.to_be_bytes());
    assert_eq!(rest.len(), 2 + usize::from(rest[1]));
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

/// A client that takes its messages slowly is not one that takes none: the time is that of one byte, however
/// long the whole backlog lasts. The drain thread has ended, so that the clock is the test's.
#[test]
fn each_byte_that_a_full_socket_takes_begins_its_time_anew() {
    const STEP: usize = 64 * 1024;
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    drain.end();
    let bounds = Bounds {
        backlog_bytes_max: 1 << 30,
        write_timeout: Duration::from_secs(30),
        ..Bounds::default()
    };
    outbox.set_bounds(bounds);
    let frame = frame::encode(Opcode::Binary, &[7; STEP]);
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&frame));
    }
    // As much again and more than the peer reads below.
    for _ in 0..1000 {
        outbox.deliver(Frames::copied(&frame));
    }
    let mut now = Instant::now();
    for _ in 0..3 {
        now += bounds.write_timeout - Duration::from_secs(1);
        let renewed = Some(now + bounds.write_timeout);
        while !matches!(outbox.service(now), Service::Wait { deadline, .. } if deadline == renewed)
        {
            assert!(!outbox.is_closing(), "it has taken bytes meanwhile");
            peer.read_exact(&mut vec![0; STEP])
                .expect("bytes are there");
        }
    }
    assert!(outbox.is_waiting(), "it is still full");
    // What the socket has room for still is soon taken.
    let mut looks = 0;
    while !matches!(outbox.service(now + bounds.write_timeout), Service::Done) {
        now += bounds.write_timeout;
        looks += 1;
        assert!(looks < 20, "never cut off");
    }
    let cause = outbox.cause().expect("it was cut off");
    assert_eq!(cause.reason, "took no byte for 30s");
}

#[test]
fn a_client_that_is_to_drop_messages_gets_those_that_fit() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    outbox.set_bounds(Bounds {
        backlog_bytes_max: LIMIT,
        slow_client: SlowClient::Drop,
        ..Bounds::default()
    });
    // Nobody reads until some have been left out.
    let mut sent = 0;
    while outbox.dropped() == 0 {
        for frame in numbered(sent, 50, 1000) {
            assert_eq!(outbox.deliver(Frames::copied(&frame)), Delivery::Queued);
        }
        sent += 50;
    }
    let dropped = usize::try_from(outbox.dropped()).expect("not that many");
    outbox.close(Cause::server(1000, "enough"));
    let bytes = read_all(peer);
    let (frames, close) = bytes.split_at(bytes.len() - frame::close(1000, "enough").len());
    assert_eq!(
        close,
        frame::close(1000, "enough"),
        "the Close frame is never left out"
    );
    assert_eq!(
        frames.len(),
        (sent - dropped) * numbered(0, 1, 1000)[0].len()
    );
}

/// Cause: the drain thread sent a backlog to its end under the lock of the outbox, while the hub and other
/// full sockets waited.
#[test]
fn a_turn_of_the_drain_thread_is_bounded_in_bytes() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    // Nobody but this test serves it.
    drain.end();
    outbox.set_bounds(Bounds {
        backlog_bytes_max: 100 * TURN_BYTES,
        ..Bounds::default()
    });
    let frames = frame::encode(Opcode::Binary, &vec![7; TURN_BYTES - 20]);
    let mut in_socket = 0;
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&frames));
        in_socket += frames.len();
    }
    in_socket -= backlog(&outbox);
    for _ in 0..8 {
        outbox.queue(&frames);
    }
    let mut turns = 0;
    while outbox.is_waiting() {
        peer.read_exact(&mut vec![0; in_socket])
            .expect("it is sent");
        let before = backlog(&outbox);
        outbox.service(Instant::now());
        in_socket = before - backlog(&outbox);
        assert!(in_socket <= TURN_BYTES, "{in_socket} bytes in one turn");
        turns += 1;
    }
    assert!(turns >= 8, "{turns}");
}

fn backlog(outbox: &Outbox) -> usize {
    outbox.state.lock().queue.len()
}

/// Cause: who took a byte of its answer every 29 seconds held its place for as long as it liked.
#[test]
fn who_takes_an_answer_too_slowly_is_cut_off_although_it_takes_something() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    let answer = vec![b'x'; 16 * 1024 * 1024];
    // It is none yet.
    outbox.state.lock().exchange = Exchange::Answering;
    outbox.queue_http(&answer);
    outbox.flush();
    assert!(outbox.is_waiting(), "more than the socket takes");
    let (told, deadline_is_over) = crossbeam_channel::bounded::<()>(0);
    let reading = std::thread::spawn(move || {
        // Always a little, as long as the other side waits for the rest.
        while deadline_is_over.try_recv() == Err(crossbeam_channel::TryRecvError::Empty) {
            peer.read_exact(&mut [0; 4096]).expect("it is sent");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    });
    outbox.wait_until_sent_or(Instant::now() + Duration::from_millis(100));
    assert!(outbox.is_closing());
    drop(told);
    reading.join().expect("it has read");
    drain.end();
}

#[test]
fn a_long_answer_has_the_time_that_a_slow_line_needs() {
    assert_eq!(time_for(0), Duration::ZERO);
    assert_eq!(time_for(1024 * 1024), Duration::from_secs(128));
}

/// As a client's own thread does, which has never sent anything.
fn on_a_new_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(run).join().expect("no panic"))
}

#[test]
fn what_a_quiet_thread_has_to_send_is_sent_for_it() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    let frames = numbered(0, 3, 20);
    for frame in &frames {
        outbox.queue(frame);
        on_a_new_thread(|| outbox.flush_own());
        let mut received = vec![0; frame.len()];
        peer.read_exact(&mut received).expect("it is sent");
        assert_eq!(&received, frame);
    }
    drain.end();
}

/// One that is handed over is not full: what comes behind is bounded by the socket, not by the backlog.
#[test]
fn what_is_handed_over_goes_first_and_makes_nobody_slow() {
    let drain = Drain::start().expect("a thread");
    let own = numbered(0, 1, 20).concat();
    let run = numbered(1, 20, LIMIT / 10).concat();
    for _ in 0..20 {
        let (outbox, mut peer) = pair(&drain);
        outbox.queue(&own);
        on_a_new_thread(|| outbox.flush_own());
        // The drain thread may come before or after it.
        assert_eq!(outbox.deliver(Frames::copied(&run)), Delivery::Queued);
        let mut received = vec![0; own.len() + run.len()];
        peer.read_exact(&mut received).expect("both are sent");
        assert!(received == [&own[..], &run[..]].concat());
    }
    drain.end();
}

#[test]
fn what_was_handed_over_to_a_full_socket_has_its_deadline() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    let now = Instant::now();
    // Nobody reads; but the system may find room where there was none a moment before.
    let (for_write, deadline) = loop {
        while let Some(1..) = outbox.send_two_parts(&[0; 4096], &[]) {}
        outbox.queue(&numbered(0, 1, 20).concat());
        outbox.state.lock().is_handed_over = true;
        if let Service::Wait {
            for_write,
            deadline,
            ..
        } = outbox.service(now)
        {
            break (for_write, deadline);
        }
    };
    assert!(for_write);
    assert_eq!(deadline, Some(now + Bounds::default().write_timeout));
    drain.end();
}

/// Cause: what filled the socket was never counted: behind a full socket stood a run of 64 KiB where the limit
/// was 1 KiB.
#[test]
fn what_a_socket_leaves_of_several_messages_has_to_fit_too() {
    let limit = 1024;
    for slow_client in [SlowClient::Close, SlowClient::Drop] {
        let drain = Drain::start().expect("a thread");
        let (outbox, _peer) = pair(&drain);
        drain.end();
        outbox.set_bounds(Bounds {
            backlog_bytes_max: limit,
            slow_client,
            ..Bounds::default()
        });
        // More than any socket takes.
        let run = Arc::new(Shared::new(numbered(0, 20_000, 1000).concat()));
        outbox.deliver(Frames::shared(&run));
        // What is left of the frame that was begun, or the Close frame behind that.
        let least = numbered(0, 1, 1000)[0].len() + limit;
        assert!(backlog(&outbox) <= least, "{slow_client:?}");
        assert_eq!(outbox.is_closing(), slow_client == SlowClient::Close);
        assert_eq!(outbox.dropped() > 50, slow_client == SlowClient::Drop);
    }
}

#[test]
fn a_message_over_the_limit_passes_an_empty_outbox_alone() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    let large = frame::encode(Opcode::Binary, &vec![7; 64 * LIMIT]);
    let run = Arc::new(Shared::new(large));
    assert_eq!(outbox.deliver(Frames::shared(&run)), Delivery::Queued);
    assert!(outbox.is_waiting() && !outbox.is_closing());
    let mut received = vec![0; run.len()];
    peer.read_exact(&mut received).expect("all of it arrives");
    assert!(received == **run);
    assert_eq!(outbox.deliver(Frames::shared(&run)), Delivery::Queued);
    assert!(outbox.is_waiting() && !outbox.is_closing());
    // What comes behind it does not fit.
    let small = frame::encode(Opcode::Text, b"late");
    assert_eq!(outbox.deliver(Frames::copied(&small)), Delivery::Gone);
    assert_eq!(outbox.cause().expect("it is closed").code, POLICY);
    drain.end();
}

/// The peer reads so much, and the socket takes more for that; the drain thread has ended, and `now` is its
/// clock.
fn take_some(outbox: &Arc<Outbox>, peer: &mut TcpStream, now: Instant) {
    let before = backlog(outbox);
    peer.read_exact(&mut vec![0; STEP]).expect("it was sent");
    // Not each step makes room: the peer tells of it when that is worth a packet.
    let patience = Instant::now() + Duration::from_millis(100);
    while backlog(outbox) == before && !outbox.is_closing() && Instant::now() < patience {
        outbox.service(now);
    }
}

/// What [`take_some`] takes: so much that the socket takes something with every second one at least.
const STEP: usize = 64 * 1024;

/// As [`pair`], with a peer whose receive buffer is too small to hide what it reads: a large one tells of its
/// room when a sixteenth of it is free.
fn small_pair(drain: &Drain) -> (Arc<Outbox>, TcpStream) {
    let (outbox, peer) = pair(drain);
    rustix::net::sockopt::set_socket_recv_buffer_size(&peer, STEP / 2).expect("a live socket");
    (outbox, peer)
}

/// Cause: who took 16 KiB every 8 seconds held a backlog of any size for as long as it liked.
#[test]
fn who_takes_a_backlog_too_slowly_is_closed_although_it_takes_something() {
    let message = 8 * 1024 * 1024;
    for (limit, fits) in [(LIMIT, false), (2 * message, true)] {
        let drain = Drain::start().expect("a thread");
        let (outbox, mut peer) = small_pair(&drain);
        drain.end();
        let bounds = Bounds {
            backlog_bytes_max: limit,
            ..Bounds::default()
        };
        outbox.set_bounds(bounds);
        let start = Instant::now();
        outbox.queue_message(Opcode::Binary, &vec![7; message], &Demand::default());
        let patience = if fits {
            time_for(backlog(&outbox))
        } else {
            Duration::ZERO
        };
        let deadline = start + bounds.write_timeout + patience;
        let mut now = start;
        while !outbox.is_closing() {
            // 5 KiB a second.
            now += Duration::from_secs(13);
            take_some(&outbox, &mut peer, now);
        }
        let late = now.duration_since(deadline);
        assert!(
            now >= deadline && late <= Duration::from_secs(14),
            "{late:?}"
        );
        let cause = outbox.cause().expect("it was closed");
        assert_eq!(cause.code, POLICY);
        assert_eq!(
            cause.reason.contains("backlog over"),
            !fits,
            "{}",
            cause.reason
        );
        // And cut off when it does not take the Close frame either.
        now += bounds.close_timeout + Duration::from_secs(1);
        assert!(matches!(outbox.service(now), Service::Done));
    }
}

#[test]
fn who_keeps_the_pace_is_never_closed_however_long_it_is_behind() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = small_pair(&drain);
    drain.end();
    let frame = frame::encode(Opcode::Binary, &[7; STEP]);
    let mut now = Instant::now();
    for _ in 0..60 {
        // Behind at all times, however much the socket takes.
        while backlog(&outbox) < STEP {
            outbox.deliver(Frames::copied(&frame));
        }
        // 11 KiB a second.
        now += Duration::from_secs(6);
        take_some(&outbox, &mut peer, now);
        assert!(!outbox.is_closing(), "{:?}", outbox.cause());
    }
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

/// One who keeps a window, and what it hears.
fn full(drain: &Drain) -> (Arc<Outbox>, TcpStream, Inflater) {
    let (outbox, peer) = pair(drain);
    let agreed = Agreed {
        window: Window::MOST,
        refers_back: true,
        peer_refers_back: None,
    };
    outbox.become_websocket(false, Some(agreed));
    (outbox, peer, Inflater::new(Window::MOST))
}

/// Reads one compressed frame of fewer than 64 KiB: its length, and what it says.
fn hear(peer: &mut TcpStream, inflater: &mut Inflater) -> (usize, String) {
    let mut header = [0; 2];
    peer.read_exact(&mut header).expect("a frame comes");
    assert_eq!(header[0], 0xc1, "a compressed text");
    let length = match header[1] {
        126 => {
            let mut length = [0; 2];
            peer.read_exact(&mut length).expect("its length comes");
            usize::from(u16::from_be_bytes(length))
        }
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    peer.read_exact(&mut payload).expect("its payload comes");
    let mut text = vec![0; 10_000];
    let step = inflater.step(&payload, &mut text).expect("a stream");
    inflater.end().expect("it is whole");
    text.truncate(step.written);
    (length, String::from_utf8(text).expect("text"))
}

/// The client inflates what others say into the same window, of which the compressor of its own thread knows nothing.
#[test]
fn an_answer_refers_back_only_where_nothing_of_others_has_come_in_between() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer, mut inflater) = full(&drain);
    let demand = Demand::default();
    let text = |number: u32| format!("{number} {}", "all is said again ".repeat(60));
    let mut lengths = Vec::new();
    for round in 0..4 {
        for _ in 0..3 {
            outbox.queue_message(Opcode::Text, text(round).as_bytes(), &demand);
            outbox.flush();
            let (length, heard) = hear(&mut peer, &mut inflater);
            assert_eq!(heard, text(round));
            lengths.push(length);
        }
        let others = text(100 + round);
        let wrap = |payload: &[u8]| frame::encode_compressed(Opcode::Text, payload);
        let said = deflate(others.as_bytes(), Window::MOST, 6, wrap).expect("it shrinks");
        outbox.queue(&said);
        outbox.flush();
        assert_eq!(hear(&mut peer, &mut inflater).1, others);
    }
    for round in lengths.chunks(3) {
        assert!(
            round[1] * 3 < round[0] * 2 && round[2] * 3 < round[0] * 2,
            "{lengths:?}"
        );
        assert!(
            round[0] * 4 > lengths[0] * 3,
            "the first refers to nothing: {lengths:?}"
        );
    }
    drain.end();
}
