//! Who may be connected, and who is: permits, client numbers, and what each connection thread does.
//!
//! A table of slots, one for each connection that the limit allows. A slot is the permit; its
//! number and the number of times it was used make the client's id, so that an id is found without
//! a map and never comes twice. The hub owns membership; the roster only answers "is that client
//! still here", which every thread may ask at any time.
//!
//! A slot also has the client's [`Seat`]: what the plugin of its route keeps for it.

pub mod activity;
pub mod admission;
pub mod callback_times;
mod calls;
pub mod capacity;
mod control_group;
mod machine_memory;
pub mod reaper;
pub mod whose;
mod seats;
mod taken;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::counters::{Exchanged, Traffic};
use crate::ids::{ClientId, RouteId};
use crate::outbox::Outbox;
use crate::roster::activity::{Activity, Clock, Running};
use crate::threads::Thread;
use calls::Calls;
use taken::Taken;

pub use calls::{Call, NoTurn};
pub use seats::{HeldSeats, Seat, Session};

const NO_ROUTE: u32 = u32::MAX;

struct Slot {
    /// The client that has this slot now or had it last.
    id: AtomicU64,
    /// Who still knows of that client: its thread, and the hub from [`Roster::enter_hub`] on. The slot is
    /// free when nobody does.
    holders: AtomicU8,
    /// Its route while it is open for calls from plugins, else [`NO_ROUTE`].
    route: AtomicU32,
    activity: Activity,
    traffic: Traffic,
    seat: Mutex<Option<Seat>>,
    /// The route whose plugin has a session in the seat, else [`NO_ROUTE`]: longer than `route`,
    /// until `on_close` has returned.
    seated: AtomicU32,
    held: Mutex<Held>,
    calls: Calls,
}

impl Slot {
    fn is_open(&self, client: ClientId, route: RouteId) -> bool {
        self.route.load(Ordering::Acquire) == route.0 && self.id.load(Ordering::Relaxed) == client.0
    }
}

/// What the end of a connection needs; set by the acceptor, taken by the reaper.
#[derive(Default)]
struct Held {
    thread: Option<Thread>,
    outbox: Option<Arc<Outbox>>,
}

/// Places for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Those that are free.
    pub left: usize,
    /// All of them.
    pub limit: usize,
}

