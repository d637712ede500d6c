//! What is told to the hub, and the way there.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

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
pub struct HubHandle {
    events: Sender<Event>,
    bell: Arc<Bell>,
}

impl HubHandle {
    /// The way and its end, which holds [`HUB_QUEUE_EVENTS`].
    pub(super) fn pair() -> (HubHandle, Inbox) {
        let (sender, receiver) = bounded(HUB_QUEUE_EVENTS);
        let bell = Arc::new(Bell::default());
        let inbox = Inbox {
            events: receiver,
            bell: bell.clone(),
        };
        let events = sender;
        (HubHandle { events, bell }, inbox)
    }

    /// Offers an event. Blocks while the queue is full, which holds up who speaks; woken by the
    /// hub, which never blocks.
    pub fn tell(&self, event: Event) {
        if matches!(event, Event::CloseAll { route: None, .. }) {
            self.bell.ring_for_all();
        }
        // The hub ends last; what comes after it (a plugin's own thread) concerns nobody.
        self.events.send(event).ok();
        self.bell.ring();
    }

    /// As [`HubHandle::tell`], for an event that nobody waits for: the hub, where it sleeps, takes it
    /// with the next one that wakes it. A crowd that comes does not wake it for each.
    pub fn tell_quietly(&self, event: Event) {
        let refused = self.events.try_send(event).err();
        if let Some(event) = refused.filter(TrySendError::is_full) {
            return self.tell(event.into_inner());
        }
        // The queue must not be full of what wakes nobody, and a hub that closes everyone has to see who
        // comes late.
        if self.events.len() >= HUB_QUEUE_EVENTS / 2 || self.bell.rings_for_all() {
            self.bell.ring();
        }
    }

    /// Number of members of `topic`. Blocks until the hub has come to it; none where it has ended.
    pub fn count(&self, topic: Audience) -> Option<u64> {
        let (reply, answer) = bounded(1);
        self.tell(Event::Count { topic, reply });
        answer.recv().ok()
    }
}

/// The hub's end of the way.
pub(super) struct Inbox {
    events: Receiver<Event>,
    bell: Arc<Bell>,
}

impl Inbox {
    /// The next event, where there is one.
    pub(super) fn try_next(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// The next event. Blocks until there is one; woken by who tells it. The channel's own wait
    /// would spin and yield before it sleeps, at every pause between two messages.
    pub(super) fn next(&self) -> Event {
        loop {
            if let Some(event) = self.try_next() {
                return event;
            }
            self.bell.lie_down();
            // What came before the hub lay down has rung for nobody.
            if let Some(event) = self.try_next() {
                self.bell.get_up();
                return event;
            }
            thread::park();
        }
    }
}

/// Wakes the hub when something is in its queue, and only if it sleeps.
#[derive(Default)]
struct Bell {
    is_asleep: AtomicBool,
    rings_for_all: AtomicBool,
    hub: OnceLock<Thread>,
}

impl Bell {
    /// Called by who has put an event into the queue.
    fn ring(&self) {
        // Either this sees that the hub lies down, or the hub sees the event after it lay down.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed)
            && self.is_asleep.swap(false, Ordering::AcqRel)
            && let Some(hub) = self.hub.get()
        {
            hub.unpark();
        }
    }

    /// Called before the hub is told to close everyone.
    fn ring_for_all(&self) {
        self.rings_for_all.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Called by who has put an event into the queue. False means that it stands there before the one
    /// that closes everyone.
    fn rings_for_all(&self) -> bool {
        fence(Ordering::SeqCst);
        self.rings_for_all.load(Ordering::Relaxed)
    }

    fn lie_down(&self) {
        self.hub.get_or_init(thread::current);
        self.is_asleep.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    fn get_up(&self) {
        self.is_asleep.store(false, Ordering::Release);
    }
}
