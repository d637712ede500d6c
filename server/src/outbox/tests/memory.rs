//! What an outbox holds of memory, what it does while memory is short, and what it gives back.

use super::*;
use crate::limits::MEMORY_GRAIN_BYTES;
use crate::limits::memory::Ledger;
use crate::logging::heard;

/// Nanoseconds that this thread has been on a processor.
fn processor_time() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel tells");
    let time = times.split(' ').next().and_then(|time| time.parse().ok());
    time.expect("a number")
}

/// Cause: mutants survived in which nobody waited, or went round and round.
#[test]
fn who_waits_for_memory_sleeps_until_there_is_some_or_its_time_is_over() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    drain.end();
    let ledger = Ledger::new();
    let far = || Instant::now() + Duration::from_secs(3600);
    outbox.wait_for_memory(&ledger, far());
    ledger.set_paused(true);
    let deadline = Instant::now() + Duration::from_millis(300);
    let before = processor_time();
    outbox.wait_for_memory(&ledger, deadline);
    assert!(Instant::now() >= deadline);
    let time = Duration::from_nanos(processor_time() - before);
    assert!(time < Duration::from_millis(20), "{time:?} of a processor");
    std::thread::scope(|scope| {
        scope.spawn(|| ledger.set_paused(false));
        outbox.wait_for_memory(&ledger, far());
    });
    ledger.set_paused(true);
    // Nobody wakes who is closed: it looks by itself.
    std::thread::scope(|scope| {
        scope.spawn(|| outbox.abort());
        outbox.wait_for_memory(&ledger, far());
    });
}

/// Cause: mutants survived that sent a Close frame to one who speaks HTTP, or kept for it what was too much to keep.
#[test]
fn who_is_closed_for_want_of_memory_gets_a_close_frame_where_it_can() {
    let grain = MEMORY_GRAIN_BYTES;
    for (is_websocket, left, phase) in [
        (true, 0, Phase::Closing),
        (true, grain - 1, Phase::Closing),
        (true, grain, Phase::Closed),
        (false, 0, Phase::Closed),
        (false, grain, Phase::Closed),
    ] {
        let drain = Drain::start().expect("a thread");
        let (outbox, _peer) = plain_pair(&drain);
        drain.end();
        // Bytes that have to come before anything else, as what is left of a frame.
        outbox.queue_http(&vec![b'x'; left]);
        if is_websocket {
            outbox.become_websocket(false, None);
        }
        let heard = heard::while_doing(|| _ = outbox.evict(log::Level::Debug, "in a test"));
        let [line] = &heard[..] else {
            panic!("one line, not {heard:?}");
        };
        assert!(line.text.contains("memory is short: in a test; closed"));
        assert_eq!((line.level, line.code), (log::Level::Debug, Some(1008)));
        assert!(outbox.is_closing() && outbox.is_evicted());
        assert_eq!(outbox.state.lock().phase, phase, "{is_websocket} {left}");
        assert_eq!(outbox.cause().expect("it is told").code, POLICY);
    }
}

/// Cause: mutants survived in which the buffer of everyone counted, or nobody's.
#[test]
fn what_a_queue_holds_counts_where_a_socket_is_full_or_it_is_more_than_one_flush() {
    let drain = Drain::start().expect("a thread");
    for (bytes, is_waiting, counts) in [
        (FLUSH_BYTES / 2, false, false),
        (FLUSH_BYTES, false, false),
        (3 * FLUSH_BYTES, false, true),
        (FLUSH_BYTES / 2, true, true),
    ] {
        let (outbox, _peer) = plain_pair(&drain);
        let mut state = outbox.state.lock();
        state.queue.append_whole(&vec![b'x'; bytes]);
        assert_eq!(state.queue.memory(), bytes, "this test needs that");
        state.is_waiting = is_waiting;
        state.note_memory();
        let told = if counts { bytes } else { 0 };
        assert_eq!(state.account.told(), told, "{bytes} {is_waiting}");
    }
    drain.end();
}

/// Cause: a mutant survived in which a silent client kept the buffer of its last answers.
#[test]
fn a_silent_client_gives_its_buffer_back() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    let memory = || outbox.state.lock().queue.memory();
    outbox.queue(&frame::encode(Opcode::Text, &[b'x'; 1000]));
    outbox.shrink();
    assert!(backlog(&outbox) > 1000, "it is not sent yet");
    outbox.flush();
    assert!(memory() > 1000);
    outbox.shrink();
    assert_eq!(memory(), 0);
    drain.end();
}
