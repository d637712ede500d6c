//! A route with clients that come and go, and a plugin in this process that counts: what is called
//! too late, twice, for another's session or not at all shows in a number, or to a sanitizer, since
//! its sessions are memory that it frees.
#![allow(unsafe_code)]

mod leaving;
mod replaced;
mod service;
mod shared;

use std::ffi::c_void;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use plugin_api::abi::{self, Bytes, FAILED, Functions, GONE, OK, Sink, Status};

use super::Route;
use crate::engine::{Gap, GapCause};
use crate::http::HttpLimits;
use crate::http::peer::Remote;
use crate::http::request::Request;
use crate::hub::{Audience, Hub};
use crate::ids::{ClientId, RouteId};
use crate::journal::{Epoch, Position};
use crate::outbox::Outbox;
use crate::outbox::cause::Cause;
use crate::outbox::drain::Drain;
use crate::plugin::{HandOver, Library, Place, Services};
use crate::roster::Roster;
use crate::threads::{self, Stacks};

const ROUTE: RouteId = RouteId(0);
const THREADS: u64 = 4;
const CLIENTS_PER_THREAD: u64 = 100;
const SLOTS: usize = 8;

/// What the instances of one test have seen.
struct Counts {
    opened: AtomicU64,
    resumed: AtomicU64,
    closed: AtomicU64,
    dropped: AtomicU64,
    timers: AtomicU64,
    /// The code and the initiator of the last `on_close`.
    last_cause: Mutex<(u32, u32)>,
    /// Gaps that were told: to whom, why, and between which offsets.
    gaps: Mutex<Vec<(usize, u32, String)>>,
    /// Whoever holds it holds up who is told.
    gap_gate: Mutex<()>,
    /// Calls that the ABI rules out.
    faults: AtomicU64,
    /// Kept, so that a call that comes after `destroy` can be told.
    made: Mutex<Vec<&'static Made>>,
}

struct Made {
    counts: &'static Counts,
    is_destroyed: AtomicBool,
}

/// What the plugin keeps for a client.
struct Kept {
    owner: *mut c_void,
    is_in_use: AtomicBool,
}

impl Counts {
    const fn new() -> Counts {
        Counts {
            opened: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            timers: AtomicU64::new(0),
            last_cause: Mutex::new((0, 0)),
            gaps: Mutex::new(Vec::new()),
            gap_gate: Mutex::new(()),
            faults: AtomicU64::new(0),
            made: Mutex::new(Vec::new()),
        }
    }

    /// The options by which `create` finds it.
    fn config(&'static self) -> String {
        std::ptr::from_ref(self).expose_provenance().to_string()
    }

    fn fault_if(&self, is_fault: bool) {
        self.faults
            .fetch_add(u64::from(is_fault), Ordering::Relaxed);
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn value(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// The instance that is called, which has to be there still.
fn called(route: *mut c_void) -> &'static Counts {
    // SAFETY: `create` gave it out, and it is kept in a static.
    let made = unsafe { &*route.cast::<Made>() };
    made.counts
        .fault_if(made.is_destroyed.load(Ordering::Relaxed));
    made.counts
}

unsafe extern "C" fn create(
    host: *const abi::Host,
    config: Bytes,
    _: *const Bytes,
    route: *mut *mut c_void,
    _: *const Sink,
) -> Status {
    // SAFETY: valid during the call, as is all that follows from it.
    let address = std::str::from_utf8(unsafe { config.as_slice() });
    let Some(address) = address.ok().and_then(|text| text.parse().ok()) else {
        return FAILED;
    };
    // SAFETY: the address of a static of this file.
    let counts = unsafe { &*std::ptr::with_exposed_provenance::<Counts>(address) };
    let made: &'static Made = Box::leak(Box::new(Made {
        counts,
        is_destroyed: AtomicBool::new(false),
    }));
    let mut timer = 0;
    // SAFETY: the host is valid for ever, and the places during the calls.
    unsafe {
        *route = std::ptr::from_ref(made).cast_mut().cast();
        ((*host).set_timer)(host, 0, 1, &raw mut timer);
    }
    counts.made.lock().push(made);
    OK
}

