//! Who has come to a topic while what is said here could not reach other hosts: who has not heard of it what was said before.
//!
//! Part of a route's tables, on the hub's thread. Empty, and not written to, as long as other hosts can be reached.

use std::collections::HashMap;

use super::topic::TopicId;
use crate::ids::{ByNumber, ClientId};

/// Of one route.
#[derive(Default)]
pub(super) struct Newcomers {
    /// Number of the last message that was said here alone; 0 where all have reached the others.
    said: u64,
    /// By topic and client, what had been said when it came.
    came: HashMap<TopicId, HashMap<ClientId, u64, ByNumber>, ByNumber>,
}

impl Newcomers {
    /// The message of this number is said here alone.
    pub(super) fn note_said(&mut self, number: u64) {
        self.said = self.said.max(number);
    }

    /// A client hears from now on what is said to a topic.
    pub(super) fn note_come(&mut self, topic: TopicId, client: ClientId) {
        if self.said > 0 {
            let came = self.came.entry(topic).or_default();
            came.insert(client, self.said);
        }
    }

    /// A client hears a topic no more.
    pub(super) fn note_gone(&mut self, topic: TopicId, client: ClientId) {
        if let Some(came) = self.came.get_mut(&topic) {
            came.remove(&client);
        }
    }

    /// Those that came to a topic behind the message of this number, in the order in which they came to this host.
    pub(super) fn since(&self, topic: TopicId, number: u64) -> Vec<ClientId> {
        let came = self.came.get(&topic).into_iter().flatten();
        let since = came.filter(|(_, said)| **said >= number);
        let mut clients: Vec<_> = since.map(|(client, _)| *client).collect();
        clients.sort_unstable_by_key(|client| client.0);
        clients
    }

    /// All that was said here alone has reached the others.
    pub(super) fn forget(&mut self) {
        *self = Newcomers::default();
    }
}

#[cfg(test)]
mod tests {
    use super::Newcomers;
    use crate::hub::topic::EVERYONE;
    use crate::ids::ClientId;

    #[test]
    fn a_newcomer_is_one_to_what_was_said_before_it_came() {
        let mut newcomers = Newcomers::default();
        newcomers.note_come(EVERYONE, ClientId(1));
        newcomers.note_said(1);
        newcomers.note_come(EVERYONE, ClientId(3));
        newcomers.note_come(EVERYONE, ClientId(2));
        newcomers.note_said(2);
        newcomers.note_come(EVERYONE, ClientId(4));
        newcomers.note_come(EVERYONE, ClientId(5));
        newcomers.note_gone(EVERYONE, ClientId(5));
        assert_eq!(newcomers.since(EVERYONE, 1), [2, 3, 4].map(ClientId));
        assert_eq!(newcomers.since(EVERYONE, 2), [ClientId(4)]);
        newcomers.forget();
        assert_eq!(newcomers.since(EVERYONE, 1), []);
        newcomers.note_come(EVERYONE, ClientId(6));
        assert_eq!(newcomers.since(EVERYONE, 0), []);
    }
}
