//! What of a lane comes before what: which events the run has to go out before, and how it goes then.

use super::event::Event;
use super::lane::{Lane, Walk};
use super::message::Audience;
use super::topic::TopicId;
use crate::ids::ClientId;

impl Lane {
    /// How the run has to go before an event is taken; none where it may stay. One that is full is sent from where it is;
    /// one that gives way to another topic is sent with what follows.
    pub(super) fn walk_before(&self, event: &Event) -> Option<Walk> {
        if !self.must_come_behind_the_run(event) {
            return None;
        }
        Some(match self.is_full_for(event) {
            true => Walk::Delivering { at: 0 },
            false => Walk::Queueing { at: 0 },
        })
    }

    /// Whether it is for the run, which has no room for it.
    fn is_full_for(&self, event: &Event) -> bool {
        match event {
            Event::Publish { message, .. }
            | Event::Local { message, .. }
            | Event::Send { message, .. } => self.run.is_full_for(message.bytes()),
            Event::Keep(keep) => self.run.is_full_for(keep.message.bytes()),
            _ => false,
        }
    }

    /// Whether the run has to stand in the outboxes first: who comes later must not hear what was
    /// said before, who goes must, and a run has one topic and a bound.
    fn must_come_behind_the_run(&self, event: &Event) -> bool {
        let Some(running) = self.run.topic() else {
            return false;
        };
        let is_running = |topic: Option<TopicId>| topic == Some(running);
        let hears = |client: &ClientId| self.members.is_member(*client, running);
        match event {
            Event::Publish {
                audience, message, ..
            }
            | Event::Local {
                audience, message, ..
            } => match self.members.topic(audience) {
                Some(topic) => topic != running || self.run.is_full_for(message.bytes()),
                None => false,
            },
            Event::Keep(keep) => {
                let topic = Audience::of_journal(keep.topic.clone());
                let is_other = self
                    .members
                    .topic(&topic)
                    .is_some_and(|topic| topic != running);
                is_other || self.run.is_full_for(keep.message.bytes())
            }
            Event::JoinFrom(join) => {
                let audience = Audience::of_journal(join.topic.clone());
                is_running(self.members.topic(&audience))
            }
            Event::Send { client, message } => {
                self.run.is_full_for(message.bytes()) && hears(client)
            }
            Event::Opened { .. } => is_running(self.members.topic(&Audience::Everyone)),
            Event::Join { topic, .. } => is_running(self.members.topic(topic)),
            Event::Leave { topic, .. } => {
                is_running(self.members.topic(topic)) || self.has_last_word(event)
            }
            Event::Closed { client } => hears(client) || self.has_last_word(event),
            Event::Close { client, .. } => hears(client),
            Event::JoinTold(_)
            | Event::Late(_)
            | Event::CloseAll { .. }
            | Event::Farewell { .. }
            | Event::Stream(_) => true,
            Event::FromAfar { .. }
            | Event::Label { .. }
            | Event::List { .. }
            | Event::Count { .. }
            | Event::Read(_)
            | Event::Store(_)
            | Event::Fetched(_)
            | Event::LeaveFile
            | Event::Bound { .. }
            | Event::HasRoom { .. }
            | Event::Tidy
            | Event::Share(_)
            | Event::ReadTo { .. }
            | Event::End => false,
        }
    }
}