unsafe extern "C" fn destroy(route: *mut c_void) {
    // SAFETY: as in `called`.
    let made = unsafe { &*route.cast::<Made>() };
    let was_destroyed = made.is_destroyed.swap(true, Ordering::Relaxed);
    made.counts.fault_if(was_destroyed);
}

unsafe extern "C" fn on_open(
    route: *mut c_void,
    _: u64,
    _: *const abi::Request,
    resumed: *const abi::Resumed,
    session: *mut *mut c_void,
    _: *const Sink,
) -> Status {
    let counts = called(route);
    add_one(if resumed.is_null() {
        &counts.opened
    } else {
        &counts.resumed
    });
    let kept = Box::new(Kept {
        owner: route,
        is_in_use: AtomicBool::new(false),
    });
    // SAFETY: a place to write to.
    unsafe { *session = Box::into_raw(kept).cast() };
    OK
}

unsafe extern "C" fn on_message(
    route: *mut c_void,
    session: *mut c_void,
    _: u64,
    _: u32,
    _: Bytes,
    _: *const Sink,
) -> Status {
    let counts = called(route);
    // SAFETY: `on_open` made it, and it is freed after the last call with it.
    let kept = unsafe { &*session.cast::<Kept>() };
    counts.fault_if(kept.owner != route);
    counts.fault_if(kept.is_in_use.swap(true, Ordering::Relaxed));
    thread::yield_now();
    kept.is_in_use.store(false, Ordering::Relaxed);
    OK
}

unsafe extern "C" fn on_close(
    route: *mut c_void,
    session: *mut c_void,
    _: u64,
    cause: *const abi::Cause,
    _: *const Sink,
) -> Status {
    let counts = called(route);
    add_one(&counts.closed);
    // SAFETY: valid during the call.
    *counts.last_cause.lock() = unsafe { ((*cause).code, (*cause).initiator) };
    free(route, session);
    OK
}

unsafe extern "C" fn drop_session(route: *mut c_void, session: *mut c_void) {
    let counts = called(route);
    add_one(&counts.dropped);
    free(route, session);
}

unsafe extern "C" fn on_timer(route: *mut c_void, _: u64, _: *const Sink) -> Status {
    add_one(&called(route).timers);
    OK
}

unsafe extern "C" fn on_gap(route: *mut c_void, gap: *const abi::Gap, _: *const Sink) -> Status {
    let counts = called(route);
    // SAFETY: valid during the call.
    let gap = unsafe { &*gap };
    counts.fault_if(gap.size as usize != size_of::<abi::Gap>());
    let between = [gap.from, gap.to].map(|at| Position::parse(&at).map_or(0, |at| at.offset));
    let told = (route.addr(), gap.cause, format!("{between:?}"));
    counts.gaps.lock().push(told);
    drop(counts.gap_gate.lock());
    OK
}

fn free(route: *mut c_void, session: *mut c_void) {
    // SAFETY: `on_open` made it, and this is its last call.
    let kept = unsafe { Box::from_raw(session.cast::<Kept>()) };
    let counts = called(route);
    counts.fault_if(kept.owner != route);
    counts.fault_if(kept.is_in_use.load(Ordering::Relaxed));
}

fn library() -> Arc<Library> {
    Arc::new(Library {
        file: "libcounts.so".into(),
        name: "counts".to_owned(),
        version: "1".to_owned(),
        default_paths: vec!["/counts".to_owned()],
        has_event_stream: false,
        state_format: 0,
        reads_state_formats: Vec::new(),
        closes_failed_opens: true,
        subprotocols: Vec::new(),
        functions: Functions {
            size: size_of::<Functions>() as u32,
            reserved: 0,
            create: Some(create),
            destroy: Some(destroy),
            on_upgrade: None,
            on_open: Some(on_open),
            on_message: Some(on_message),
            on_close: Some(on_close),
            on_error: None,
            on_request: None,
            on_timer: Some(on_timer),
            reconfigure: None,
            save_state: None,
            save_session: None,
            drop_session: Some(drop_session),
        },
        check: None,
        on_gap: Some(on_gap),
        set_log_level: None,
    })
}

/// A route at work, with all that it needs of a server.
struct World {
    route: Arc<Route>,
    roster: Arc<Roster>,
    hub: Hub,
    drain: Drain,
}

