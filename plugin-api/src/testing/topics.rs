//! Who is a member of which topic, and what a topic is told when that ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::received::Received;

/// Of one route; those who hear everyone are no topic's.
#[derive(Default)]
pub(super) struct Topics {
    members: BTreeMap<String, BTreeSet<u64>>,
    /// Those of who is a member of any.
    of: HashMap<u64, OfClient>,
}

/// What a client is a member of.
#[derive(Default)]
struct OfClient {
    topics: BTreeSet<String>,
    /// What these are told when it is no member any more.
    last_words: BTreeMap<String, Received>,
    was_refused: bool,
}

/// How joining went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    New,
    Already,
    /// It is a member of as many as it may be; the first time of this client.
    Refused {
        is_first: bool,
    },
}

/// Topics that a client may be a member of, as in the server.
pub(super) const TOPICS_MAX: usize = 1024;
/// Memberships of a client whose ends are told, as in the server.
const LAST_WORDS_MAX: usize = 16;

impl Topics {
    pub(super) fn members(&self, topic: &str) -> Vec<u64> {
        let members = self.members.get(topic).into_iter().flatten();
        members.copied().collect()
    }

    pub(super) fn join(&mut self, client: u64, topic: &str) -> Membership {
        let of = self.of.entry(client).or_default();
        if of.topics.contains(topic) {
            return Membership::Already;
        }
        if of.topics.len() >= TOPICS_MAX {
            let is_first = !std::mem::replace(&mut of.was_refused, true);
            return Membership::Refused { is_first };
        }
        of.topics.insert(topic.to_owned());
        let members = self.members.entry(topic.to_owned()).or_default();
        members.insert(client);
        Membership::New
    }

    /// Of a member; takes the place of what was to be said there before, and is passed over where there are too many.
    pub(super) fn set_last_word(&mut self, client: u64, topic: String, word: Option<Received>) {
        let Some(of) = self.of.get_mut(&client) else {
            return;
        };
        let has_room = of.last_words.len() < LAST_WORDS_MAX || of.last_words.contains_key(&topic);
        match word {
            Some(word) if has_room => drop(of.last_words.insert(topic, word)),
            Some(_) => {}
            None => drop(of.last_words.remove(&topic)),
        }
    }

    /// Ends a membership, where there is one: what the others are told.
    pub(super) fn leave(&mut self, client: u64, topic: &str) -> Option<Received> {
        let of = self.of.get_mut(&client)?;
        of.topics.remove(topic);
        let word = of.last_words.remove(topic);
        self.take_out(client, topic);
        word
    }

    /// Ends all memberships of a client: what the others are told, by topic.
    pub(super) fn end(&mut self, client: u64) -> BTreeMap<String, Received> {
        let of = self.of.remove(&client).unwrap_or_default();
        for topic in &of.topics {
            self.take_out(client, topic);
        }
        of.last_words
    }

    fn take_out(&mut self, client: u64, topic: &str) {
        if let Some(members) = self.members.get_mut(topic) {
            members.remove(&client);
            if members.is_empty() {
                self.members.remove(topic);
            }
        }
    }
}
