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
    /// See [`JournalError`].
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
        JournalError::check(status)?;
        Ok(Joined {
            outcome: Outcome::from_abi(how),
            position: Position::from_abi(&at),
        })
    }
}
