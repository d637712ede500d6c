//! Who is on one route and who is a member of what: tables of its lane, seen by no other thread.
//!
//! Everything is found by a client's whole id, which is never used twice. A topic keeps its members in one
//! dense array, so that a broadcast walks memory in order; a client knows its place in each, so
//! that leaving costs the same however many are there.

use std::collections::HashMap;
use std::sync::Arc;

use super::message::{Audience, Message};
use super::newcomers::Newcomers;
use super::requests::{LastWord, Listed};
use super::topic::{APART, EVERYONE, TopicId};
use crate::compression::{Need, Shape, Window};
use crate::ids::{ByNumber, ClientId};
use crate::limits::{LAST_WORDS_PER_CLIENT_MAX, TOPICS_PER_CLIENT_MAX};
use crate::outbox::Outbox;
use crate::outbox::encoding::Encoding;

/// One entry of a topic.
pub(super) struct Member {
    pub(super) client: ClientId,
    pub(super) outbox: Arc<Outbox>,
}

/// What is known of a client.
struct Client {
    outbox: Arc<Outbox>,
    /// Its place among everyone, or among those that are apart.
    place: u32,
    is_apart: bool,
    /// Its places in other topics; an empty map takes no memory.
    places: HashMap<TopicId, u32, ByNumber>,
    /// A join of it was refused already.
    was_refused: bool,
    /// What is said when it leaves; most clients have none.
    last_words: Vec<LastWord>,
}

struct Topic {
    name: Box<str>,
    members: Vec<Member>,
}

/// Why a client did not become a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyTopics {
    /// It has not happened to this client before.
    pub(super) is_first: bool,
}

/// All clients and topics of a route.
#[derive(Default)]
pub(super) struct Members {
    clients: HashMap<ClientId, Client, ByNumber>,
    everyone: Vec<Member>,
    apart: Vec<Member>,
    /// By number, from 1.
    topics: Vec<Option<Topic>>,
    free_topics: Vec<TopicId>,
    topic_ids: HashMap<Box<str>, TopicId>,
    /// Who has come while other hosts could not be reached.
    pub(super) newcomers: Newcomers,
    /// Clients that are written to in another encoding than frames.
    others: usize,
    /// Those of them that get compressed frames, by shape and the index of their window.
    windows: [[usize; Window::COUNT]; Shape::COUNT],
}

impl Members {
    /// The way to a client that is here.
    pub(super) fn outbox(&self, id: ClientId) -> Option<&Arc<Outbox>> {
        self.clients.get(&id).map(|client| &client.outbox)
    }

    /// The topic, where it has members.
    pub(super) fn topic(&self, audience: &Audience) -> Option<TopicId> {
        match audience {
            Audience::Everyone => (!self.everyone.is_empty()).then_some(EVERYONE),
            Audience::Topic(name) => self.topic_ids.get(name).copied(),
        }
    }

    pub(super) fn members(&self, topic: TopicId) -> &[Member] {
        match topic {
            EVERYONE => &self.everyone,
            APART => &self.apart,
            TopicId(number) => self.topics[number as usize - 1]
                .as_ref()
                .map_or(&[], |topic| &topic.members),
        }
    }

    pub(super) fn is_member(&self, id: ClientId, topic: TopicId) -> bool {
        self.clients.get(&id).is_some_and(|client| match topic {
            EVERYONE => !client.is_apart,
            topic => client.places.contains_key(&topic),
        })
    }

    /// The clients of the route in some order, by number from 0, while nobody comes or goes.
    pub(super) fn nth(&self, number: usize) -> Option<&Member> {
        let apart = |number| self.apart.get(number);
        let everyone = self.everyone.get(number);
        everyone.or_else(|| apart(number - self.everyone.len()))
    }

    /// Whether some of the clients are written to in another encoding than frames.
    pub(super) fn have_others(&self) -> bool {
        self.others > 0
    }

    /// Whether some of them get frames that are compressed so.
    pub(super) fn have(&self, need: Need) -> bool {
        self.windows[need.shape as usize][need.window.index()] > 0
    }

    /// The name of a topic that has members; none for everyone.
    pub(super) fn name(&self, topic: TopicId) -> Option<&str> {
        let at = topic.0.checked_sub(1)?;
        let topic = self.topics.get(at as usize)?.as_ref();
        topic.map(|topic| &*topic.name)
    }

    /// How many members a topic has; or how many clients are on the route, those that are apart included.
    pub(super) fn count(&self, audience: &Audience) -> u64 {
        match audience {
            Audience::Everyone => self.clients.len() as u64,
            topic => self.hearers(topic),
        }
    }

