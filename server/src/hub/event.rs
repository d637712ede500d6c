//! What is posted to the hub about one route.

use std::borrow::Cow;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::ids::ClientId;
use crate::limits::EVENT_LOAD_LEAST;
use crate::outbox::Outbox;
use crate::outbox::cause::Cause;
use crate::outbox::encoding::Encoding;
use crate::outbox::event;
use crate::outbox::frame::{self, Opcode};

/// Whom a message on a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every client of the route.
    Everyone,
    /// The members of a topic of the route.
    Topic(Box<str>),
}

/// What is said to clients. It is encoded as a frame by who says it, so that the hub only copies bytes; what others
/// need instead is made of that, once for a run.
pub struct Message {
    frame: Vec<u8>,
}

impl Message {
    /// A message of one whole frame; `payload` of a text is UTF-8.
    pub fn new(opcode: Opcode, payload: &[u8]) -> Message {
        Message {
            frame: frame::encode(opcode, payload),
        }
    }

    /// For one client alone.
    pub(super) fn in_encoding(&self, encoding: Encoding) -> Cow<'_, [u8]> {
        match encoding {
            Encoding::Frame => Cow::Borrowed(&self.frame),
            Encoding::Event => Cow::Owned(event::from_frames(&self.frame)),
        }
    }

    /// As one frame, whole and unmasked.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }
}

/// One event.
pub enum Event {
    /// A client is on the route from now on.
    Opened {
        /// Who.
        client: ClientId,
        /// The way to it.
        outbox: Arc<Outbox>,
    },
    /// A client has left; all its memberships end.
    Closed {
        /// Who.
        client: ClientId,
    },
    /// A message for many.
    Publish {
        /// For whom.
        audience: Audience,
        /// What.
        message: Message,
        /// Who does not get it.
        except: Option<ClientId>,
    },
    /// A message for one.
    Send {
        /// For whom.
        client: ClientId,
        /// What.
        message: Message,
    },
    /// Begin the closing handshake with one client.
    Close {
        /// With whom.
        client: ClientId,
        /// Why.
        cause: Cause,
    },
    /// Begin the closing handshake with every client that is on the route now.
    CloseAll {
        /// Why.
        cause: Cause,
    },
    /// The same, and with who comes later too.
    Farewell {
        /// Why.
        cause: Cause,
    },
    /// A client becomes a member of a topic.
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
    /// The route has ended.
    End,
}

/// How an event is put into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Who posts it waits while the queue is full.
    Patient,
    /// Nobody waits to post it.
    Urgent,
    /// Nobody waits to post it, and the hub, where it sleeps, takes it with the next one that wakes it: a
    /// crowd that comes does not wake it for each.
    Quiet,
}

impl Event {
    /// How it is to be put into the queue. Those for which nobody waits are bounded by the number of clients.
    pub(super) fn manner(&self) -> Manner {
        match self {
            Event::Opened { .. } => Manner::Quiet,
            Event::Closed { .. } | Event::CloseAll { .. } | Event::Farewell { .. } | Event::End => {
                Manner::Urgent
            }
            Event::Publish { .. }
            | Event::Send { .. }
            | Event::Close { .. }
            | Event::Join { .. }
            | Event::Leave { .. }
            | Event::Count { .. } => Manner::Patient,
        }
    }

    /// Bytes of memory that it takes, without those of the client's own.
    pub fn bytes(&self) -> u64 {
        let message = match self {
            Event::Publish { message, .. } | Event::Send { message, .. } => message.frame.len(),
            _ => 0,
        };
        (message + size_of::<Event>()) as u64
    }

    /// What it counts for in a queue's bound, in bytes: at least so much that events are bounded too.
    pub(super) fn load(&self) -> u64 {
        self.bytes().max(EVENT_LOAD_LEAST)
    }
}