impl World {
    fn new(counts: &'static Counts) -> World {
        let roster = Arc::new(Roster::new(SLOTS));
        let of_hub = roster.clone();
        let hub = Hub::start(move |client| of_hub.leave_hub(client));
        let (hub, drain) = (hub, Drain::start());
        let (hub, drain) = (hub.expect("a thread"), drain.expect("a thread"));
        let services = Services {
            roster: roster.clone(),
            hub: hub.handle(),
            folders: Arc::default(),
        };
        let route = Route::create(library(), ROUTE, "/counts", &counts.config(), services);
        let route = route.expect("it is made");
        route.start();
        World {
            route,
            roster,
            hub,
            drain,
        }
    }

    /// A client on the route, and its end of the connection.
    fn enter(&self) -> (ClientId, Place, UnixStream) {
        let (client, outbox, peer) = self.come();
        (client, self.open(client, &outbox), peer)
    }

    /// The same where the roster can tell its outbox.
    fn enter_held(&self) -> (ClientId, Place, UnixStream) {
        let (client, outbox, peer) = self.come();
        self.hold(client, outbox.clone());
        (client, self.open(client, &outbox), peer)
    }

    fn open(&self, client: ClientId, outbox: &Arc<Outbox>) -> Place {
        let head = b"GET /counts HTTP/1.1\r\nHost: h\r\n\r\n";
        let address = Remote::Tcp("127.0.0.1:1".parse().expect("an address"));
        let request = Request::parse(head, address, HttpLimits::default());
        let request = Box::new(request.expect("it is well-formed"));
        let place = Place::open(self.route.clone(), client, outbox, request);
        place.expect("it is let in")
    }

    fn hold(&self, client: ClientId, outbox: Arc<Outbox>) {
        let spawn = || threads::spawn(&Stacks::new(), "leaves", Box::new(|| {}));
        let held = self.roster.hold(client, outbox, spawn);
        held.expect("a thread is to be had");
    }

    /// Its slot is free again, and what the roster held of it gone.
    fn release(&self, client: ClientId) {
        while !self.roster.release(client) {
            thread::yield_now();
        }
    }

    /// A connection that is on no route yet.
    fn come(&self) -> (ClientId, Arc<Outbox>, UnixStream) {
        let (socket, peer) = UnixStream::pair().expect("two descriptors");
        // Slots are free when the hub has seen that their clients have left.
        let (client, _) = std::iter::repeat_with(|| self.roster.claim())
            .find_map(|client| {
                client.or_else(|| {
                    thread::yield_now();
                    None
                })
            })
            .expect("it goes on until there is one");
        let outbox = Outbox::new(
            TcpStream::from(OwnedFd::from(socket)),
            client,
            self.drain.handle(),
        );
        (client, outbox, peer)
    }

    fn end(self) {
        self.route.end();
        self.hub.end();
        self.drain.end();
    }
}

/// Cause: a fault of the server on a connection's thread took the client off the roster, but its
/// `on_close` never came, and the hub and the route's count kept it.
#[test]
fn a_client_whose_thread_panics_leaves_as_all_others_do() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let (client, mut place, _peer) = world.enter();
    let everyone = || world.route.parts.hub.count(Audience::Everyone);
    assert_eq!((world.route.client_count(), everyone()), (1, Some(1)));
    let outcome = catch_unwind(AssertUnwindSafe(move || {
        place.call(|_, _| panic!("a fault of the server"));
    }));
    assert!(outcome.is_err());
    assert_eq!((world.route.client_count(), everyone()), (0, Some(0)));
    assert!(world.roster.seat_of(client).lock().is_none());
    world.end();
    assert_eq!((value(&COUNTS.opened), value(&COUNTS.closed)), (1, 1));
    assert_eq!(value(&COUNTS.faults), 0);
}

/// Cause: a mutant of `stop_timers` that did nothing survived: a route that is served no more would have gone on with its
/// timers as long as its clients took to leave.
#[test]
fn a_route_that_is_served_no_more_has_no_timers_while_its_clients_leave() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let instance = world.route.instance();
    let set = || instance.host.timers.set(0, 0);
    assert!(set().is_ok());
    world.route.stop_timers();
    assert_eq!(set(), Err(GONE));
    world.end();
}

