//! The thread, and its state as the test drives it, by a clock of its own.

use std::collections::{BTreeSet, HashMap};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags};
use rustix::event::{EventfdFlags, eventfd};

use super::{Drain, Pressure, Told, Waiter};
use crate::compression::Demand;
use crate::ids::ClientId;
use crate::limits::memory::{Ledger, Part};
use crate::limits::{LEAVING_BEHIND_MAX, LINGER_TIMEOUT, MEMORY_LOOK_AGAIN};
use crate::outbox::cause::Cause;
use crate::outbox::frame::{self, Opcode};
use crate::outbox::pressure;
use crate::outbox::tests::{pair, read_all};
use crate::outbox::{Ending, Outbox};

/// A state like that of the thread of `drain`, which is to end before anybody tells it of anything.
fn waiter(drain: &Drain) -> Waiter {
    Waiter {
        epoll: epoll::create(CreateFlags::CLOEXEC).expect("a descriptor"),
        intake: drain.handle.0.clone(),
        entries: HashMap::new(),
        deadlines: BTreeSet::new(),
        told: Told::default(),
        pressure: Pressure::default(),
        look_at: None,
    }
}

/// More than any socket takes.
fn fill(outbox: &Arc<Outbox>) {
    outbox.queue_message(Opcode::Binary, &vec![7; 16 << 20], &Demand::default());
    assert!(outbox.is_waiting());
}

/// It has had its last word, and its peer is there still.
fn say_the_last_word(outbox: &Arc<Outbox>) {
    outbox.close(Cause::server(1000, "bye"));
    outbox.finish(Ending::LastWord);
    assert!(outbox.has_last_word());
}

/// Cause: an error of `epoll_wait`, such as that of a descriptor which a plugin has closed, was ignored,
/// so that the thread would spin and every full socket be forgotten.
#[test]
fn a_wait_that_fails_is_no_wait_that_returns_nothing() {
    let drain = Drain::start().expect("a thread");
    let waiter = Waiter {
        epoll: eventfd(0, EventfdFlags::CLOEXEC).expect("a descriptor"),
        ..waiter(&drain)
    };
    let (tell, told) = crossbeam_channel::bounded(1);
    let thread = thread::spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| waiter.run()));
        tell.send(ended.expect_err("a wait that fails"))
    });
    let panic = told
        .recv_timeout(Duration::from_secs(20))
        .expect("it does not spin");
    let text = panic.downcast::<String>().expect("it says why");
    assert!(text.starts_with("cannot wait for sockets: "), "{text}");
    thread.join().expect("it has told").ok();
    drain.end();
}

/// Cause: a mutant survived that had neither: who wakes the thread may wait, and a plugin's child has a way to it.
#[test]
fn who_wakes_the_thread_never_waits_and_no_child_inherits_the_way() {
    let drain = Drain::start().expect("a thread");
    let wake = &drain.handle.0.wake;
    let flags = rustix::io::fcntl_getfd(wake).expect("a descriptor");
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    let flags = rustix::fs::fcntl_getfl(wake).expect("a descriptor");
    assert!(flags.contains(rustix::fs::OFlags::NONBLOCK));
    drain.end();
}

/// Cause: a mutant that kept those that have gone survived: each would have cost its memory for ever.
#[test]
fn who_has_gone_is_not_watched_any_more() {
    let drain = Drain::start().expect("a thread");
    let handle = drain.handle();
    for number in 1..=200 {
        let (socket, _peer) = UnixStream::pair().expect("two descriptors");
        let socket = TcpStream::from(OwnedFd::from(socket));
        handle.watch(&Outbox::new(socket, ClientId(number), drain.handle()));
    }
    let watched = handle.0.receiving.lock().len();
    assert!(watched < 100, "{watched} of 200 that have gone");
    drain.end();
}

