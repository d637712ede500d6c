//! Journals: messages that are kept, and clients that come back to what they have missed.

pub(crate) mod types;

pub use types::{
    Gap, Joined, JournalError, Keep, Kept, Notice, Notices, Outcome, POSITION_PLACE, Position,
    Published, Since,
};

use crate::abi;
use crate::calls::journal::{JoinedRaw, NoticeRaw};
use crate::client::Client;
use crate::host::Host;
use crate::message::{Message, ToMessage};

impl Host {
    /// Sends one message to all members of `topic` and keeps it for those who come back. Whatever else is published on
    /// the topic is kept from then on too. Waits only while more than the server can pass on waits on this route.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn publish_kept(
        &self,
        topic: &str,
        message: impl ToMessage,
        keep: Keep,
    ) -> Result<(), JournalError> {
        self.keep(Some(topic), message, keep)
    }

    /// Sends one message to all clients of the route and keeps it for those who come back, as
    /// [`publish_kept`](Host::publish_kept) does for a topic: whatever else is [broadcast](Host::broadcast) is kept from then on
    /// too. A client that is to get what it has missed is admitted [apart](crate::Upgrade::apart) and
    /// [hears from](Client::hear_from) there.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn broadcast_kept(&self, message: impl ToMessage, keep: Keep) -> Result<(), JournalError> {
        self.keep(None, message, keep)
    }

    fn keep(
        &self,
        topic: Option<&str>,
        message: impl ToMessage,
        keep: Keep,
    ) -> Result<(), JournalError> {
        let (status, _) = self
            .calls()
            .journal_publish(topic, message.to_message(), keep, false);
        JournalError::check(status)
    }

    /// As [`publish_kept`](Host::publish_kept), and waits until the server has put the message into its order, to
    /// tell where it stands.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn publish_and_tell(
        &self,
        topic: &str,
        message: impl ToMessage,
        keep: Keep,
    ) -> Result<Published, JournalError> {
        self.keep_and_tell(Some(topic), message, keep)
    }

    /// As [`broadcast_kept`](Host::broadcast_kept), and waits until the server has put the message into its order, to
    /// tell where it stands.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn broadcast_and_tell(
        &self,
        message: impl ToMessage,
        keep: Keep,
    ) -> Result<Published, JournalError> {
        self.keep_and_tell(None, message, keep)
    }

    fn keep_and_tell(
        &self,
        topic: Option<&str>,
        message: impl ToMessage,
        keep: Keep,
    ) -> Result<Published, JournalError> {
        let (status, published) =
            self.calls()
                .journal_publish(topic, message.to_message(), keep, true);
        JournalError::check(status).map(|()| Published {
            position: Position::from_abi(&published.position),
            members: published.members,
        })
    }

    /// Reads what is kept of `topic`, the oldest first: so many messages and bytes of them at most, the first in
    /// any case. Waits until the server has come to it; for a disk, where the route's journal is in a file and what is
    /// asked for is not in memory, it waits only on a thread of the plugin's own: see [`JournalError::Later`].
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn read_kept(
        &self,
        topic: &str,
        since: Since<'_>,
        messages_max: u64,
        bytes_max: u64,
        each: impl FnMut(&Position, Message<'_>),
    ) -> Result<Kept, JournalError> {
        self.read_journal(Some(topic), since, messages_max, bytes_max, each)
    }

    /// As [`read_kept`](Host::read_kept), of what was said to everyone.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn read_broadcasts(
        &self,
        since: Since<'_>,
        messages_max: u64,
        bytes_max: u64,
        each: impl FnMut(&Position, Message<'_>),
    ) -> Result<Kept, JournalError> {
        self.read_journal(None, since, messages_max, bytes_max, each)
    }

    fn read_journal(
        &self,
        topic: Option<&str>,
        since: Since<'_>,
        messages_max: u64,
        bytes_max: u64,
        mut each: impl FnMut(&Position, Message<'_>),
    ) -> Result<Kept, JournalError> {
        let mut one = |text: &[u8], kind, payload: &[u8]| {
            if let (Some(position), Some(message)) =
                (Position::from_abi(text), Message::from_abi(kind, payload))
            {
                each(&position, message);
            }
        };
        let (status, kept) =
            self.calls()
                .journal_read(topic, since, messages_max, bytes_max, &mut one);
        JournalError::check(status)?;
        Ok(Kept {
            outcome: Outcome::from_abi(kept.outcome),
            next: Position::from_abi(&kept.next).ok_or(JournalError::Refused(abi::FAILED))?,
            has_more: kept.has_more == 1,
        })
    }
}

impl Client {
    /// Makes the client a member of `topic` from some place in its past on: it gets what is kept behind that, in
    /// order, nothing missing and nothing twice, and then what is said; however much that is, and whatever is said
    /// meanwhile. Waits until the server has come to it, and for no client.
    ///
    /// What this thread says to the client behind this comes behind what is kept now.
    ///
    /// # Errors
    /// [`JournalError::Refused`] with [`abi::EXHAUSTED`] where the client is a member of 1,024 topics already, and not of this
    /// one; see [`JournalError`].
    pub fn join_from(&self, topic: &str, since: Since<'_>) -> Result<Joined, JournalError> {
        self.join_from_telling(topic, since, &Notices::default())
    }

    /// As [`join_from`](Client::join_from), and says how it went to the client, before anything of the topic.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn join_from_telling(
        &self,
        topic: &str,
        since: Since<'_>,
        notices: &Notices<'_>,
    ) -> Result<Joined, JournalError> {
        let (status, joined) = self.join_journal(Some(topic), since, notices);
        JournalError::check(status).map(|()| joined)
    }

    /// Makes a client that was admitted [apart](crate::Upgrade::apart) hear what is said to everyone on the route, from some
    /// place in the past of that on: as [`join_from`](Client::join_from) does for a topic.
    ///
    /// # Errors
    /// [`JournalError::HearsAlready`] where it was not admitted apart; see [`JournalError`].
    pub fn hear_from(&self, since: Since<'_>) -> Result<Joined, JournalError> {
        self.hear_from_telling(since, &Notices::default())
    }

    /// As [`hear_from`](Client::hear_from), and says how it went to the client, before anything of it.
    ///
    /// # Errors
    /// As of [`hear_from`](Client::hear_from).
    pub fn hear_from_telling(
        &self,
        since: Since<'_>,
        notices: &Notices<'_>,
    ) -> Result<Joined, JournalError> {
        match self.join_journal(None, since, notices) {
            (abi::UNSUPPORTED, _) => Err(JournalError::HearsAlready),
            (status, joined) => JournalError::check(status).map(|()| joined),
        }
    }

    fn join_journal(
        &self,
        topic: Option<&str>,
        since: Since<'_>,
        notices: &Notices<'_>,
    ) -> (abi::Status, Joined) {
        let notices = [notices.fresh, notices.recovered, notices.gap];
        let notices = notices.map(|notice| match notice {
            None => NoticeRaw::default(),
            Some(notice) => NoticeRaw {
                kind: notice.message.kind(),
                payload: notice.message.as_bytes(),
                position_at: notice.position_at,
            },
        });
        let calls = self.host().calls();
        let (
            status,
            JoinedRaw {
                outcome: how,
                position: at,
            },
        ) = calls.journal_join(self.id().get(), topic, since, &notices);
        let joined = Joined {
            outcome: Outcome::from_abi(how),
            position: Position::from_abi(&at),
        };
        (status, joined)
    }
}
