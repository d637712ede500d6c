//! The past of one route's topics: what is kept of them, and the clients that are behind.
//!
//! Part of a lane, on the hub's thread; there is none on a route on which nothing was ever kept. How what was
//! missed and what is said become one list without gap and double stands in [`crate::journal`].
//!
//! A client that is behind gets one piece at a time: up to [`PIECE_BYTES`](crate::limits::PIECE_BYTES) of
//! frames, each message with a header of its own, when its socket has taken the one before. So it holds
//! nobody up, and what it has missed takes no memory beside that of one piece: it stands in the journal.
//! Pieces are given out at the end of a round, when no run is being collected, a few at a time, and count in the
//! route's turn as everything else that it sends.
//!
//! What is only in the route's file is asked of the file's thread, a piece at a time, so many at once; the hub goes
//! on with the client when the piece is here.
//!
//! What is said to a client that is behind, by its own thread or another, waits here until it has got what was kept
//! before that: up to its backlog, past which it is closed. No [`Account`] tells of it.

mod ahead;
mod behind;
mod feed;
mod file;
mod join;
mod read;

use std::collections::{HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::Sender;

use super::event::Event;
use super::message::Message;
use super::requests::Published;
use crate::ids::{ByNumber, ClientId};
use crate::journal::{Bounds, Journals};
use crate::limits::memory::{Account, Part};
use behind::Behind;
use file::Fetches;

/// What one lane keeps, and who is behind.
pub(super) struct Past {
    pub(super) journals: Journals<Message>,
    behind: HashMap<ClientId, Behind, ByNumber>,
    /// Those of them whose sockets may be offered something, each once.
    ready: VecDeque<ClientId>,
    /// Memory for pieces.
    piece: Vec<u8>,
    /// Some of them come from another host, which was ahead of this one.
    has_ahead: bool,
    /// What is asked of the file, and is to be.
    fetches: Fetches,
    /// Of what is kept.
    pub(super) account: Account,
    /// Who waits to be told where its message stands.
    replies: Vec<(Sender<Published>, Published)>,
}

impl Past {
    pub(super) fn new(bounds: Bounds) -> Past {
        Past {
            journals: Journals::new(bounds),
            behind: HashMap::default(),
            ready: VecDeque::new(),
            piece: Vec::new(),
            has_ahead: false,
            fetches: Fetches::default(),
            account: Account::new(Part::Journals),
            replies: Vec::new(),
        }
    }

    /// What was kept is noted, so that no position of it is ever given twice: from now on it may be seen. Once for
    /// what is given out together, a run of one topic, since it is a call to the kernel where there is a file.
    pub(super) fn settle(&mut self) {
        self.journals.settle();
        for (reply, published) in self.replies.drain(..) {
            // Who asked may have been ended by a panic; there is room for the answer.
            reply.try_send(published).ok();
        }
    }

    /// Notes what is kept of these events, which come next, as far as that is certain.
    pub(super) fn note_ahead(&mut self, events: &VecDeque<Event>) {
        if events.len() < 2 || !self.journals.are_in_file() {
            return;
        }
        let mut offset = self.journals.last();
        for event in events {
            let journal = match event {
                Event::Keep(keep) => &*keep.topic,
                Event::Publish { audience, .. } if self.journals.keeps(audience.journal()) => {
                    audience.journal()
                }
                Event::Publish { .. }
                | Event::Send { .. }
                | Event::Opened { .. }
                | Event::Join { .. }
                | Event::JoinFrom(_)
                | Event::Close { .. }
                | Event::HasRoom { .. } => continue,
                // It may say something itself, or change what is kept.
                _ => break,
            };
            offset += 1;
            if !self.journals.note_ahead(journal, offset) {
                break;
            }
        }
        self.journals.settle();
    }

    /// Whether somebody is behind who may be offered something.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Clients that are behind in a topic, and so are no members of it yet.
    pub(super) fn count(&self, topic: &str) -> u64 {
        let behind = self.behind.values();
        behind.filter(|behind| behind.hears(topic)).count() as u64
    }

    /// Who they are.
    pub(super) fn behind_in(&self, topic: &str) -> impl Iterator<Item = ClientId> {
        let behind = self.behind.iter();
        behind.filter_map(move |(&client, behind)| behind.hears(topic).then_some(client))
    }

    /// Whether a client is behind in a topic.
    pub(super) fn is_behind_in(&self, client: ClientId, topic: &str) -> bool {
        let behind = self.behind.get(&client);
        behind.is_some_and(|behind| behind.hears(topic))
    }

    /// The socket of a client has taken what was offered.
    pub(super) fn has_room(&mut self, client: ClientId) {
        if let Some(behind) = self.behind.get_mut(&client)
            && !std::mem::replace(&mut behind.is_ready, true)
        {
            self.ready.push_back(client);
        }
    }

    /// A client has left.
    pub(super) fn forget(&mut self, client: ClientId) {
        if let Some(behind) = self.behind.remove(&client) {
            behind.outbox.set_behind(false);
        }
    }

    /// A client does not want to hear a topic any more.
    pub(super) fn leave(&mut self, client: ClientId, topic: &str) {
        if let Some(behind) = self.behind.get_mut(&client) {
            behind.leave(topic);
            // What waits for it is sent in its turn, and then it is behind no more.
            self.has_room(client);
        }
    }

    /// Gives memory back that a silent route does not need.
    pub(super) fn shrink(&mut self) {
        self.piece = Vec::new();
        self.ready.shrink_to(0);
        self.replies = Vec::new();
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 has not been set yet.
    since.map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests;
