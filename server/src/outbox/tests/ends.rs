//! How a connection ends: whose reason counts, what still leaves, and who is waited for.

use super::*;
use crate::logging::heard;
use crate::outbox::Last;
use crate::outbox::cause::NORMAL;

fn phase(outbox: &Outbox) -> Phase {
    outbox.state.lock().phase
}

/// Reads what its socket has taken, so that there is room again; the drain thread has ended.
fn fill_and_make_room(outbox: &Arc<Outbox>, peer: &mut TcpStream) {
    let frame = frame::encode(Opcode::Binary, &[7; 60_000]);
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&frame));
    }
    outbox.queue(&frame);
    let in_socket = outbox.figures().sent as usize;
    peer.read_exact(&mut vec![0; in_socket])
        .expect("it is sent");
}

/// Cause: mutants survived in which the last to say why was right, and in which one that was going to be closed was told of as
/// one that stays.
#[test]
fn who_says_first_that_it_ends_is_right() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    let code = || outbox.cause().expect("it is said").code;
    let announced = outbox.announce_close(&Cause::server(1001, "first"));
    assert_eq!(announced, Delivery::Queued);
    assert!(outbox.figures().is_closing && !outbox.is_connected());
    let announced = outbox.announce_close(&Cause::server(1011, "second"));
    assert_eq!((announced, code()), (Delivery::Gone, 1001));
    assert_eq!(outbox.close(Cause::server(1011, "third")), Delivery::Queued);
    assert_eq!(outbox.close(Cause::server(1012, "fourth")), Delivery::Gone);
    assert_eq!((phase(&outbox), code()), (Phase::Closing, 1001));
    outbox.finish(Ending::LastWord);
    assert_eq!(read_all(peer), frame::close(1001, "first"));
    drain.end();
}

/// Cause: mutants survived in which nothing happened to one whose socket had failed, so that its thread would have read on.
#[test]
fn one_that_cannot_be_written_to_is_cut_off_where_our_side_ends_it() {
    let drain = Drain::start().expect("a thread");
    let broken = || {
        let (outbox, peer) = pair(&drain);
        outbox.break_off(&mut outbox.state.lock());
        assert!(!outbox.is_closing(), "what it has said may be read still");
        assert!(!outbox.is_connected() && outbox.figures().is_closing);
        (outbox, peer)
    };
    let cause = Cause::server(1001, "bye");
    let (outbox, _peer) = broken();
    assert_eq!(outbox.announce_close(&cause), Delivery::Gone);
    let (outbox, _peer) = broken();
    assert_eq!(outbox.close(cause), Delivery::Gone);
    assert!(outbox.is_closing());
    assert_eq!(outbox.cause().expect("it is said").code, 1001);
    drain.end();
}

/// Cause: a mutant survived that sent on a connection that is dead.
#[test]
fn what_cannot_arrive_is_not_sent() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    outbox.queue(&frame::encode(Opcode::Text, b"never"));
    outbox.finish(Ending::Broken);
    assert_eq!(phase(&outbox), Phase::Closed);
    assert_eq!(read_all(peer), b"");
    drain.end();
}

/// Cause: mutants survived that waited for one who had nothing to wait for, and cut off one who had.
#[test]
fn where_both_are_done_nobody_waits_but_for_what_is_not_sent() {
    let drain = Drain::start().expect("a thread");
    let [(done, _a), (full, mut peer)] = [pair(&drain), pair(&drain)];
    drain.end();
    assert!(!done.has_last_word());
    done.close(Cause::server(1000, "bye"));
    done.finish(Ending::Complete);
    assert_eq!(phase(&done), Phase::Closed);
    fill_and_make_room(&full, &mut peer);
    full.finish(Ending::Complete);
    assert_eq!(phase(&full), Phase::Lingering);
    assert!(!full.has_last_word(), "it is not sent yet");
    while !full.has_last_word() {
        full.service(Instant::now());
    }
}

/// Cause: mutants survived in which others sent behind the back of the drain thread, which may be in the middle of a piece.
#[test]
fn to_a_full_socket_the_drain_thread_sends_alone() {
    type Way = fn(&Arc<Outbox>);
    let ways: [Way; 4] = [
        |outbox| outbox.flush(),
        |outbox| outbox.flush_own(),
        |outbox| assert!(outbox.flush_for_hub() > 60_000),
        |outbox| outbox.finish(Ending::LastWord),
    ];
    for way in ways {
        let drain = Drain::start().expect("a thread");
        let (outbox, mut peer) = pair(&drain);
        drain.end();
        fill_and_make_room(&outbox, &mut peer);
        let (sent, left) = (outbox.figures().sent, backlog(&outbox));
        way(&outbox);
        assert_eq!(outbox.figures().sent, sent);
        outbox.service(Instant::now());
        assert_eq!(outbox.figures().sent, sent + left as u64, "there was room");
    }
}

