//! Clients that take too little: what waits for them, for how long, and what is given up.

use super::*;
use crate::logging::heard;

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

/// Cause: a mutant survived that told of each message that was dropped but the first.
#[test]
fn a_client_that_misses_messages_is_told_of_once() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    drain.end();
    outbox.set_bounds(Bounds {
        backlog_bytes_max: 1024,
        slow_client: SlowClient::Drop,
        ..Bounds::default()
    });
    let frame = frame::encode(Opcode::Binary, &[7; 60_000]);
    let drop_one_more = || {
        let before = outbox.dropped();
        while outbox.dropped() == before {
            outbox.deliver(Frames::copied(&frame));
        }
    };
    let first = heard::while_doing(drop_one_more);
    let [line] = &first[..] else {
        panic!("one line, not {first:?}");
    };
    let end = "messages that do not fit are dropped";
    assert!(line.text.ends_with(end), "{line:?}");
    assert_eq!(heard::while_doing(drop_one_more).len(), 0);
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
            time_for(backlog(&outbox) as u64)
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

/// Cause: mutants survived in which nobody was known as closed for want of memory, so that the next look closed it again, and
/// more than had to go.
#[test]
fn who_is_closed_for_want_of_memory_is_told_so_and_known_as_that() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    outbox.set_incoming(100_000);
    assert!(!outbox.is_evicted());
    assert_eq!(outbox.evict(log::Level::Debug, "in a test"), 100_000);
    assert!(outbox.is_evicted() && outbox.is_closing());
    outbox.finish(Ending::LastWord);
    let expected = frame::close(POLICY, "the server is short of memory");
    assert_eq!(read_all(peer), expected);
    drain.end();
}

/// Cause: a mutant survived in which an answer had the time of a WebSocket.
#[test]
fn an_answer_has_the_time_that_it_was_given() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    drain.end();
    outbox.set_write_timeout(Duration::from_secs(1));
    let start = Instant::now();
    outbox.queue_http(&vec![b'x'; 16 << 20]);
    outbox.flush();
    let begun = Instant::now();
    let Service::Wait { deadline, .. } = outbox.service(start) else {
        panic!("more than any socket takes");
    };
    let deadline = deadline.expect("it has one");
    assert!(deadline <= begun + Duration::from_secs(1));
}
