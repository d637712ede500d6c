//! A client that is behind: where it stands in which topics, and what waits for it meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::message::Message;
use crate::hub::requests::Notices;
use crate::journal::store::{FetchedLine, From};
use crate::journal::{Cursor, Outcome, Position};
use crate::outbox::Outbox;
use crate::outbox::marked::Place;

/// One client, while it is behind in any topic.
pub(super) struct Behind {
    pub(super) outbox: Arc<Outbox>,
    /// The topics; they take turns.
    pub(super) topics: VecDeque<Standing>,
    /// What was said to it meanwhile.
    held: VecDeque<Held>,
    held_bytes: usize,
    /// It stands among those that may be offered something.
    pub(super) is_ready: bool,
}

/// Where it stands in a topic.
pub(super) struct Standing {
    pub(super) topic: Box<str>,
    /// Everything of the topic up to it is done with.
    pub(super) at: Cursor,
    /// What it is told first, where its encoding says such.
    pub(super) place: Option<Place>,
    /// Comes before anything of the topic.
    pub(super) notice: Option<Message>,
    /// It wants so many of the last messages, and was given nothing yet.
    pub(super) newcomer: Option<u64>,
    /// What the file's thread has to find out first.
    pub(super) beginning: Option<Beginning>,
    pub(super) file: File,
}

/// A join of which is not known yet at which offset it begins.
pub(super) struct Beginning {
    pub(super) from: From,
    pub(super) outcome: Outcome,
    pub(super) notices: Notices,
}

/// How it stands with what the file has of the topic.
#[derive(Default)]
pub(super) enum File {
    /// Nothing is asked of it.
    #[default]
    Idle,
    /// The piece of this number is on its way.
    Asked(u64),
    /// A piece is here.
    Piece(Piece),
    /// Another host was ahead of this one when its client came from there.
    Ahead(Box<Ahead>),
    /// It cannot give what is to come next.
    Lost,
}

/// A place that was not reached yet.
pub(super) struct Ahead {
    pub(super) position: Position,
    /// So many of the last messages, where it turns out to be none.
    pub(super) or_last: u64,
    pub(super) since: Instant,
}

/// A piece of the file.
pub(super) struct Piece {
    /// Where it begins, and up to where it is all of the topic.
    pub(super) begin: u64,
    pub(super) through: u64,
    pub(super) lines: Vec<FetchedLine<Message>>,
    pub(super) has_more: bool,
}

/// A message for it alone, behind what was kept up to an offset.
struct Held {
    offset: u64,
    message: Message,
}

impl Standing {
    /// The topic's name for who is told it; none for everyone.
    pub(super) fn name(&self) -> Option<&str> {
        (!self.topic.is_empty()).then_some(&*self.topic)
    }
}

impl Behind {
    pub(super) fn new(outbox: Arc<Outbox>) -> Behind {
        Behind {
            outbox,
            topics: VecDeque::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            is_ready: false,
        }
    }

    pub(super) fn hears(&self, topic: &str) -> bool {
        self.topics.iter().any(|standing| *standing.topic == *topic)
    }

    pub(super) fn leave(&mut self, topic: &str) {
        self.topics.retain(|standing| *standing.topic != *topic);
    }

    /// Holds a message back that is to come behind what was kept up to `offset`; what is held takes so many bytes.
    pub(super) fn hold(&mut self, offset: u64, message: Message) -> usize {
        self.held_bytes += message.bytes();
        self.held.push_back(Held { offset, message });
        self.held_bytes
    }

    /// Nothing of it is said any more.
    pub(super) fn let_go_of_held(&mut self) {
        self.held = VecDeque::new();
        self.held_bytes = 0;
    }

    /// Up to where it may be given what is kept, before what is held back.
    pub(super) fn limit(&self) -> u64 {
        self.held.front().map_or(u64::MAX, |held| held.offset)
    }

    /// The next message that was held back and whose turn it is.
    pub(super) fn next_held(&mut self) -> Option<Message> {
        let offset = self.limit();
        if self
            .topics
            .iter()
            .any(|standing| standing.at.offset < offset)
        {
            return None;
        }
        let held = self.held.pop_front()?;
        self.held_bytes -= held.message.bytes();
        Some(held.message)
    }

    /// Nothing is left to give it.
    pub(super) fn is_done(&self) -> bool {
        self.topics.is_empty() && self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::Behind;
    use crate::hub::Message;
    use crate::ids::ClientId;
    use crate::outbox::Outbox;
    use crate::outbox::drain::Drain;
    use crate::outbox::frame::Opcode;

    /// Cause: a mutant survived that added what was given to what is held: who had been behind for long was closed for a
    /// bound that it never came near.
    #[test]
    fn what_is_held_back_counts_until_it_is_given() {
        let drain = Drain::start().expect("a thread");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let socket = TcpStream::connect(listener.local_addr().expect("it is bound"));
        let outbox = Outbox::new(socket.expect("it listens"), ClientId(1), drain.handle());
        let mut behind = Behind::new(outbox);
        let message = || Message::new(Opcode::Text, b"held back");
        let one = message().bytes();
        assert_eq!(behind.hold(1, message()), one);
        assert_eq!(behind.hold(2, message()), 2 * one);
        assert!(!behind.is_done());
        assert!(behind.next_held().is_some());
        assert_eq!(behind.limit(), 2);
        assert_eq!(behind.hold(3, message()), 2 * one);
        while behind.next_held().is_some() {}
        assert!(behind.is_done());
        assert_eq!(behind.hold(4, message()), one);
        drain.end();
    }
}