/// Cause: a mutant survived in which the drain thread, looking for another reason, sent what its client's thread had not
/// flushed.
#[test]
fn what_waits_for_its_flush_waits_for_that() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    outbox.queue(&frame::encode(Opcode::Text, b"later"));
    assert!(matches!(outbox.service(Instant::now()), Service::Done));
    assert_eq!(outbox.figures().sent, 0);
    assert!(!outbox.is_waiting() && backlog(&outbox) > 0);
    drain.end();
}

/// Cause: mutants survived in which one that was being closed counted as one that took nothing, and in which what was given up
/// was held on to.
#[test]
fn who_is_cut_off_in_the_middle_of_its_end_has_the_reason_of_that() {
    type Way = fn(&Arc<Outbox>);
    let ways: [(Way, Option<u16>); 2] = [
        (
            |outbox| _ = outbox.announce_close(&Cause::server(1001, "bye")),
            Some(1001),
        ),
        // The peer's own reason is known to who has read it.
        (|outbox| outbox.answer_close(&frame::close(1000, "")), None),
    ];
    for (way, code) in ways {
        let drain = Drain::start().expect("a thread");
        let (outbox, _peer) = pair(&drain);
        drain.end();
        let message = vec![7; 16 << 20];
        // It keeps the pace of that.
        outbox.set_bounds(Bounds {
            backlog_bytes_max: 1 << 30,
            ..Bounds::default()
        });
        outbox.queue_message(Opcode::Binary, &message, &Demand::default());
        assert!(outbox.state.lock().account.told() > 0);
        way(&outbox);
        let mut now = Instant::now();
        // What the socket has room for still is soon taken.
        for look in 0.. {
            now += Bounds::default().write_timeout;
            if matches!(outbox.service(now), Service::Done) {
                break;
            }
            assert!(look < 20, "never cut off");
        }
        assert_eq!(outbox.cause().map(|cause| cause.code), code);
        assert!(!outbox.is_waiting() && backlog(&outbox) == 0);
        assert_eq!(outbox.state.lock().account.told(), 0);
    }
}

/// As many bytes wait as a socket can be full of.
#[test]
fn who_takes_nothing_is_told_of_with_the_code_of_a_connection_that_is_lost() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    drain.end();
    outbox.queue_http(&vec![7; 16 << 20]);
    outbox.flush();
    let mut now = Instant::now();
    let heard = heard::while_doing(|| {
        for look in 0.. {
            now += Bounds::default().write_timeout;
            if matches!(outbox.service(now), Service::Done) {
                break;
            }
            assert!(look < 20, "never cut off");
        }
    });
    let [line] = &heard[..] else {
        panic!("one line, not {heard:?}");
    };
    assert!(line.text.contains("has taken no byte for 30s; dropped"));
    assert_eq!(line.code, Some(1006));
}

/// Cause: a mutant survived in which who waited was answered with a byte.
#[test]
fn who_waits_for_a_message_is_answered_with_why_there_is_none() {
    for (code, answer) in [
        (NORMAL, "Silence(Some([53]))"),
        (1001, "Silence(Some([53]))"),
        (POLICY, "Closed { code: 1008, reason: \"why\" }"),
    ] {
        let drain = Drain::start().expect("a thread");
        let (outbox, peer) = plain_pair(&drain);
        let answerer = |last: Last<'_>| format!("{last:?}").into_bytes();
        outbox.become_poll(Box::new(answerer));
        outbox.set_silence(b"5".to_vec());
        outbox.close(Cause::server(code, "why"));
        outbox.finish(Ending::LastWord);
        assert_eq!(String::from_utf8_lossy(&read_all(peer)), answer);
        drain.end();
    }
}

/// Cause: a mutant survived in which the thread of one that only listens waited for a word of its client.
#[test]
fn who_only_listens_is_not_waited_for() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    let patience = Some(Duration::from_secs(20));
    outbox.socket().set_read_timeout(patience).expect("valid");
    outbox.become_event_stream();
    outbox.close(Cause::server(1001, "bye"));
    assert_eq!(outbox.receive(&mut [0; 8]).expect("an end"), 0);
    drain.end();
}
