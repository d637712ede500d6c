//! Who may be connected, and who is: permits, client numbers, and what each connection thread does.
//!
//! A table of slots, one for each connection that the limit allows. A slot is the permit; its
//! number and the number of times it was used make the client's id, so that an id is found without
//! a map and never comes twice. The hub owns membership; the roster only answers "is that client
//! still here", which every thread may ask at any time.
//!
//! A slot also has the client's seat: what the plugin of its route keeps for it. Who calls the
//! plugin for a client holds the lock of its seat for as long; who replaces the plugin holds those
//! of all of them.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::activity::{Activity, Clock, Running};
use crate::http::request::Request;
use crate::ids::{ClientId, RouteId};
use crate::outbox::Outbox;

const NO_ROUTE: u32 = u32::MAX;

struct Slot {
    /// The client that has this slot now or had it last.
    id: AtomicU64,
    /// Its route while it is open for calls from plugins, else [`NO_ROUTE`].
    route: AtomicU32,
    activity: Activity,
    seat: Mutex<Option<Seat>>,
    /// The route whose plugin has a session in the seat, else [`NO_ROUTE`]: longer than `route`,
    /// until `on_close` has returned.
    seated: AtomicU32,
    held: Mutex<Held>,
}

/// A client at its route, between `on_open` and `on_close`.
pub struct Seat {
    /// The route whose plugin has made the session.
    pub route: RouteId,
    /// Which of the route's instances, one after the other, has made the session.
    pub generation: u32,
    /// What that instance keeps for the client.
    pub session: Session,
    /// The handshake, for the instances that come after.
    pub request: Box<Request>,
}

/// Seats that are held, and whose they are.
pub type HeldSeats<'a> = Vec<(ClientId, MutexGuard<'a, Option<Seat>>)>;

/// What a plugin keeps for one client: a pointer that only the plugin understands.
#[derive(Debug)]
pub struct Session(AtomicPtr<c_void>);

impl Session {
    /// Takes the pointer that a plugin gave out.
    pub fn new(pointer: *mut c_void) -> Session {
        Session(AtomicPtr::new(pointer))
    }

    /// The pointer, to hand it back.
    pub fn pointer(&mut self) -> *mut c_void {
        *self.0.get_mut()
    }
}

/// What the end of a connection needs; set by the acceptor, taken by the reaper.
#[derive(Default)]
struct Held {
    thread: Option<JoinHandle<()>>,
    outbox: Option<Arc<Outbox>>,
}

/// All slots.
pub struct Roster {
    slots: Box<[Slot]>,
    /// First in, first out, so that ids count up and a slot rests as long as possible.
    free: Mutex<VecDeque<u32>>,
    released: Condvar,
    /// Connections that may be there at once, at most as many as there are slots.
    limit: AtomicUsize,
    /// Each open socket of a client holds one count: longer than its slot where the last word
    /// lingers after the thread has ended.
    sockets: Arc<()>,
    /// Moves on by seconds.
    pub clock: Clock,
}

impl Roster {
    /// A table for at most `connections_max` connections at once.
    pub fn new(connections_max: usize) -> Roster {
        let count = connections_max as u64;
        let slot = |index: u64| Slot {
            // The slot before its first client, so that the first is number `index`, or for slot 0,
            // since no client is number 0, `count`.
            id: AtomicU64::new(if index == 0 {
                0
            } else {
                index.wrapping_sub(count)
            }),
            route: AtomicU32::new(NO_ROUTE),
            activity: Activity::default(),
            seat: Mutex::new(None),
            seated: AtomicU32::new(NO_ROUTE),
            held: Mutex::default(),
        };
        Roster {
            slots: (0..count).map(slot).collect(),
            // Slot 0 comes last, so that the first client is number 1.
            free: Mutex::new((1..connections_max as u32).chain([0]).collect()),
            released: Condvar::new(),
            limit: AtomicUsize::new(connections_max),
            sockets: Arc::default(),
            clock: Clock::default(),
        }
    }

    /// Slots: what the machine allows.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Connections that may be there at once.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// From now on so many connections may be there at once; who is there stays.
    pub fn set_limit(&self, limit: usize) {
        self.limit
            .store(limit.min(self.slots.len()), Ordering::Relaxed);
    }

    /// Connections that are there now, those in their handshake included.
    pub fn connected(&self) -> usize {
        self.slots.len() - self.free.lock().len()
    }

    /// What the outbox of a client holds as long as its socket is open.
    pub fn presence(&self) -> Arc<()> {
        self.sockets.clone()
    }

