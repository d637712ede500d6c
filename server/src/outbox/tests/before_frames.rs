//! Answers in HTTP: who waits for one, who has its own, and who has to make room.

use super::*;
use crate::outbox::encoding::Encoding;

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

/// Cause: mutants survived in which who had taken little or nothing was given up too soon.
#[test]
fn an_answer_has_the_time_that_its_bytes_take_and_that_a_socket_may_be_full() {
    let (begin, patience) = (Instant::now(), Duration::from_secs(20));
    for (bytes, seconds) in [(0, 20), (BYTES_PER_SECOND_LEAST, 21), (80_000, 29)] {
        let lasts = deadline(begin, patience, bytes).duration_since(begin);
        assert_eq!(lasts.as_secs(), seconds, "{bytes} bytes");
    }
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

/// Cause: a mutant survived that cut one off at once of whose answer little was left.
#[test]
fn the_last_of_an_answer_is_waited_for_as_long_as_a_socket_may_be_full() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = plain_pair(&drain);
    let mut said = 0;
    while !outbox.is_waiting() {
        outbox.queue_http(&[b'x'; 10_000]);
        outbox.flush();
        said += 10_000;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| peer.read_exact(&mut vec![0; said]).expect("all of it"));
        outbox.wait_until_sent();
    });
    assert!(!outbox.is_waiting() && !outbox.is_closing());
    drain.end();
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

/// Cause: who took each piece of a file as slowly as a single answer may be taken held its place for three times as long as
/// the whole may take.
#[test]
fn who_takes_an_answer_in_pieces_has_the_patience_for_one_full_socket_in_all() {
    let drain = Drain::start().expect("a thread");
    let said = 10_000_000;
    let patience = Duration::from_secs(20);
    let late = patience + time_for(said) + Duration::from_secs(1);
    for (since_begin, is_cut) in [(Duration::ZERO, false), (late, true)] {
        let (outbox, peer) = plain_pair(&drain);
        outbox.set_bounds(Bounds {
            write_timeout: patience,
            ..Bounds::default()
        });
        outbox.queue_http(&vec![b'x'; 16 * 1024 * 1024]);
        outbox.flush();
        assert!(outbox.is_waiting(), "more than the socket takes");
        std::thread::scope(|scope| {
            if !is_cut {
                let reader = peer.try_clone().expect("a descriptor");
                scope.spawn(|| read_all(reader));
            }
            let begin = Instant::now()
                .checked_sub(since_begin)
                .expect("it is up for longer");
            outbox.wait_until_sent_of(begin, said);
            assert_eq!(outbox.is_closing(), is_cut);
            outbox.finish(Ending::LastWord);
        });
        // Until here: one that goes without having read all is not closed by us.
        drop(peer);
    }
    drain.end();
}

/// Cause: amid a body, with nothing of it waiting, a panic of ours put a second answer into what the client takes for the
/// rest of the first.
#[test]
fn a_fault_is_told_where_nothing_of_an_answer_was_said_and_nowhere_else() {
    let drain = Drain::start().expect("a thread");
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    for (is_asked, queued, is_told) in [
        (false, &b""[..], true),
        (true, b"", true),
        (true, begun, false),
    ] {
        let (outbox, peer) = plain_pair(&drain);
        if is_asked {
            outbox.begin_answer();
            outbox.queue_continue();
        }
        if !queued.is_empty() {
            outbox.queue_http(queued);
        }
        outbox.flush();
        outbox.end_for_fault(b"fault");
        outbox.finish(Ending::LastWord);
        let heard = String::from_utf8(read_all(peer)).expect("text");
        assert_eq!(heard.ends_with("fault"), is_told, "{heard}");
    }
    drain.end();
}

#[test]
fn a_long_answer_has_the_time_that_a_slow_line_needs() {
    assert_eq!(time_for(0), Duration::ZERO);
    assert_eq!(time_for(1024 * 1024), Duration::from_secs(128));
}

/// Cause: a mutant survived in which a file was read to its end for one who had gone.
#[test]
fn who_has_gone_in_the_middle_of_an_answer_is_sent_no_more_of_it() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    assert!(outbox.begin_answer() && outbox.is_answered());
    outbox.abort();
    assert!(!outbox.is_answered());
    drain.end();
}

/// Cause: a mutant survived in which one that was cut off in the middle of its request was answered.
#[test]
fn who_was_cut_off_in_the_middle_of_a_request_is_not_answered() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    assert!(outbox.begin_answer());
    assert!(!outbox.ask_to_leave(), "it is answered");
    assert!(outbox.end_answer());
    outbox.abort();
    assert!(!outbox.begin_answer());
    drain.end();
}

/// Cause: a mutant survived in which a stopping server took one more request of each connection.
#[test]
fn who_is_answered_while_the_server_stops_is_asked_for_no_more() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    assert!(outbox.begin_answer() && !outbox.is_stopping());
    outbox.stop_http();
    assert!(outbox.is_stopping() && outbox.is_answered());
    assert!(!outbox.end_answer());
    drain.end();
}

/// Cause: a mutant survived in which positions and topics were promised and bare messages sent.
#[test]
fn who_was_promised_envelopes_gets_them() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    outbox.become_websocket(true, None);
    assert_eq!(outbox.encoding(), Encoding::Envelope(None));
    drain.end();
}
