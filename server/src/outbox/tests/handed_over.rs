//! What the drain thread sends for a thread that has never sent anything.

use super::*;

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