/// All slots.
pub struct Roster {
    slots: Box<[Slot]>,
    /// First in, first out, so that ids count up and a slot rests as long as possible.
    free: Mutex<VecDeque<u32>>,
    /// The others: what looks at all clients each second is to cost by clients, and not by places.
    taken: Taken,
    released: Condvar,
    /// Connections that may be there at once, at most as many as there are slots.
    limit: AtomicUsize,
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
            holders: AtomicU8::new(0),
            route: AtomicU32::new(NO_ROUTE),
            activity: Activity::default(),
            traffic: Traffic::default(),
            seat: Mutex::new(None),
            seated: AtomicU32::new(NO_ROUTE),
            held: Mutex::default(),
            calls: Calls::default(),
        };
        Roster {
            slots: (0..count).map(slot).collect(),
            // Slot 0 comes last, so that the first client is number 1.
            free: Mutex::new((1..connections_max as u32).chain([0]).collect()),
            taken: Taken::new(connections_max),
            released: Condvar::new(),
            limit: AtomicUsize::new(connections_max),
            clock: Clock::default(),
        }
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

    /// Places as they are now.
    pub fn places(&self) -> Places {
        self.places_beside(self.free.lock().len())
    }

    /// A place for one more connection: the number of its client, and the places that are left. None
    /// where all are taken.
    pub fn claim(&self) -> Option<(ClientId, Places)> {
        self.claim_from(&mut self.free.lock())
    }

    /// The same, and where all are taken it waits until `deadline` for one. Blocks; woken by each
    /// release.
    pub fn claim_until(&self, deadline: Instant) -> Option<(ClientId, Places)> {
        let mut free = self.free.lock();
        loop {
            let claimed = self.claim_from(&mut free);
            if claimed.is_some() || self.released.wait_until(&mut free, deadline).timed_out() {
                return claimed;
            }
        }
    }

    fn claim_from(&self, free: &mut VecDeque<u32>) -> Option<(ClientId, Places)> {
        if self.places_beside(free.len()).left == 0 {
            return None;
        }
        let index = free.pop_front()?;
        // The slot is ours alone between claim and release.
        let id = &self.slots[index as usize].id;
        let next = id
            .load(Ordering::Relaxed)
            .wrapping_add(self.slots.len() as u64);
        id.store(next, Ordering::Relaxed);
        self.taken.add(index as usize);
        self.slots[index as usize]
            .holders
            .store(1, Ordering::Relaxed);
        Some((ClientId(next), self.places_beside(free.len())))
    }

    fn places_beside(&self, free: usize) -> Places {
        let limit = self.limit();
        let taken = self.slots.len() - free;
        Places {
            left: limit.saturating_sub(taken),
            limit,
        }
    }

    /// Gives a place back that has got no thread.
    pub fn give_back(&self, client: ClientId) {
        self.free(client);
    }

    /// Runs `spawn` and keeps the thread that it starts, and `outbox`, until the release.
    ///
    /// # Errors
    /// What `spawn` answers; the permit is then free again.
    pub fn hold<E>(
        &self,
        client: ClientId,
        outbox: Arc<Outbox>,
        spawn: impl FnOnce() -> Result<Thread, E>,
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

    /// Joins the thread of `client`, which was about to end, and frees its permit; false where the
    /// thread has not ended yet. Only the reaper calls it.
    pub fn release(&self, client: ClientId) -> bool {
        let slot = self.slot(client);
        // The lock waits for a spawn that has not stored its handle yet.
        let thread = slot.held.lock().thread.take();
        if let Some(Err(running)) = thread.map(Thread::try_join) {
            slot.held.lock().thread = Some(running);
            return false;
        }
        let outbox = slot.held.lock().outbox.take();
        drop(outbox);
        self.free(client);
        true
    }

    /// `client` as the log names it, between [`Roster::hold`] and its release.
    pub fn name(&self, client: ClientId) -> String {
        let held = self.slot(client).held.lock();
        let name = held.outbox.as_ref().map(|outbox| outbox.name());
        name.unwrap_or_else(|| format!("client {client}"))
    }

    fn free(&self, client: ClientId) {
        let slot = self.slot(client);
        slot.route.store(NO_ROUTE, Ordering::Release);
        // Only a thread that has panicked leaves a seat behind.
        slot.seated.store(NO_ROUTE, Ordering::Release);
        *slot.seat.lock() = None;
        drop(self.take_calls(client));
        slot.activity.end();
        self.let_go(client);
    }

    /// The hub is about to hear of `client`, and has its slot until [`Roster::leave_hub`]. Its own thread
    /// calls it.
    pub fn enter_hub(&self, client: ClientId) {
        self.slot(client).holders.fetch_add(1, Ordering::Relaxed);
    }

    /// The hub has forgotten `client`: whoever comes next in its slot meets nothing of it there.
    pub fn leave_hub(&self, client: ClientId) {
        self.let_go(client);
    }

    /// Whoever is the last to let go frees the slot.
    fn let_go(&self, client: ClientId) {
        if self.slot(client).holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            let index = self.slot_of(client);
            // First: whoever takes it next adds it again.
            self.taken.remove(index);
            self.free.lock().push_back(index as u32);
            self.released.notify_all();
        }
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
        self.slot(client).is_open(client, route)
    }

    /// Where the connection thread of `client` notes its callbacks.
    pub fn activity(&self, client: ClientId) -> &Activity {
        &self.slot(client).activity
    }

    /// Where the connection thread of `client`, and no other, notes its callbacks and counts its
    /// messages.
    pub fn notes(&self, client: ClientId) -> (&Activity, &Traffic) {
        let slot = self.slot(client);
        (&slot.activity, &slot.traffic)
    }

    /// What the clients in the slot of `client` have said and were answered.
    pub fn traffic(&self, client: ClientId) -> &Traffic {
        &self.slot(client).traffic
    }

    /// Where the connection thread of `client` counts its messages, as long as [`Roster::is_open`].
    pub fn open_traffic(&self, client: ClientId, route: RouteId) -> Option<&Traffic> {
        let slot = self.slot(client);
        slot.is_open(client, route).then_some(&slot.traffic)
    }

    /// The messages of all clients since the start. Looks at every slot.
    pub fn all_traffic(&self) -> Exchanged {
        let each = self.slots.iter().map(|slot| slot.traffic.exchanged());
        each.fold(Exchanged::default(), Exchanged::with)
    }

    /// The slot of `client`: an index below the number of connections that it was made for.
    pub fn slot_of(&self, client: ClientId) -> usize {
        (client.0 % self.slots.len() as u64) as usize
    }

    /// The outbox of `client`; none where it is not there any more.
    pub fn outbox(&self, client: ClientId) -> Option<Arc<Outbox>> {
        let outbox = self.slot(client).held.lock().outbox.clone();
        outbox.filter(|outbox| outbox.is_of(client))
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

    /// Calls `function` with each connection that is there: its client's number, its route from its `on_open` until its
    /// `on_close` has returned, its outbox and its slot's traffic. Looks at every slot, and holds no lock meanwhile.
    pub fn for_each_connection(
        &self,
        mut function: impl FnMut(ClientId, Option<RouteId>, &Arc<Outbox>, &Traffic),
    ) {
        for slot in &self.slots {
            let outbox = slot.held.lock().outbox.clone();
            let Some(outbox) = outbox else {
                continue;
            };
            let client = ClientId(slot.id.load(Ordering::Relaxed));
            // The slot may have passed to another between the two looks.
            if !outbox.is_of(client) {
                continue;
            }
            // Where our side has closed it, only the second is left, until it has gone.
            let mut routes = [&slot.route, &slot.seated].into_iter();
            let route = routes.find_map(|route| match route.load(Ordering::Acquire) {
                NO_ROUTE => None,
                route => Some(RouteId(route)),
            });
            function(client, route, &outbox, &slot.traffic);
        }
    }

    /// Connections that are in a callback.
    pub fn busy(&self) -> impl Iterator<Item = (ClientId, Running)> {
        self.taken.iter().filter_map(|index| {
            let slot = &self.slots[index];
            let running = slot.activity.running()?;
            Some((ClientId(slot.id.load(Ordering::Relaxed)), running))
        })
    }

    fn slot(&self, client: ClientId) -> &Slot {
        &self.slots[self.slot_of(client)]
    }
}

#[cfg(test)]
mod tests;
