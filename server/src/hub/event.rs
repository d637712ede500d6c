//! What is posted to the hub about one route.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::message::{Audience, Message};
use super::requests::{JoinFrom, JoinTold, Keep, Late, Listed, Read, Share, StreamNews};
use crate::ids::ClientId;
use crate::journal::Bounds;
use crate::journal::store::{Fetched, News};
use crate::limits::EVENT_LOAD_LEAST;
use crate::outbox::Outbox;
use crate::outbox::cause::Cause;

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
    /// The same while other hosts cannot be reached: it is kept when they can, by [`Event::Late`].
    Local {
        /// Grows with each.
        number: u64,
        /// For whom.
        audience: Audience,
        /// What.
        message: Message,
        /// Who does not get it.
        except: Option<ClientId>,
    },
    /// What was said here alone has its place in the stream of all hosts.
    Late(Box<Late>),
    /// A message for one.
    Send {
        /// For whom.
        client: ClientId,
        /// What.
        message: Message,
    },
    /// What comes next is for this client, from another host: where the client has gone, that is counted.
    FromAfar {
        /// For whom.
        client: ClientId,
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
    /// A client becomes a member of a topic, whose members are told.
    JoinTold(Box<JoinTold>),
    /// A client stops being a member.
    Leave {
        /// Who.
        client: ClientId,
        /// Of what.
        topic: Audience,
    },
    /// What a client is called from now on, for whoever runs the server.
    Label {
        /// Who.
        client: ClientId,
        /// How; nothing where it is empty.
        label: Box<str>,
    },
    /// How many members a topic has, after all events before.
    Count {
        /// Of what.
        topic: Audience,
        /// Takes one answer; has room for it.
        reply: Sender<u64>,
    },
    /// Who the members of a topic are, after all events before.
    List {
        /// Of what.
        topic: Audience,
        /// So many at most.
        most: usize,
        /// Takes one answer; has room for it.
        reply: Sender<Listed>,
    },
    /// A message for the members of a topic, which is kept for who comes back.
    Keep(Box<Keep>),
    /// A client becomes a member of a topic from some place in its past on.
    JoinFrom(Box<JoinFrom>),
    /// What is kept of a topic.
    Read(Box<Read>),
    /// What the thread of the route's file tells.
    Store(Box<News<Message>>),
    /// What that thread was asked for.
    Fetched(Box<FromFile>),
    /// The route has no file from now on.
    LeaveFile,
    /// From now on so much is kept.
    Bound {
        /// How much.
        bounds: Bounds,
    },
    /// The socket of a client that is behind has taken what was offered.
    HasRoom {
        /// Who.
        client: ClientId,
    },
    /// What is kept is to be looked through for what is too old.
    Tidy,
    /// What is said on the route comes by a stream that other hosts read too, and what the hub has to say goes there.
    Share(Share),
    /// The stream tells something.
    Stream(StreamNews),
    /// The stream was read up to an offset.
    ReadTo {
        /// Which.
        offset: u64,
    },
    /// The route has ended.
    End,
}

/// What was read for somebody who is behind.
pub struct FromFile {
    /// Of what was asked.
    pub(super) number: u64,
    /// What there was.
    pub(super) fetched: Fetched<Message>,
}

impl FromFile {
    /// Bytes of memory that it takes.
    fn bytes(&self) -> usize {
        let lines = match &self.fetched {
            Fetched::Lines { lines, .. } => lines.as_slice(),
            Fetched::LetGo | Fetched::Unreadable => &[],
        };
        let messages = lines.iter().map(|line| line.message.bytes()).sum::<usize>();
        size_of::<FromFile>() + messages
    }
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
    /// How it is to be put into the queue. Those for which nobody waits are bounded by the number of clients, or
    /// of what the hub has asked for.
    pub(super) fn manner(&self) -> Manner {
        match self {
            Event::Closed { .. }
            | Event::CloseAll { .. }
            | Event::Farewell { .. }
            | Event::HasRoom { .. }
            | Event::Fetched(_)
            | Event::LeaveFile
            | Event::Share(_)
            | Event::Stream(_)
            | Event::End => Manner::Urgent,
            Event::Opened { .. } | Event::Bound { .. } | Event::Tidy => Manner::Quiet,
            Event::Publish { .. }
            | Event::Local { .. }
            | Event::Late(_)
            | Event::Send { .. }
            | Event::FromAfar { .. }
            | Event::Close { .. }
            | Event::Join { .. }
            | Event::Leave { .. }
            | Event::Label { .. }
            | Event::Keep(_)
            | Event::JoinFrom(_)
            | Event::Read(_)
            | Event::Store(_)
            | Event::ReadTo { .. }
            | Event::JoinTold(_)
            | Event::List { .. }
            | Event::Count { .. } => Manner::Patient,
        }
    }

    /// Bytes of memory that it takes, without those of the client's own.
    pub fn bytes(&self) -> u64 {
        let message = match self {
            Event::Publish { message, .. }
            | Event::Local { message, .. }
            | Event::Send { message, .. } => message.bytes(),
            Event::Keep(keep) => keep.message.bytes() + size_of::<Keep>(),
            Event::Late(late) => {
                late.keep.as_ref().map_or(0, |keep| keep.message.bytes()) + size_of::<Late>()
            }
            Event::JoinFrom(join) => join.bytes(),
            Event::JoinTold(told) => told.bytes(),
            Event::Read(_) => size_of::<Read>(),
            Event::Label { label, .. } => label.len(),
            Event::Fetched(fetched) => fetched.bytes(),
            _ => 0,
        };
        (message + size_of::<Event>()) as u64
    }

    /// What it counts for in a queue's bound, in bytes: at least so much that events are bounded too.
    pub(super) fn load(&self) -> u64 {
        self.bytes().max(EVENT_LOAD_LEAST)
    }
}
