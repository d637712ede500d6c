//! What is told to the hub, and the way there.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::ids::{ClientId, RouteId};
use crate::limits::HUB_QUEUE_EVENTS;
use crate::outbox::Outbox;
use crate::outbox::cause::Cause;

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every client of the route.
    Everyone(RouteId),
    /// The members of a topic of the route.
    Topic(RouteId, Box<str>),
}

/// One event. Frames are encoded by who sends, so that the hub only copies bytes.
pub enum Event {
    /// A client is on a route from now on.
    Opened {
        /// Who.
        client: ClientId,
        /// Where.
        route: RouteId,
        /// The way to it.
        outbox: Arc<Outbox>,
    },
    /// A client has left; all its memberships end.
    Closed {
        /// Who.
        client: ClientId,
    },
    /// A frame for many.
    Publish {
        /// For whom.
        audience: Audience,
        /// One whole frame.
        frame: Vec<u8>,
        /// Who does not get it.
        except: Option<ClientId>,
    },
    /// A frame for one.
    Send {
        /// For whom.
        client: ClientId,
        /// One whole frame.
        frame: Vec<u8>,
    },
    /// Begin the closing handshake with one client.
    Close {
        /// With whom.
        client: ClientId,
        /// Why.
        cause: Cause,
    },
    /// Begin the closing handshake with every client of a route, or of all (none).
    CloseAll {
        /// Of which.
        route: Option<RouteId>,
        /// Why.
        cause: Cause,
    },
    /// A client becomes a member of a topic of its route.
    Join {
        /// Who.
        client: ClientId,
        /// Of what.
        topic: Audience,
    },
    /// A client stops being a member.
    Leave {
        /// Who.
        client: ClientId,
        /// Of what.
        topic: Audience,
    },
    /// How many members a topic has, after all events before.
    Count {
        /// Of what.
        topic: Audience,
        /// Takes one answer; has room for it.
        reply: Sender<u64>,
    },
    /// End the thread.
    End,
}

/// The way to the hub; every connection thread, timer and plugin thread has one.
#[derive(Clone)]
pub struct HubHandle(Sender<Event>);

impl HubHandle {
    /// The way and its end, which holds [`HUB_QUEUE_EVENTS`].
    pub(super) fn pair() -> (HubHandle, Receiver<Event>) {
        let (sender, receiver) = bounded(HUB_QUEUE_EVENTS);
        (HubHandle(sender), receiver)
    }

    /// Offers an event. Blocks while the queue is full, which holds up who speaks; woken by the
    /// hub, which never blocks.
    pub fn tell(&self, event: Event) {
        // The hub ends last; what comes after it (a plugin's own thread) concerns nobody.
        self.0.send(event).ok();
    }

    /// Number of members of `topic`. Blocks until the hub has come to it; none where it has ended.
    pub fn count(&self, topic: Audience) -> Option<u64> {
        let (reply, answer) = bounded(1);
        self.tell(Event::Count { topic, reply });
        answer.recv().ok()
    }
}
