//! Permits, ids and seats, without connections.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::activity::Callback;
use super::{Call, NoTurn, Roster, Seat, Session, reaper};
use crate::http::HttpLimits;
use crate::http::peer::Remote;
use crate::http::request::Request;
use crate::ids::{ClientId, RouteId};
use crate::limits::CALLS_PER_CLIENT_MAX;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::Outbox;
use crate::outbox::drain::Drain;
use crate::threads::{self, Name, Stacks};

/// Longer than anything takes, on a busy machine too.
const FAR: Duration = Duration::from_secs(20);

#[test]
fn ids_count_up_from_one_and_never_come_again() {
    let roster = Roster::new(3);
    let mut seen = Vec::new();
    for _ in 0..7 {
        let (client, _) = roster.claim().expect("a slot is free");
        seen.push(client.0);
        roster.free(client);
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn no_more_permits_than_slots() {
    let roster = Roster::new(2);
    let (first, _) = roster.claim().expect("a slot is free");
    assert!(roster.claim().is_some());
    assert!(roster.claim().is_none());
    roster.free(first);
    assert_eq!(roster.claim().map(|claimed| claimed.0), Some(ClientId(3)));
}

/// Cause: mutants that waited for nobody, or for its whole time, survived.
#[test]
fn it_is_empty_when_the_last_has_left_and_no_sooner() {
    let roster = Arc::new(Roster::new(2));
    assert!(roster.wait_until_empty(Instant::now()));
    let (client, _) = roster.claim().expect("a slot is free");
    assert!(!roster.wait_until_empty(Instant::now()));
    let (tell, told) = crossbeam_channel::bounded(1);
    let waiting = roster.clone();
    std::thread::spawn(move || {
        let far = Instant::now() + Duration::from_secs(3600);
        tell.send(waiting.wait_until_empty(far))
    });
    roster.free(client);
    assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(true));
}

/// Cause: a mutant survived in which the slot went to the next client while the hub knew of the one before.
#[test]
fn a_slot_is_free_only_when_the_hub_has_let_go_of_it() {
    let roster = Roster::new(1);
    let (client, _) = roster.claim().expect("a slot is free");
    roster.enter_hub(client);
    roster.free(client);
    assert!(roster.claim().is_none());
    roster.leave_hub(client);
    assert!(roster.claim().is_some());
}

/// Cause: mutants survived in which it was noted nowhere.
#[test]
fn what_a_client_runs_and_says_is_noted_where_it_is_looked_for() {
    let roster = Roster::new(3);
    let [one, other] = [(); 2].map(|()| roster.claim().expect("a slot is free").0);
    let (activity, traffic) = roster.notes(other);
    activity.begin(RouteId(1), Callback::Message, &roster.clock);
    traffic.received(5);
    traffic.sent(7);
    let busy: Vec<ClientId> = roster.busy().map(|(client, _)| client).collect();
    assert_eq!(busy, [other]);
    assert!(roster.activity(other).running().is_some());
    assert!(roster.activity(one).running().is_none());
    assert_eq!(roster.traffic(other).exchanged().answers.bytes, 7);
    assert_eq!(roster.traffic(one).exchanged().answers.bytes, 0);
    roster.traffic(one).received(2);
    let all = roster.all_traffic();
    assert_eq!((all.incoming.messages, all.incoming.bytes), (2, 7));
    assert_eq!((all.answers.messages, all.answers.bytes), (1, 7));
}

/// Cause: a mutant survived that answered as if a call waited which nobody would ever have made.
#[test]
fn calls_wait_for_a_clients_turn_each_once_and_in_their_order() {
    let roster = Roster::new(1);
    let (client, _) = roster.claim().expect("a slot is free");
    let route = RouteId(1);
    let calls: Vec<Call> = (0..=CALLS_PER_CLIENT_MAX)
        .map(|number| Arc::new(number) as Call)
        .collect();
    let put = |at: usize| roster.put_call(client, route, calls[at].clone());
    assert_eq!(put(0), Err(NoTurn::Gone));
    roster.open(client, route);
    assert!(!roster.has_calls(client));
    for at in 0..CALLS_PER_CLIENT_MAX {
        assert_eq!([put(at), put(at)], [Ok(()), Ok(())]);
    }
    assert_eq!(put(CALLS_PER_CLIENT_MAX), Err(NoTurn::TooMany));
    assert!(roster.has_calls(client));
    let taken = roster.take_calls(client);
    assert_eq!(taken.len(), CALLS_PER_CLIENT_MAX);
    let mut pairs = taken.iter().zip(&calls);
    assert!(pairs.all(|(taken, call)| Arc::ptr_eq(taken, call)));
    assert!(!roster.has_calls(client) && roster.take_calls(client).is_empty());
}

#[test]
fn a_lower_limit_holds_for_those_who_come() {
    let roster = Roster::new(3);
    let (first, _) = roster.claim().expect("a slot is free");
    roster.set_limit(1);
    assert!(roster.claim().is_none());
    roster.set_limit(100);
    assert!(roster.claim().is_some() && roster.claim().is_some());
    assert!(roster.claim().is_none(), "no more than slots");
    roster.free(first);
    assert!(roster.claim().is_some());
}

#[test]
fn a_seat_that_passes_on_before_it_is_locked_says_whose_it_is() {
    let roster = Roster::new(1);
    let take_seat = |route| {
        let (client, _) = roster.claim().expect("a slot is free");
        roster.seat(client, seat(route));
        client
    };
    let first = take_seat(RouteId(0));
    let (found, lock) = roster.seats(RouteId(0)).next().expect("it is seated");
    assert_eq!(found, first);
    // It leaves, and its slot goes to a client of another route before anyone has the lock.
    roster.unseat(first);
    roster.free(first);
    take_seat(RouteId(1));
    let route = lock.lock().as_ref().map(|seat| seat.route);
    assert_eq!(route, Some(RouteId(1)));
}

/// Cause: a replacement held every seat that it had found until it was done, which is as long as
/// a plugin's `create` takes: also that of a client that had left, for which the reaper waited
/// and with it every other departure, and that of another route's client.
#[test]
fn only_seats_of_the_route_stay_locked() {
    let roster = Roster::new(3);
    let [stays, leaves, passes] = [(); 3].map(|()| {
        let (client, _) = roster.claim().expect("a slot is free");
        roster.seat(client, seat(RouteId(0)));
        client
    });
    // As between a look at the slot and the lock.
    *roster.seat_of(leaves).lock() = None;
    *roster.seat_of(passes).lock() = Some(seat(RouteId(1)));
    let held = roster.lock_seats(RouteId(0), Instant::now());
    let held = held.expect("nobody has one");
    assert_eq!(held.iter().map(|held| held.0).collect::<Vec<_>>(), [stays]);
    assert!(roster.seat_of(stays).try_lock().is_none());
    assert!(roster.seat_of(leaves).try_lock().is_some());
    assert!(roster.seat_of(passes).try_lock().is_some());
    assert!(
        roster.lock_seats(RouteId(0), Instant::now()).is_none(),
        "one is not to be had"
    );
}

/// Cause: a client that spoke without a pause had its seat again before the replacement that waited for it had woken up, callback
/// after callback, and so the replacement was put off.
#[test]
fn who_waits_for_a_seat_has_it_before_its_client_calls_again() {
    let roster = Roster::new(1);
    let (client, _) = roster.claim().expect("a slot is free");
    roster.seat(client, seat(RouteId(0)));
    let has_waited = AtomicBool::new(false);
    let (tell, told) = crossbeam_channel::bounded(1);
    std::thread::scope(|scope| {
        roster.with_seat(client, |_| {
            scope.spawn(|| {
                let own = std::fs::read_link("/proc/thread-self").expect("it is this thread");
                tell.send(own).expect("somebody wants to know");
                let held = roster.lock_seats(RouteId(0), Instant::now() + FAR);
                has_waited.store(held.is_some(), Ordering::Relaxed);
            });
            let waiting: PathBuf = told.recv().expect("it says so");
            let status = Path::new("/proc").join(waiting).join("stat");
            let deadline = Instant::now() + FAR;
            let sleeps =
                || std::fs::read_to_string(&status).is_ok_and(|stat| stat.contains(") S "));
            while !sleeps() {
                assert!(Instant::now() < deadline, "it does not wait");
                std::thread::yield_now();
            }
        });
        roster.with_seat(client, |_| assert!(has_waited.load(Ordering::Relaxed)));
    });
}

fn seat(route: RouteId) -> Seat {
    let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let peer = Remote::Tcp("127.0.0.1:1".parse().expect("an address"));
    Seat {
        route,
        generation: 0,
        session: Session::new(std::ptr::null_mut()),
        request: Arc::new(
            Request::parse(head, peer, HttpLimits::default()).expect("it is well-formed"),
        ),
    }
}

#[test]
fn a_client_is_known_on_its_route_only_while_it_is_open() {
    let roster = Roster::new(2);
    let (client, _) = roster.claim().expect("a slot is free");
    assert!(!roster.is_open(client, RouteId(0)));
    roster.open(client, RouteId(0));
    assert!(roster.is_open(client, RouteId(0)));
    assert!(!roster.is_open(client, RouteId(1)));
    assert!(
        !roster.is_open(ClientId(client.0 + 2), RouteId(0)),
        "the slot's next client"
    );
    roster.close(client);
    assert!(!roster.is_open(client, RouteId(0)));
}

/// Cause: a mutant that took the slot's outbox for that of whoever had the slot before survived: what was meant for a client
/// that has gone would have reached the next one.
#[test]
fn an_outbox_is_that_of_the_client_that_is_named_and_of_no_later_one() {
    let roster = Roster::new(1);
    let (stacks, drain) = (Stacks::new(), Drain::start().expect("a thread"));
    let enter = || {
        let (client, _places) = roster.claim().expect("the slot is free");
        let outbox = Outbox::new(socket(), client, drain.handle());
        let spawn = || threads::spawn(&stacks, Name::of(&["leaves"]), Box::new(|| {}));
        let started = roster.hold(client, outbox, spawn);
        started.expect("a thread is to be had");
        client
    };
    let first = enter();
    assert!(roster.outbox(first).is_some());
    release(&roster, first);
    assert!(roster.outbox(first).is_none());
    let second = enter();
    assert!(roster.outbox(first).is_none(), "it is another's");
    assert!(roster.outbox(second).is_some());
    release(&roster, second);
    drain.end();
}

/// A replacement waits for the seats of its route, and for no others.
#[test]
fn who_has_no_seat_any_more_is_waited_for_by_nobody() {
    let roster = Roster::new(2);
    let (client, _) = roster.claim().expect("a slot is free");
    roster.seat(client, seat(RouteId(0)));
    assert_eq!(roster.seats(RouteId(0)).count(), 1);
    assert_eq!(roster.seats(RouteId(1)).count(), 0);
    roster.seat_of(client).lock().take();
    roster.unseat(client);
    assert_eq!(roster.seats(RouteId(0)).count(), 0);
}

/// Who closes the clients of a route closes them, and nobody of another.
#[test]
fn those_of_a_route_are_found_and_no_others() {
    let roster = Roster::new(3);
    let (stacks, drain) = (Stacks::new(), Drain::start().expect("a thread"));
    let enter = |route: Option<u32>| {
        let (client, _places) = roster.claim().expect("a slot is free");
        let outbox = Outbox::new(socket(), client, drain.handle());
        let spawn = || threads::spawn(&stacks, Name::of(&["leaves"]), Box::new(|| {}));
        let started = roster.hold(client, outbox, spawn);
        started.expect("a thread is to be had");
        if let Some(route) = route {
            roster.open(client, RouteId(route));
        }
        client
    };
    let clients = [Some(0), Some(1), None].map(enter);
    let found = |route: Option<RouteId>| {
        let found = Mutex::new(Vec::new());
        let note = |outbox: &Arc<Outbox>| {
            let of = clients.iter().position(|&client| outbox.is_of(client));
            found.lock().push(of.expect("one of these"));
        };
        match route {
            Some(route) => roster.for_each_outbox_of(route, note),
            None => roster.for_each_outbox(note),
        }
        let mut found = found.into_inner();
        found.sort_unstable();
        found
    };
    assert_eq!(found(Some(RouteId(0))), [0]);
    assert_eq!(found(Some(RouteId(1))), [1]);
    assert_eq!(found(Some(RouteId(2))), [0; 0]);
    assert_eq!(found(None), [0, 1, 2]);
    for client in clients {
        release(&roster, client);
    }
    drain.end();
}

/// Cause: the reaper joined one thread after the other, so that a plugin's thread-local value that slept
/// in its `drop` kept the places of all who left after it.
#[test]
fn a_thread_that_does_not_end_keeps_its_own_place_and_no_other() {
    let roster = Arc::new(Roster::new(3));
    let (stacks, drain) = (Stacks::new(), Drain::start().expect("a thread"));
    let (departed, reaper) =
        reaper::start(roster.clone(), RefusalLog::default()).expect("a thread");
    let (go_on, held_up) = crossbeam_channel::bounded::<()>(0);
    let start = |body: Box<dyn FnMut() + Send>| {
        let (client, _places) = roster.claim().expect("a slot is free");
        let outbox = Outbox::new(socket(), client, drain.handle());
        let spawn = || threads::spawn(&stacks, Name::of(&["departs"]), body);
        let started = roster.hold(client, outbox, spawn);
        started.expect("a thread is to be had");
        departed.send(client).expect("the reaper runs");
        client
    };
    start(Box::new(move || assert!(held_up.recv().is_err())));
    start(Box::new(|| {}));
    start(Box::new(|| {}));
    wait_until_connected(&roster, 1);
    drop(go_on);
    wait_until_connected(&roster, 0);
    drop(departed);
    reaper.join().expect("it ends in good order");
    drain.end();
}

/// Once its thread has ended.
#[track_caller]
fn release(roster: &Roster, client: ClientId) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !roster.release(client) {
        assert!(Instant::now() < deadline, "its thread does not end");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[track_caller]
fn wait_until_connected(roster: &Roster, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while roster.connected() != count {
        assert!(Instant::now() < deadline, "{} left", roster.connected());
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn socket() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    TcpStream::connect(address).expect("it listens")
}
