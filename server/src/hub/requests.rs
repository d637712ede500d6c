//! What is asked of the past: to keep a message, to join from somewhere in it, to read it. And of the presence: who is
//! here, and what is said of who comes and goes.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::message::{Audience, Message};
use crate::ids::ClientId;
use crate::journal::store::Confirm;
use crate::journal::{Epoch, Outcome, Position, Since};

/// A message for the members of a topic that is kept: the topic has a journal from then on. An empty name stands here,
/// and in what follows, for everyone on the route.
pub struct Keep {
    /// The topic.
    pub topic: Box<str>,
    /// What is said.
    pub message: Message,
    /// Where in its payload the message's own position is to be written; room for it is there.
    pub position_at: Option<usize>,
    /// Who does not get it.
    pub except: Option<ClientId>,
    /// Is told when it is stored, or will not be.
    pub confirm: Option<Confirm>,
    /// Takes one answer; has room for it.
    pub reply: Option<Sender<Published>>,
    /// Where it stands in the stream that all hosts of the route read; none where the hub counts.
    pub at: Option<Position>,
}

/// What was said here while other hosts could not be reached, and has its place in the stream now: it is kept, and goes to
/// those members that have come since it was said. Who has heard it does not hear it again.
pub struct Late {
    /// What is kept; none where it is not.
    pub keep: Option<Keep>,
    /// Its number among what was said here alone.
    pub number: u64,
    /// Nothing of that is on its way any more.
    pub is_last: bool,
}

/// What the stream of a route tells beside what is said in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamNews {
    /// It counts in this epoch from now on, which begins at an offset.
    Begins {
        /// Its name.
        epoch: Epoch,
        /// The offset behind which it counts.
        begin: u64,
    },
    /// Something of it cannot be had, or nothing of it was read yet: it is known from behind `from` on.
    Anew {
        /// The epoch of what comes next.
        epoch: Epoch,
        /// The offset behind which that counts, as far as it is known.
        begin: u64,
        /// Nothing up to here can be had.
        from: u64,
    },
}

/// Takes what the hub itself has to say on a route whose topics other hosts have too: for whom, what, who does not get it.
/// Never waits.
pub type Share = Box<dyn Fn(Audience, Message, Option<ClientId>) + Send>;

/// What became of a message that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it stands.
    pub position: Position,
    /// Members of the topic that it went to, those who are behind included.
    pub members: u64,
}

/// A client becomes a member of a topic from some place on. Nothing happens where it is one.
pub struct JoinFrom {
    /// Who.
    pub client: ClientId,
    /// Of what.
    pub topic: Box<str>,
    /// From where on.
    pub since: Since,
    /// What is said to it before anything of the topic.
    pub notices: Notices,
    /// Takes one answer; has room for it.
    pub reply: Option<Sender<Joining>>,
}

impl JoinFrom {
    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let Notices {
            fresh,
            recovered,
            gap,
        } = &self.notices;
        let notices = [fresh, recovered, gap].into_iter().flatten();
        let notices = notices.map(|notice| notice.message.bytes()).sum::<usize>();
        size_of::<JoinFrom>() + notices
    }
}

/// What is said to who joins, depending on how it went.
#[derive(Default)]
pub struct Notices {
    /// It asked for nothing that it has missed.
    pub fresh: Option<Notice>,
    /// It gets all that it has missed.
    pub recovered: Option<Notice>,
    /// It does not.
    pub gap: Option<Notice>,
}

/// One of them.
pub struct Notice {
    /// What is said.
    pub message: Message,
    /// Where in its payload the position is to be written behind which the client gets everything.
    pub position_at: Option<usize>,
}

impl Notices {
    /// The one for an outcome, with the position in its place.
    pub(super) fn take(self, outcome: Outcome, position: Position) -> Option<Message> {
        let notice = match outcome {
            Outcome::Fresh => self.fresh,
            Outcome::Recovered => self.recovered,
            Outcome::Gap(_) => self.gap,
        };
        let Notice {
            mut message,
            position_at,
        } = notice?;
        if let Some(at) = position_at {
            message.set_positions(Some(at), position);
        }
        Some(message)
    }
}

/// What comes of a [`JoinFrom`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// Nobody knows yet.
    Later,
    /// It went so.
    Joined(Joined),
    /// The client hears as many topics as it may, and no more of this one than before.
    TooManyTopics,
}

/// How joining went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// How.
    pub outcome: Outcome,
    /// The client gets everything of the topic behind this position; none where that is yet to be read from the
    /// file.
    pub position: Option<Position>,
}

/// What is kept of a topic.
pub struct Read {
    /// Which.
    pub topic: Box<str>,
    /// From where on.
    pub since: Since,
    /// So many messages at most.
    pub messages_max: usize,
    /// Messages of so many bytes at most, but for the first, which may be longer.
    pub bytes_max: usize,
    /// Takes one answer, or the word that it takes a disk and then one; has room for both.
    pub reply: Sender<Answer>,
}

/// What comes of a [`Read`].
pub enum Answer {
    /// It is in the file: the file's thread reads it, and another answer follows.
    Later,
    /// This was kept.
    Kept(Kept),
}

/// What was kept.
pub struct Kept {
    /// How it went.
    pub outcome: Outcome,
    /// The messages, the oldest first.
    pub messages: Vec<(Position, Arc<Message>)>,
    /// From where on to ask next.
    pub next: Position,
    /// Whether more is kept behind it.
    pub has_more: bool,
}

/// Who the members of a topic are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Those that were asked for, in no order.
    pub clients: Vec<ClientId>,
    /// All of them.
    pub count: u64,
}

/// A client becomes a member of a topic, whose members are told.
pub struct JoinTold {
    /// Who.
    pub client: ClientId,
    /// Of what.
    pub topic: Box<str>,
    /// What the others hear where it was none before.
    pub joined: Option<Message>,
    /// What the others hear when it is none any more; in place of what was to be said before.
    pub left: Option<Message>,
}

impl JoinTold {
    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let messages = [&self.joined, &self.left].into_iter().flatten();
        size_of::<JoinTold>() + messages.map(Message::bytes).sum::<usize>()
    }
}

/// Of a client: what is said to a topic when it is no member of it any more.
pub(super) type LastWord = (Box<str>, Message);