    /// How many hear what is said now.
    pub(super) fn hearers(&self, audience: &Audience) -> u64 {
        self.topic(audience)
            .map_or(0, |topic| self.members(topic).len() as u64)
    }

    /// Whether a client hears what is said to these.
    pub(super) fn hears(&self, id: ClientId, audience: &Audience) -> bool {
        let topic = self.topic(audience);
        topic.is_some_and(|topic| self.is_member(id, topic))
    }

    /// Whether a client is a member of the topic of this name.
    pub(super) fn is_member_of(&self, id: ClientId, name: &str) -> bool {
        let topic = self.topic_ids.get(name);
        topic.is_some_and(|&topic| self.is_member(id, topic))
    }

    /// Members of a topic, or clients of the route; so many at most, and how many there are.
    pub(super) fn list(&self, audience: &Audience, most: usize) -> Listed {
        let members = self.topic(audience).map_or(&[][..], |of| self.members(of));
        let apart = match audience {
            Audience::Everyone => self.apart.as_slice(),
            Audience::Topic(_) => &[],
        };
        let clients = members.iter().chain(apart).take(most);
        Listed {
            clients: clients.map(|member| member.client).collect(),
            count: (members.len() + apart.len()) as u64,
        }
    }

    /// What is said to the others when a client is no member of `topic` any more. Past so many topics a client's
    /// ends are not told.
    pub(super) fn set_last_word(&mut self, id: ClientId, topic: Box<str>, word: Option<Message>) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.last_words.retain(|(of, _)| *of != topic);
        if let Some(word) = word
            && client.last_words.len() < LAST_WORDS_PER_CLIENT_MAX
        {
            client.last_words.push((topic, word));
        }
    }

    /// Whether something is said when a client leaves a topic, or any.
    pub(super) fn has_last_word(&self, id: ClientId, topic: Option<&Audience>) -> bool {
        let words = self.clients.get(&id).map(|client| &client.last_words);
        words.is_some_and(|words| words.iter().any(|(of, _)| is_meant(of, topic)))
    }

    /// Takes it, to be said.
    pub(super) fn take_last_word(
        &mut self,
        id: ClientId,
        topic: Option<&Audience>,
    ) -> Option<LastWord> {
        let words = &mut self.clients.get_mut(&id)?.last_words;
        let at = words.iter().position(|(of, _)| is_meant(of, topic))?;
        Some(words.swap_remove(at))
    }

    /// Members of a topic that have not heard what was said here alone under this number.
    pub(super) fn newcomers(&self, audience: &Audience, number: u64) -> Vec<ClientId> {
        let topic = self.topic(audience);
        topic.map_or_else(Vec::new, |topic| self.newcomers.of(topic, number))
    }

    /// Topics of which a client is a member.
    pub(super) fn topics_of(&self, id: ClientId) -> usize {
        self.clients
            .get(&id)
            .map_or(0, |client| client.places.len())
    }

    /// Takes a client in. One that is here already, which does not happen, begins anew.
    pub(super) fn insert(&mut self, id: ClientId, outbox: Arc<Outbox>) {
        self.remove(id);
        self.others += usize::from(outbox.encoding() != Encoding::Frame);
        if let Some(Need { shape, window }) = outbox.encoding().need() {
            self.windows[shape as usize][window.index()] += 1;
        }
        let is_apart = outbox.is_apart();
        let among = match is_apart {
            true => &mut self.apart,
            false => {
                self.newcomers.note_come(EVERYONE, "", id);
                &mut self.everyone
            }
        };
        let place = among.len() as u32;
        among.push(Member {
            client: id,
            outbox: outbox.clone(),
        });
        let client = Client {
            outbox,
            place,
            is_apart,
            places: HashMap::default(),
            was_refused: false,
            last_words: Vec::new(),
        };
        self.clients.insert(id, client);
    }

    /// Forgets a client and all its memberships.
    pub(super) fn remove(&mut self, id: ClientId) {
        let Some(client) = self.clients.remove(&id) else {
            return;
        };
        self.others -= usize::from(client.outbox.encoding() != Encoding::Frame);
        if let Some(Need { shape, window }) = client.outbox.encoding().need() {
            self.windows[shape as usize][window.index()] -= 1;
        }
        let among = match client.is_apart {
            true => APART,
            false => EVERYONE,
        };
        self.newcomers.note_gone(among, id);
        self.take_out(among, client.place);
        for (topic, place) in client.places {
            self.newcomers.note_gone(topic, id);
            self.take_out(topic, place);
        }
        if self.clients.is_empty() {
            // Who comes next is a newcomer to what is on its way.
            let newcomers = std::mem::take(&mut self.newcomers);
            *self = Members {
                newcomers,
                ..Members::default()
            };
        }
    }

    /// Makes a client a member; nothing happens where it is one, or is gone.
    pub(super) fn join(&mut self, id: ClientId, audience: Audience) -> Result<(), TooManyTopics> {
        let Audience::Topic(name) = audience else {
            self.join_everyone(id);
            return Ok(());
        };
        let known = self.topic_ids.get(&name).copied();
        let Some(client) = self.clients.get_mut(&id) else {
            return Ok(());
        };
        if known.is_some_and(|topic| client.places.contains_key(&topic)) {
            return Ok(());
        }
        if client.places.len() >= TOPICS_PER_CLIENT_MAX {
            return Err(self.refuse(id));
        }
        let outbox = client.outbox.clone();
        let topic = known.unwrap_or_else(|| self.begin_topic(name));
        let Some(members) = self.members_mut(topic) else {
            return Ok(());
        };
        let place = members.len() as u32;
        members.push(Member { client: id, outbox });
        if let Some(client) = self.clients.get_mut(&id) {
            client.places.insert(topic, place);
        }
        if let Some(of) = &self.topics[topic.0 as usize - 1] {
            self.newcomers.note_come(topic, &of.name, id);
        }
        Ok(())
    }

    /// A client may join no further topic.
    pub(super) fn refuse(&mut self, id: ClientId) -> TooManyTopics {
        let client = self.clients.get_mut(&id);
        let was_refused = client.is_none_or(|of| std::mem::replace(&mut of.was_refused, true));
        let is_first = !was_refused;
        TooManyTopics { is_first }
    }

    /// One that was apart hears from now on what is said to everyone.
    fn join_everyone(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.is_apart) else {
            return;
        };
        client.is_apart = false;
        let outbox = client.outbox.clone();
        let place = std::mem::replace(&mut client.place, self.everyone.len() as u32);
        self.everyone.push(Member { client: id, outbox });
        self.take_out(APART, place);
        self.newcomers.note_come(EVERYONE, "", id);
    }

    /// Ends a membership, where there is one.
    pub(super) fn leave(&mut self, id: ClientId, audience: &Audience) {
        if let Some(topic) = self.topic(audience)
            && let Some(client) = self.clients.get_mut(&id)
            && let Some(place) = client.places.remove(&topic)
        {
            let name = audience.name().unwrap_or_default();
            self.newcomers.note_left(topic, name, id);
            self.take_out(topic, place);
        }
    }

    fn begin_topic(&mut self, name: Box<str>) -> TopicId {
        let id = match self.free_topics.pop() {
            Some(id) => id,
            None => {
                self.topics.push(None);
                TopicId(self.topics.len() as u32)
            }
        };
        self.topics[id.0 as usize - 1] = Some(Topic {
            name: name.clone(),
            members: Vec::new(),
        });
        self.topic_ids.insert(name, id);
        id
    }

    fn members_mut(&mut self, topic: TopicId) -> Option<&mut Vec<Member>> {
        match topic {
            EVERYONE => Some(&mut self.everyone),
            APART => Some(&mut self.apart),
            TopicId(number) => {
                let topic = self.topics[number as usize - 1].as_mut()?;
                Some(&mut topic.members)
            }
        }
    }

    /// Takes the member at `place` out; the last one moves there. A topic without members goes.
    fn take_out(&mut self, topic: TopicId, place: u32) {
        let Some(members) = self.members_mut(topic) else {
            return;
        };
        members.swap_remove(place as usize);
        let moved = members.get(place as usize).map(|member| member.client);
        let is_empty = members.is_empty();
        if let Some(client) = moved.and_then(|moved| self.clients.get_mut(&moved)) {
            match topic {
                EVERYONE | APART => client.place = place,
                topic => drop(client.places.insert(topic, place)),
            }
        } else if is_empty
            && ![EVERYONE, APART].contains(&topic)
            && let Some(ended) = self.topics[topic.0 as usize - 1].take()
        {
            self.topic_ids.remove(&ended.name);
            self.free_topics.push(topic);
        }
    }
}

fn is_meant(of: &str, topic: Option<&Audience>) -> bool {
    match topic {
        None => true,
        Some(Audience::Topic(name)) => of == &**name,
        Some(Audience::Everyone) => false,
    }
}
