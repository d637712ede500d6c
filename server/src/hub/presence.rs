//! What the members of a topic are told of who joins and who leaves: in the words of the plugin, whatever way one goes.
//!
//! The hub's thread. The words are given with the join and wait beside the membership; the hub, which alone knows of every
//! end, says them.

use super::event::Event;
use super::lane::Lane;
use super::message::{Audience, Message};
use super::requests::{JoinTold, Listed};
use crate::ids::ClientId;

impl Lane {
    /// Nothing waits in the run: the newcomer is to hear nothing of what was said before.
    pub(super) fn join_told(&mut self, told: JoinTold) {
        let JoinTold {
            client,
            topic,
            joined,
            left,
        } = told;
        if self.members.outbox(client).is_none() {
            return;
        }
        let is_member = self.is_on_topic(client, &topic);
        let audience = Audience::Topic(topic.clone());
        if !is_member {
            let result = self.members.join(client, audience.clone());
            self.note_join(client, &result);
            if result.is_err() {
                return;
            }
        }
        self.members.set_last_word(client, topic, left);
        if let Some(joined) = joined.filter(|_| !is_member) {
            self.say(audience, joined, Some(client));
        }
    }

    /// Says something on a topic of the route: to its members here, or where all hosts read it.
    fn say(&mut self, audience: Audience, message: Message, except: Option<ClientId>) {
        match &self.share {
            Some(share) => share(audience, message, except),
            None => self.publish(&audience, message, except),
        }
    }

    fn is_on_topic(&self, client: ClientId, topic: &str) -> bool {
        let past = self.past.as_ref();
        self.members.is_member_of(client, topic)
            || past.is_some_and(|past| past.is_behind_in(client, topic))
    }

    /// Members of a topic, so many at most, those who are behind included.
    pub(super) fn list(&self, topic: &Audience, most: usize) -> Listed {
        let mut listed = self.members.list(topic, most);
        if let (Some(past), Audience::Topic(name)) = (&self.past, topic) {
            let left = most - listed.clients.len();
            listed.count += past.count(name);
            listed.clients.extend(past.behind_in(name).take(left));
        }
        listed
    }

    /// Whether somebody is to be told of what this event ends.
    pub(super) fn has_last_word(&self, event: &Event) -> bool {
        match event {
            Event::Closed { client } => self.members.has_last_word(*client, None),
            Event::Leave { client, topic } => self.members.has_last_word(*client, Some(topic)),
            _ => false,
        }
    }

    /// Ends one membership that this event is about to end, and tells the others of it; false where nobody is to be
    /// told. Nothing waits in the run.
    pub(super) fn say_last_word(&mut self, event: &Event) -> bool {
        let said = match event {
            Event::Closed { client } => self.members.take_last_word(*client, None),
            Event::Leave { client, topic } => self.members.take_last_word(*client, Some(topic)),
            _ => None,
        };
        let (Some((topic, message)), Event::Closed { client } | Event::Leave { client, .. }) =
            (said, event)
        else {
            return false;
        };
        let audience = Audience::Topic(topic);
        self.leave(*client, &audience);
        // Where everybody goes, nobody is told of each.
        if self.farewell.is_none() {
            self.say(audience, message, None);
        }
        true
    }
}
