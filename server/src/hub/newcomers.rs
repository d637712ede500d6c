//! Who has come to a topic while what is said here could not reach other hosts: who has not heard of it what was said before.
//!
//! Part of a route's tables, on the hub's thread. Empty, and not written to, as long as other hosts can be reached. Who leaves
//! a topic and comes again has heard what was said before it left, and nothing of what was said meanwhile.

use std::collections::HashMap;

use super::topic::TopicId;
use crate::ids::{ByNumber, ClientId};
use crate::limits::{MISSED_STRETCHES_MAX, TOPICS_PER_CLIENT_MAX};

/// Of one route.
#[derive(Default)]
pub(super) struct Newcomers {
    /// Number of the last message that was said here alone; 0 where all have reached the others.
    said: u64,
    /// By topic and member, where that has missed something.
    missed: HashMap<TopicId, HashMap<ClientId, Missed, ByNumber>, ByNumber>,
    /// By client and name of a topic, of those that have left it. By its name, since a topic without members gives its number to
    /// another one.
    left: HashMap<ClientId, HashMap<Box<str>, Left>, ByNumber>,
}

/// What a member of a topic has not heard of it: messages behind the first of two numbers, up to the second one.
#[derive(Default)]
struct Missed(Vec<(u64, u64)>);

/// A client hears a topic no more.
#[derive(Default)]
struct Left {
    missed: Missed,
    /// What had been said when it left.
    said: u64,
}

impl Newcomers {
    /// The message of this number is said here alone.
    pub(super) fn note_said(&mut self, number: u64) {
        self.said = self.said.max(number);
    }

    /// A client hears from now on what is said to the topic of this name.
    pub(super) fn note_come(&mut self, topic: TopicId, name: &str, client: ClientId) {
        if self.said == 0 {
            return;
        }
        let left = self.left.get_mut(&client);
        let left = left.and_then(|left| left.remove(name)).unwrap_or_default();
        let mut missed = left.missed;
        missed.add(left.said, self.said);
        if !missed.0.is_empty() {
            self.missed.entry(topic).or_default().insert(client, missed);
        }
    }

    /// A client hears the topic of this name no more, and may come again.
    pub(super) fn note_left(&mut self, topic: TopicId, name: &str, client: ClientId) {
        if self.said == 0 {
            return;
        }
        let missed = self.take(topic, client).unwrap_or_default();
        let said = self.said;
        let left = self.left.entry(client).or_default();
        // Of further ones it is not known, and it hears again what is kept.
        if left.len() < TOPICS_PER_CLIENT_MAX {
            left.insert(name.into(), Left { missed, said });
        }
    }

    /// A client that is a member of a topic goes.
    pub(super) fn note_gone(&mut self, topic: TopicId, client: ClientId) {
        self.take(topic, client);
        self.left.remove(&client);
    }

    /// Members of a topic that have not heard the message of this number, in the order in which they came to this host.
    pub(super) fn of(&self, topic: TopicId, number: u64) -> Vec<ClientId> {
        let missed = self.missed.get(&topic).into_iter().flatten();
        let missed = missed.filter(|(_, missed)| missed.contains(number));
        let mut clients: Vec<_> = missed.map(|(client, _)| *client).collect();
        clients.sort_unstable_by_key(|client| client.0);
        clients
    }

    /// All that was said here alone has reached the others.
    pub(super) fn forget(&mut self) {
        *self = Newcomers::default();
    }

    fn take(&mut self, topic: TopicId, client: ClientId) -> Option<Missed> {
        let members = self.missed.get_mut(&topic)?;
        let missed = members.remove(&client);
        if members.is_empty() {
            self.missed.remove(&topic);
        }
        missed
    }
}

impl Missed {
    /// What is behind `from`, up to `to`, which is behind all before.
    fn add(&mut self, from: u64, to: u64) {
        if from == to {
            return;
        }
        let is_full = self.0.len() == MISSED_STRETCHES_MAX;
        match self.0.last_mut() {
            // What lies between is heard again.
            Some((_, end)) if is_full => *end = to,
            _ => self.0.push((from, to)),
        }
    }

