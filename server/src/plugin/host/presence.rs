//! The calls of a plugin about who is here, and about telling a topic who comes and goes.
//!
//! Any thread; a list waits until the hub has come to it.

use plugin_api::abi::{GONE, INVALID, Status};

use super::{RouteHost, opcode};
use crate::hub::{Audience, Event, JoinTold, Message};
use crate::ids::ClientId;
use crate::limits::{LAST_WORD_BYTES_MAX, LISTED_MAX};
use crate::outbox::come_behind;

/// What is to be said to a topic, as the plugin has it.
pub(super) struct Said<'a> {
    pub(super) kind: u32,
    pub(super) payload: &'a [u8],
}

impl Said<'_> {
    fn message(&self) -> Result<Message, Status> {
        if self.payload.len() > LAST_WORD_BYTES_MAX {
            return Err(INVALID);
        }
        Ok(Message::new(opcode(self.kind, self.payload)?, self.payload))
    }
}

impl RouteHost {
    /// Gives `each` the members of a topic, or of an empty one the clients of the route, with their labels; and how many
    /// there are.
    pub(super) fn list(
        &self,
        topic: &[u8],
        mut each: impl FnMut(ClientId, &str),
    ) -> Result<u64, Status> {
        let audience = match topic {
            [] => Audience::Everyone,
            topic => self.topic(topic)?,
        };
        self.outgoing.check()?;
        let listed = self.outgoing.hub().list(audience, LISTED_MAX);
        let listed = listed.ok_or(GONE)?;
        let roster = &self.route.services.roster;
        // The labels are looked up here and not by the hub, which copies numbers and goes on.
        for client in listed.clients {
            let label = roster.outbox(client).and_then(|outbox| outbox.label());
            each(client, label.as_deref().unwrap_or_default());
        }
        Ok(listed.count)
    }

    pub(super) fn join_told(
        &self,
        client: u64,
        topic: &[u8],
        joined: Option<Said<'_>>,
        left: Option<Said<'_>>,
    ) -> Result<(), Status> {
        let Audience::Topic(topic) = self.topic(topic)? else {
            return Err(INVALID);
        };
        let message = |said: Option<Said<'_>>| said.map(|said| said.message()).transpose();
        let (joined, left) = (message(joined)?, message(left)?);
        let client = self.open_client(client)?;
        let told = JoinTold {
            client,
            topic,
            joined,
            left,
        };
        let number = self.outgoing.post(Event::JoinTold(Box::new(told)))?;
        come_behind(self.route.id, Some(client), number);
        Ok(())
    }
}
