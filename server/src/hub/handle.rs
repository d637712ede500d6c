//! The ways to the hub: one for the whole of it, one for each route.
//!
//! Any thread may use any of them at any time.

use std::sync::Arc;

use crossbeam_channel::bounded;

use super::event::Event;
use super::message::Audience;
use super::queue::{Queue, QueueLoad};
use super::register::Register;
use super::requests::Listed;
use crate::compression::Demand;
use crate::counters::RouteCounts;
use crate::ids::RouteId;
use crate::outbox::cause::Cause;

/// The way to the hub as a whole, for the main thread.
#[derive(Clone)]
pub struct HubHandle {
    register: Arc<Register>,
}

impl HubHandle {
    pub(super) fn new(register: Arc<Register>) -> HubHandle {
        HubHandle { register }
    }

    /// The way of a new route; [`RouteHandle::end`] ends it. Each `route` comes once.
    pub fn open(&self, route: RouteId) -> RouteHandle {
        RouteHandle {
            queue: self.register.open(route),
        }
    }

    /// Begins the closing handshake with every client of every route, behind what was said on that
    /// route before, and with everyone who comes later. Never waits.
    pub fn farewell(&self, cause: &Cause) {
        self.register.farewell(cause);
    }

    /// Bounds the queue of each route to so many bytes from now on; an event counts 2 KiB at least.
    pub fn set_queue_bytes(&self, bytes: u64) {
        self.register.intake().set_queue_bytes(bytes);
    }

    /// Ends the hub behind everything posted so far.
    pub(super) fn end(&self) {
        self.register.end();
    }
}

/// The way of one route to the hub; every connection thread, timer and plugin thread has one.
#[derive(Clone)]
pub struct RouteHandle {
    queue: Arc<Queue>,
}

impl RouteHandle {
    /// Posts an event, which takes effect behind all that were posted before. Waits while the queue of the
    /// route is full, but for [`Event::Opened`], [`Event::Closed`] and what ends or closes everyone; woken by the
    /// hub, which never waits, in the order of those who wait. Gives the event's number for
    /// [`RouteHandle::has_settled`]; 0 where the route has ended, and nothing was done.
    pub fn post(&self, event: Event) -> u64 {
        self.queue.post(event)
    }

    /// Posts events that were held back, in this order. Never waits. Gives the number of the last one, 0 where
    /// there is none.
    pub fn post_all(&self, events: Vec<Event>) -> u64 {
        self.queue.post_all(events)
    }

    /// Whether what the event of this number says stands in the outbox of each client that it is for.
    pub fn has_settled(&self, number: u64) -> bool {
        self.queue.has_settled(number)
    }

    /// Number of members of `topic`. Waits until the hub has come to it; none where the route has ended.
    pub fn count(&self, topic: Audience) -> Option<u64> {
        let (reply, answer) = bounded(1);
        self.post(Event::Count { topic, reply });
        answer.recv().ok()
    }

    /// Who the members of `topic` are, so many at most. Waits until the hub has come to it; none where the route has
    /// ended.
    pub fn list(&self, topic: Audience, most: usize) -> Option<Listed> {
        let (reply, answer) = bounded(1);
        self.post(Event::List { topic, most, reply });
        answer.recv().ok()
    }

    /// What waits in its queue now.
    pub fn load(&self) -> QueueLoad {
        self.queue.load()
    }

    /// What is counted of the route.
    pub fn counts(&self) -> &Arc<RouteCounts> {
        self.queue.counts()
    }

    /// What is to be compressed of what is said on the route, and how.
    pub fn demand(&self) -> &Demand {
        self.queue.demand()
    }

    /// The route has ended: nothing that is posted behind this is taken.
    pub fn end(&self) {
        self.queue.post(Event::End);
    }
}