/// Cause: mutants survived in which the thread never woke for a deadline, or never slept.
#[test]
fn the_thread_sleeps_until_the_first_of_all_deadlines() {
    let drain = Drain::start().expect("a thread");
    let mut waiter = waiter(&drain);
    drain.end();
    let seconds = |waiter: &Waiter| waiter.time_to_next_deadline().map(|time| time.tv_sec);
    assert_eq!(seconds(&waiter), None);
    let (now, hour) = (Instant::now(), Duration::from_secs(3600));
    waiter.deadlines.insert((now + 2 * hour, 1));
    assert!(matches!(seconds(&waiter), Some(3601..=7200)));
    waiter.look_at = Some(now + hour);
    assert!(matches!(seconds(&waiter), Some(1..=3600)));
    waiter.deadlines.insert((now, 2));
    assert_eq!(seconds(&waiter), Some(0));
}

/// Cause: mutants survived in which nobody's deadline came, in which all sockets were one, and in which one that is full counted
/// among those that have their answer.
#[test]
fn each_has_a_deadline_of_its_own_and_leaves_nothing_behind() {
    let drain = Drain::start().expect("a thread");
    let [(lingers, _a), (full, _b)] = [pair(&drain), pair(&drain)];
    let mut waiter = waiter(&drain);
    drain.end();
    say_the_last_word(&lingers);
    fill(&full);
    let now = Instant::now();
    for _ in 0..2 {
        waiter.serve(lingers.clone(), now);
        waiter.serve(full.clone(), now);
    }
    waiter.serve_deadlines(now);
    assert_eq!(waiter.entries.len(), 2);
    waiter.serve_deadlines(now + LINGER_TIMEOUT);
    assert_eq!(waiter.entries.len(), 1);
    assert!(!lingers.has_last_word() && full.is_waiting());
    waiter.intake.leaving.cut_all();
    waiter.cut_leaving();
    assert!(full.is_waiting(), "it is not to be cut");
}

/// Cause: mutants survived that cut nobody where no file was left.
#[test]
fn who_has_its_answer_is_cut_where_no_file_is_left() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    let (mut waiter, handle) = (waiter(&drain), drain.handle());
    drain.end();
    say_the_last_word(&outbox);
    waiter.serve(outbox.clone(), Instant::now());
    waiter.cut_leaving();
    assert!(outbox.has_last_word(), "there are files");
    handle.cut_leaving();
    waiter.cut_leaving();
    assert!(waiter.entries.is_empty() && !outbox.has_last_word());
    assert_eq!(read_all(peer), frame::close(1000, "bye"));
}

/// Who comes waits a moment where the thread is behind with those who leave.
#[test]
fn it_is_crowded_where_the_thread_is_behind() {
    let drain = Drain::start().expect("a thread");
    let handle = drain.handle();
    handle.set_leaving_max(1);
    let mut leavers = Vec::new();
    for leaving in 0..LEAVING_BEHIND_MAX + 3 {
        assert_eq!(handle.is_crowded(), leaving > 1 + LEAVING_BEHIND_MAX);
        leavers.push(handle.leaver());
    }
    drain.end();
}

/// Cause: a mutant survived that left the thread running, and its sockets open.
#[test]
fn what_waits_when_the_thread_ends_is_cut_off() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    fill(&outbox);
    assert!(!outbox.is_closing());
    drain.end();
    assert!(outbox.is_closing());
}

/// Cause: mutants survived in which the thread never looked at the memory.
#[test]
fn where_memory_is_short_those_who_hold_it_in_either_direction_go() {
    static LEDGER: Ledger = Ledger::new();
    let drain = Drain::start().expect("a thread");
    let [(sent_to, _a), (heard, _b)] = [pair(&drain), pair(&drain)];
    let mut waiter = waiter(&drain);
    waiter.pressure = pressure::tests::of(&LEDGER);
    drain.end();
    let now = Instant::now();
    fill(&sent_to);
    waiter.serve(sent_to.clone(), now);
    heard.set_incoming(1 << 20);
    LEDGER.set_limit(8 << 20);
    waiter.watch_memory(now);
    assert_eq!(waiter.look_at, None);
    LEDGER.add(Part::Receiving, 7 << 20);
    waiter.watch_memory(now);
    assert_eq!(waiter.look_at, Some(now + MEMORY_LOOK_AGAIN));
    assert!(LEDGER.is_paused());
    // As much as all of them hold, and more.
    LEDGER.add(Part::Receiving, 1 << 30);
    waiter.watch_memory(now);
    assert!(sent_to.is_evicted() && heard.is_evicted());
}
