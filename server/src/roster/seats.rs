//! What the plugin of a route keeps for each client, and the lock that stands before it.
//!
//! Who calls the plugin for a client, its connection thread, holds the lock of its seat for as long;
//! the main thread, which replaces the plugin, holds those of all of them. Knows slots; knows nothing
//! of what a session is.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::{NO_ROUTE, Roster, Slot};
use crate::http::request::Request;
use crate::ids::{ClientId, RouteId};

/// A client at its route, between `on_open` and `on_close`.
pub struct Seat {
    /// The route whose plugin has made the session.
    pub route: RouteId,
    /// Which of the route's instances, one after the other, has made the session.
    pub generation: u32,
    /// What that instance keeps for the client.
    pub session: Session,
    /// The handshake, for the instances that come after.
    pub request: Arc<Request>,
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

impl Roster {
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

    /// Its connection thread, for a callback: `call` has the seat, and whoever waits for it has it next. Were it only let go, who
    /// calls again at once would have it before one that has to wake up first, as often as a client that never pauses speaks.
    pub fn with_seat<T>(&self, client: ClientId, call: impl FnOnce(&mut Option<Seat>) -> T) -> T {
        let mut seat = self.slot(client).seat.lock();
        let result = call(&mut seat);
        MutexGuard::unlock_fair(seat);
        result
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
    pub(super) fn seats(
        &self,
        route: RouteId,
    ) -> impl Iterator<Item = (ClientId, &Mutex<Option<Seat>>)> {
        let is_meant = move |slot: &&Slot| slot.seated.load(Ordering::Acquire) == route.0;
        self.slots.iter().filter(is_meant).map(|slot| {
            let client = ClientId(slot.id.load(Ordering::Relaxed));
            (client, &slot.seat)
        })
    }
}
