//! A route with clients that come and go, and a plugin in this process that counts.

mod counting;
mod gaps;
mod leaving;
mod replaced;
mod service;
mod shared;

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use plugin_api::abi::GONE;

use super::Route;
use crate::http::HttpLimits;
use crate::http::peer::Remote;
use crate::http::request::Request;
use crate::hub::{Audience, Hub};
use crate::ids::{ClientId, RouteId};
use crate::outbox::Outbox;
use crate::outbox::cause::Cause;
use crate::outbox::drain::Drain;
use crate::plugin::{HandOver, Place, Services};
use crate::roster::Roster;
use crate::threads::{self, Name, Stacks};
use counting::{Counts, library, value};

const ROUTE: RouteId = RouteId(0);
const THREADS: u64 = 4;
const CLIENTS_PER_THREAD: u64 = 100;
const SLOTS: usize = 8;

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
        let spawn = || threads::spawn(&Stacks::new(), Name::of(&["leaves"]), Box::new(|| {}));
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