    /// A permit for one more connection and the number of its client; none where all are taken, or
    /// where so many sockets are open still: a peer that never closes after its answer must not
    /// use up the open files.
    pub fn claim(&self) -> Option<ClientId> {
        if Arc::strong_count(&self.sockets) > self.limit() {
            return None;
        }
        let index = {
            let mut free = self.free.lock();
            if self.slots.len() - free.len() >= self.limit() {
                return None;
            }
            free.pop_front()?
        };
        // The slot is ours alone between claim and release.
        let id = &self.slots[index as usize].id;
        let next = id
            .load(Ordering::Relaxed)
            .wrapping_add(self.slots.len() as u64);
        id.store(next, Ordering::Relaxed);
        Some(ClientId(next))
    }

    /// Runs `spawn` and keeps the thread that it starts, and `outbox`, until the release.
    ///
    /// # Errors
    /// What `spawn` answers; the permit is then free again.
    pub fn hold<E>(
        &self,
        client: ClientId,
        outbox: Arc<Outbox>,
        spawn: impl FnOnce() -> Result<JoinHandle<()>, E>,
    ) -> Result<(), E> {
        let mut held = self.slot(client).held.lock();
        match spawn() {
            Ok(thread) => {
                *held = Held {
                    thread: Some(thread),
                    outbox: Some(outbox),
                };
                Ok(())
            }
            Err(error) => {
                drop(held);
                self.free(client);
                Err(error)
            }
        }
    }

    /// Joins the thread of `client`, which is about to end, and frees its permit. Blocks until the
    /// thread has ended. Only the reaper calls it.
    pub fn release(&self, client: ClientId) {
        // The lock waits for a spawn that has not stored its handle yet.
        let held = std::mem::take(&mut *self.slot(client).held.lock());
        if let Some(thread) = held.thread {
            // A panic of the thread has been reported by the panic hook.
            thread.join().ok();
        }
        drop(held.outbox);
        self.free(client);
    }

    fn free(&self, client: ClientId) {
        let slot = self.slot(client);
        slot.route.store(NO_ROUTE, Ordering::Release);
        // Only a thread that has panicked leaves a seat behind.
        slot.seated.store(NO_ROUTE, Ordering::Release);
        *slot.seat.lock() = None;
        slot.activity.end();
        self.free.lock().push_back(self.slot_of(client) as u32);
        self.released.notify_all();
    }

    /// Blocks until no connection is left or `deadline`; woken by each release. True when none is left.
    pub fn wait_until_empty(&self, deadline: Instant) -> bool {
        let mut free = self.free.lock();
        while free.len() < self.slots.len() {
            if self.released.wait_until(&mut free, deadline).timed_out() {
                return free.len() == self.slots.len();
            }
        }
        true
    }

    /// From here on `client` can be named by plugins of `route`.
    pub fn open(&self, client: ClientId, route: RouteId) {
        self.slot(client).route.store(route.0, Ordering::Release);
    }

    /// From here on every call about `client` answers that it is gone.
    pub fn close(&self, client: ClientId) {
        self.slot(client).route.store(NO_ROUTE, Ordering::Release);
    }

    /// Whether `client` is on `route` and can be named.
    pub fn is_open(&self, client: ClientId, route: RouteId) -> bool {
        let slot = self.slot(client);
        slot.route.load(Ordering::Acquire) == route.0 && slot.id.load(Ordering::Relaxed) == client.0
    }

    /// The client has a session from now on.
    pub fn seat(&self, client: ClientId, seat: Seat) {
        let slot = self.slot(client);
        let route = seat.route;
        *slot.seat.lock() = Some(seat);
        slot.seated.store(route.0, Ordering::Release);
    }

    /// Its session has ended; whoever ended it has emptied the seat.
    pub fn unseat(&self, client: ClientId) {
        self.slot(client).seated.store(NO_ROUTE, Ordering::Release);
    }

    /// The seat of `client`. Its connection thread holds the lock while a callback runs, which may
    /// take as long as the plugin likes; whoever else wants it gives up after a while.
    pub fn seat_of(&self, client: ClientId) -> &Mutex<Option<Seat>> {
        &self.slot(client).seat
    }