#[test]
fn clients_come_and_go_while_the_plugin_is_replaced() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let mut replacements = 0;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| visit(&world)))
            .collect();
        while replacements < 10 || threads.iter().any(|thread| !thread.is_finished()) {
            let prepared = HandOver::prepare(&world.route, library(), &COUNTS.config());
            let prepared = prepared.expect("nobody is busy for long");
            replacements += 1;
            // Now and then it is given up.
            if replacements % 3 > 0 {
                prepared.commit().destroy_old();
            }
        }
    });
    assert_eq!(world.route.client_count(), 0);
    world.end();
    let clients = THREADS * CLIENTS_PER_THREAD;
    assert_eq!(
        (value(&COUNTS.opened), value(&COUNTS.closed)),
        (clients, clients)
    );
    assert_eq!(
        value(&COUNTS.resumed),
        value(&COUNTS.dropped),
        "sessions are lost"
    );
    assert_eq!(value(&COUNTS.faults), 0);
    let made = COUNTS.made.lock();
    assert_eq!(made.len(), replacements + 1);
    assert!(
        made.iter()
            .all(|made| made.is_destroyed.load(Ordering::Relaxed))
    );
}

/// One connection thread after the other.
fn visit(world: &World) {
    for number in 0..CLIENTS_PER_THREAD {
        let (client, mut place, _peer) = world.enter();
        for _ in 0..number % 4 {
            let called = place.call(|plugin, session| plugin.on_text(client, session, "text"));
            called.expect("it has a session").expect("it is taken");
        }
        place
            .close(&Cause::server(1000, ""))
            .expect("counts does not fail");
        world.roster.release(client);
    }
}

fn gap(cause: GapCause, from: u64, to: u64) -> Gap {
    let epoch = Epoch::LAST;
    let at = |offset| Position { epoch, offset };
    let (from, to) = (at(from), at(to));
    Gap { cause, from, to }
}

/// Waits until so many gaps were told; gives why, and between what.
fn told(counts: &Counts, count: usize) -> Vec<(u32, String)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while counts.gaps.lock().len() < count {
        assert!(Instant::now() < deadline, "{:?}", counts.gaps.lock());
        thread::yield_now();
    }
    let told = counts.gaps.lock();
    told.iter().map(|(_, why, at)| (*why, at.clone())).collect()
}

#[test]
fn what_is_found_while_a_plugin_is_told_of_a_gap_is_told_as_one() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let held = COUNTS.gap_gate.lock();
    world.route.note_gap(gap(GapCause::Missed, 1, 3));
    assert_eq!(told(&COUNTS, 1), [(abi::GAP_MISSED, "[1, 3]".to_owned())]);
    world.route.note_gap(gap(GapCause::Lost, 4, 6));
    world.route.note_gap(gap(GapCause::Missed, 7, 9));
    drop(held);
    assert_eq!(
        told(&COUNTS, 2)[1..],
        [(abi::GAP_LOST, "[4, 9]".to_owned())]
    );
    world.end();
    assert_eq!((COUNTS.gaps.lock().len(), value(&COUNTS.faults)), (2, 0));
}

#[test]
fn who_is_replaced_before_it_is_told_of_a_gap_leaves_that_to_its_successor() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let prepared = HandOver::prepare(&world.route, library(), &COUNTS.config());
    let prepared = prepared.expect("nobody is busy");
    world.route.note_gap(gap(GapCause::Missed, 1, 3));
    prepared.commit().destroy_old();
    told(&COUNTS, 1);
    let newest = COUNTS.made.lock()[1];
    assert_eq!(COUNTS.gaps.lock()[0].0, std::ptr::from_ref(newest).addr());
    world.end();
    assert_eq!((COUNTS.gaps.lock().len(), value(&COUNTS.faults)), (1, 0));
}

#[test]
fn a_plugin_that_is_out_of_service_is_told_of_a_gap_when_it_is_back() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    world.route.hold_out(true);
    world.route.note_gap(gap(GapCause::Missed, 1, 3));
    world.route.hold_out(false);
    assert_eq!(told(&COUNTS, 1), [(abi::GAP_MISSED, "[1, 3]".to_owned())]);
    world.end();
    assert_eq!((COUNTS.gaps.lock().len(), value(&COUNTS.faults)), (1, 0));
}