    fn contains(&self, number: u64) -> bool {
        let mut stretches = self.0.iter();
        stretches.any(|&(from, to)| from < number && number <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::Newcomers;
    use crate::hub::topic::{EVERYONE, TopicId};
    use crate::ids::ClientId;
    use crate::limits::{MISSED_STRETCHES_MAX, TOPICS_PER_CLIENT_MAX};

    const TOPIC: TopicId = TopicId(1);
    const CLIENT: ClientId = ClientId(1);

    /// Which messages of the first so many it has not heard.
    fn missed(newcomers: &Newcomers, most: u64) -> Vec<u64> {
        let has_missed = |number: &u64| newcomers.of(TOPIC, *number).contains(&CLIENT);
        (1..=most).filter(has_missed).collect()
    }

    #[test]
    fn a_newcomer_is_one_to_what_was_said_before_it_came() {
        let mut newcomers = Newcomers::default();
        let come = |newcomers: &mut Newcomers, client| {
            newcomers.note_come(EVERYONE, "", ClientId(client));
        };
        come(&mut newcomers, 1);
        newcomers.note_said(1);
        come(&mut newcomers, 3);
        come(&mut newcomers, 2);
        newcomers.note_said(2);
        come(&mut newcomers, 4);
        come(&mut newcomers, 5);
        newcomers.note_gone(EVERYONE, ClientId(5));
        assert_eq!(newcomers.of(EVERYONE, 1), [2, 3, 4].map(ClientId));
        assert_eq!(newcomers.of(EVERYONE, 2), [ClientId(4)]);
        newcomers.forget();
        assert_eq!(newcomers.of(EVERYONE, 1), []);
        come(&mut newcomers, 6);
        assert_eq!(newcomers.of(EVERYONE, 0), []);
    }

    #[test]
    fn who_comes_again_has_missed_what_was_said_meanwhile() {
        let mut newcomers = Newcomers::default();
        newcomers.note_said(2);
        newcomers.note_come(TOPIC, "t", CLIENT);
        newcomers.note_said(4);
        newcomers.note_left(TOPIC, "t", CLIENT);
        newcomers.note_come(TOPIC, "t", CLIENT);
        assert_eq!(missed(&newcomers, 9), [1, 2]);
        newcomers.note_left(TOPIC, "t", CLIENT);
        newcomers.note_said(6);
        assert_eq!(missed(&newcomers, 9), [0; 0], "it is no member");
        newcomers.note_come(TOPIC, "t", CLIENT);
        newcomers.note_said(8);
        assert_eq!(missed(&newcomers, 9), [1, 2, 5, 6]);
        newcomers.note_gone(TOPIC, CLIENT);
        assert!(newcomers.missed.is_empty() && newcomers.left.is_empty());
    }

    #[test]
    fn what_is_known_of_a_client_is_bounded_and_past_that_it_hears_again_and_misses_nothing() {
        let mut newcomers = Newcomers::default();
        newcomers.note_said(1);
        for topic in 0..=TOPICS_PER_CLIENT_MAX {
            newcomers.note_left(TOPIC, &topic.to_string(), CLIENT);
        }
        let last = TOPICS_PER_CLIENT_MAX.to_string();
        newcomers.note_come(TOPIC, "0", CLIENT);
        assert_eq!(missed(&newcomers, 1), [0; 0]);
        newcomers.note_come(TOPIC, &last, CLIENT);
        assert_eq!(missed(&newcomers, 1), [1]);

        let mut newcomers = Newcomers::default();
        let most = MISSED_STRETCHES_MAX as u64;
        for number in (1..=2 * most + 2).step_by(2) {
            newcomers.note_said(number);
            newcomers.note_left(TOPIC, "t", CLIENT);
            newcomers.note_said(number + 1);
            newcomers.note_come(TOPIC, "t", CLIENT);
        }
        let mut known: Vec<u64> = (1..=most).map(|number| 2 * number).collect();
        known.extend([2 * most + 1, 2 * most + 2]);
        assert_eq!(missed(&newcomers, 99), known);
    }
}