    /// Locks the seats of all clients with a session on `route`, or none of them: none where one is
    /// not to be had until `deadline`. Blocks for callbacks that run.
    pub fn lock_seats(&self, route: RouteId, deadline: Instant) -> Option<HeldSeats<'_>> {
        let mut held = Vec::new();
        for (client, seat) in self.seats(route) {
            let seat = seat.try_lock_until(deadline)?;
            // Who has left meanwhile is not held up: the reaper needs the seat to free the slot, and
            // it may be another route's already.
            if seat.as_ref().is_some_and(|seat| seat.route == route) {
                held.push((client, seat));
            }
        }
        Some(held)
    }

    /// The seats of all clients with a session on `route`. Until it is locked, one may become empty
    /// and pass to a client of another route: whoever has the lock asks the seat whose it is.
    fn seats(&self, route: RouteId) -> impl Iterator<Item = (ClientId, &Mutex<Option<Seat>>)> {
        let is_meant = move |slot: &&Slot| slot.seated.load(Ordering::Acquire) == route.0;
        self.slots.iter().filter(is_meant).map(|slot| {
            let client = ClientId(slot.id.load(Ordering::Relaxed));
            (client, &slot.seat)
        })
    }

    /// Where the connection thread of `client` notes its callbacks.
    pub fn activity(&self, client: ClientId) -> &Activity {
        &self.slot(client).activity
    }

    /// The slot of `client`: an index below [`Roster::capacity`].
    pub fn slot_of(&self, client: ClientId) -> usize {
        (client.0 % self.slots.len() as u64) as usize
    }

    /// Calls `function` with the outbox of every connection.
    pub fn for_each_outbox(&self, function: impl Fn(&Arc<Outbox>)) {
        for slot in &self.slots {
            let outbox = slot.held.lock().outbox.clone();
            outbox.iter().for_each(&function);
        }
    }

    /// Calls `function` with the outbox of every client that is open on `route`.
    pub fn for_each_outbox_of(&self, route: RouteId, function: impl Fn(&Arc<Outbox>)) {
        let is_meant = |slot: &&Slot| slot.route.load(Ordering::Acquire) == route.0;
        for slot in self.slots.iter().filter(is_meant) {
            let outbox = slot.held.lock().outbox.clone();
            outbox.iter().for_each(&function);
        }
    }

    /// Connections that are in a callback.
    pub fn busy(&self) -> impl Iterator<Item = (ClientId, Running)> {
        self.slots.iter().filter_map(|slot| {
            let running = slot.activity.running()?;
            Some((ClientId(slot.id.load(Ordering::Relaxed)), running))
        })
    }

    fn slot(&self, client: ClientId) -> &Slot {
        &self.slots[self.slot_of(client)]
    }
}

#[cfg(test)]
mod tests {
    use super::{Roster, Seat, Session};
    use crate::http::HttpLimits;
    use crate::http::request::Request;
    use crate::ids::{ClientId, RouteId};
    use std::time::Instant;

    #[test]
    fn ids_count_up_from_one_and_never_come_again() {
        let roster = Roster::new(3);
        let mut seen = Vec::new();
        for _ in 0..7 {
            let client = roster.claim().expect("a slot is free");
            seen.push(client.0);
            roster.free(client);
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn no_more_permits_than_slots() {
        let roster = Roster::new(2);
        let first = roster.claim().expect("a slot is free");
        assert!(roster.claim().is_some());
        assert!(roster.claim().is_none());
        roster.free(first);
        assert_eq!(roster.claim(), Some(ClientId(3)));
    }

    #[test]
    fn a_socket_counts_until_it_is_closed() {
        let roster = Roster::new(2);
        let (socket, other) = (roster.presence(), roster.presence());
        let client = roster.claim();
        assert_eq!(client, None, "two sockets linger");
        drop(socket);
        let client = roster.claim().expect("one does");
        roster.free(client);
        drop(other);
        assert!(roster.claim().is_some());
    }

    #[test]
    fn a_lower_limit_holds_for_those_who_come() {
        let roster = Roster::new(3);
        let first = roster.claim().expect("a slot is free");
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
            let client = roster.claim().expect("a slot is free");
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
            let client = roster.claim().expect("a slot is free");
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

    fn seat(route: RouteId) -> Seat {
        let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let peer = "127.0.0.1:1".parse().expect("an address");
        Seat {
            route,
            generation: 0,
            session: Session::new(std::ptr::null_mut()),
            request: Box::new(
                Request::parse(head, peer, HttpLimits::default()).expect("it is well-formed"),
            ),
        }
    }

    #[test]
    fn a_client_is_known_on_its_route_only_while_it_is_open() {
        let roster = Roster::new(2);
        let client = roster.claim().expect("a slot is free");
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
}
