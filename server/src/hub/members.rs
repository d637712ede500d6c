//! Who is here and who is a member of what: the hub's own tables, seen by no other thread.
//!
//! A topic keeps its members in one dense array, so that a broadcast walks memory in order; a
//! client knows its place in each, so that leaving costs the same however many are there.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::Audience;
use crate::ids::{ClientId, RouteId};
use crate::limits::TOPICS_PER_CLIENT_MAX;
use crate::outbox::Outbox;

/// Number of a topic while it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TopicId(u32);

/// One entry of a topic.
pub(super) struct Member {
    pub(super) client: ClientId,
    pub(super) outbox: Arc<Outbox>,
}

/// What the hub knows of a client.
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) route: RouteId,
    pub(super) outbox: Arc<Outbox>,
    /// Its place in the topic that is everyone on the route.
    everyone: (TopicId, u32),
    /// Its places in other topics; an empty map takes no memory.
    places: HashMap<TopicId, u32>,
    /// A join of it was refused already.
    was_refused: bool,
}

struct Topic {
    audience: Audience,
    members: Vec<Member>,
}

/// Why a client did not become a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyTopics {
    /// It has not happened to this client before.
    pub(super) is_first: bool,
}

/// All clients and topics.
pub(super) struct Members {
    /// By slot: a client's id modulo the length.
    clients: Box<[Option<Box<Client>>]>,
    topics: Vec<Option<Topic>>,
    free_topics: Vec<TopicId>,
    topic_ids: HashMap<Audience, TopicId>,
}

impl Members {
    /// Tables for `capacity` clients.
    pub(super) fn new(capacity: usize) -> Members {
        Members {
            clients: (0..capacity).map(|_| None).collect(),
            topics: Vec::new(),
            free_topics: Vec::new(),
            topic_ids: HashMap::new(),
        }
    }

    /// Where what belongs to `client` stands in tables of [`Members::new`]'s capacity.
    pub(super) fn slot_of(&self, client: ClientId) -> usize {
        (client.0 % self.clients.len() as u64) as usize
    }

    pub(super) fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients[self.slot_of(id)]
            .as_deref()
            .filter(|client| client.id == id)
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter_map(Option::as_deref)
    }

    pub(super) fn topic(&self, audience: &Audience) -> Option<TopicId> {
        self.topic_ids.get(audience).copied()
    }

    pub(super) fn members(&self, topic: TopicId) -> &[Member] {
        self.topics[topic.0 as usize]
            .as_ref()
            .map_or(&[], |topic| &topic.members)
    }

    pub(super) fn is_member(&self, id: ClientId, topic: TopicId) -> bool {
        self.client(id)
            .is_some_and(|client| client.everyone.0 == topic || client.places.contains_key(&topic))
    }

    /// Takes a client in; it is a member of everyone on its route.
    pub(super) fn insert(&mut self, id: ClientId, route: RouteId, outbox: Arc<Outbox>) {
        let topic = self.topic_or_new(Audience::Everyone(route));
        let place = self.push(
            topic,
            Member {
                client: id,
                outbox: outbox.clone(),
            },
        );
        let everyone = (topic, place);
        let client = Client {
            id,
            route,
            outbox,
            everyone,
            places: HashMap::new(),
            was_refused: false,
        };
        let slot = self.slot_of(id);
        self.clients[slot] = Some(Box::new(client));
    }

    /// Forgets a client and all its memberships.
    pub(super) fn remove(&mut self, id: ClientId) {
        if self.client(id).is_none() {
            return;
        }
        let slot = self.slot_of(id);
        let Some(client) = self.clients[slot].take() else {
            return;
        };
        self.take_out(client.everyone.0, client.everyone.1);
        for (topic, place) in client.places {
            self.take_out(topic, place);
        }
    }

    /// Makes a client a member; nothing happens where it is one, or is gone.
    pub(super) fn join(&mut self, id: ClientId, audience: Audience) -> Result<(), TooManyTopics> {
        let Some(client) = self.client(id) else {
            return Ok(());
        };
        let (count, outbox) = (client.places.len(), client.outbox.clone());
        if let Some(topic) = self.topic(&audience)
            && self.is_member(id, topic)
        {
            return Ok(());
        }
        let slot = self.slot_of(id);
        if count >= TOPICS_PER_CLIENT_MAX {
            let told = self.clients[slot]
                .as_mut()
                .map(|client| &mut client.was_refused);
            let is_first = told.is_some_and(|told| !std::mem::replace(told, true));
            return Err(TooManyTopics { is_first });
        }
        let topic = self.topic_or_new(audience);
        let place = self.push(topic, Member { client: id, outbox });
        if let Some(client) = &mut self.clients[slot] {
            client.places.insert(topic, place);
        }
        Ok(())
    }

    /// Ends a membership, where there is one.
    pub(super) fn leave(&mut self, id: ClientId, audience: &Audience) {
        let Some(topic) = self.topic(audience) else {
            return;
        };
        if self.client(id).is_none() {
            return;
        }
        let slot = self.slot_of(id);
        let Some(client) = &mut self.clients[slot] else {
            return;
        };
        if let Some(place) = client.places.remove(&topic) {
            self.take_out(topic, place);
        }
    }

    fn topic_or_new(&mut self, audience: Audience) -> TopicId {
        if let Some(topic) = self.topic(&audience) {
            return topic;
        }
        let topic = Topic {
            audience: audience.clone(),
            members: Vec::new(),
        };
        let id = match self.free_topics.pop() {
            Some(id) => id,
            None => {
                self.topics.push(None);
                TopicId(self.topics.len() as u32 - 1)
            }
        };
        self.topics[id.0 as usize] = Some(topic);
        self.topic_ids.insert(audience, id);
        id
    }

    fn push(&mut self, topic: TopicId, member: Member) -> u32 {
        let Some(topic) = &mut self.topics[topic.0 as usize] else {
            return 0;
        };
        topic.members.push(member);
        topic.members.len() as u32 - 1
    }

    /// Takes the member at `place` out; the last one moves there. A topic without members goes.
    fn take_out(&mut self, topic_id: TopicId, place: u32) {
        let Some(topic) = &mut self.topics[topic_id.0 as usize] else {
            return;
        };
        topic.members.swap_remove(place as usize);
        if let Some(moved) = topic.members.get(place as usize) {
            let moved = moved.client;
            let slot = self.slot_of(moved);
            if let Some(client) = &mut self.clients[slot] {
                if client.everyone.0 == topic_id {
                    client.everyone.1 = place;
                } else {
                    client.places.insert(topic_id, place);
                }
            }
        } else if topic.members.is_empty()
            && let Some(topic) = self.topics[topic_id.0 as usize].take()
        {
            self.topic_ids.remove(&topic.audience);
            self.free_topics.push(topic_id);
        }
    }
}

#[cfg(test)]
impl Members {
    /// A topic for tests that need no members.
    pub(super) fn first_topic() -> TopicId {
        TopicId(0)
    }
}
