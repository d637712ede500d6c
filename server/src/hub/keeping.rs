//! What a lane does about its past: the events that concern it, and the walk that gives out pieces.
//!
//! Runs on the hub's thread. A lane has no past before something is kept on its route or asked of it, and
//! without one none of this costs more than a look.

use log::warn;

use super::event::FromFile;
use super::lane::{Lane, Walk};
use super::members::TooManyTopics;
use super::message::{Audience, Message};
use super::past::{Past, now};
use super::requests::{JoinFrom, Keep, Late, Read, StreamNews};
use super::slice::Slice;
use crate::ids::ClientId;
use crate::journal::store::{Line, News};
use crate::journal::{Bounds, POSITION_BYTES};
use crate::limits::TOPICS_PER_CLIENT_MAX;

impl Lane {
    fn past(&mut self) -> &mut Past {
        let bounds = self.bounds;
        self.past.get_or_insert_with(|| Box::new(Past::new(bounds)))
    }

    /// What was kept since the last time may be seen.
    pub(super) fn settle(&mut self) {
        if let Some(past) = &mut self.past {
            past.settle();
        }
    }

    /// What is kept of the events that were just taken is noted by one call.
    pub(super) fn note_ahead(&mut self) {
        if let Some(past) = &mut self.past {
            past.note_ahead(&self.taken.events);
        }
    }

    pub(super) fn keep(&mut self, keep: Keep) {
        self.past();
        if let Some(past) = &mut self.past {
            past.keep(keep, &self.members, Some(&mut self.run));
        }
    }

    /// Keeps what was said here alone, and says it to those who have come since.
    pub(super) fn hear_late(&mut self, late: Late) {
        self.past();
        if let (Some(past), Some(keep)) = (&mut self.past, late.keep) {
            let audience = Audience::of_journal(keep.topic.clone());
            let (kind, except) = (keep.message.kind(), keep.except);
            let mut payload = keep.message.payload().to_vec();
            if let (Some(at), Some(position)) = (keep.position_at, keep.at) {
                payload[at..at + POSITION_BYTES].copy_from_slice(&position.text());
            }
            if past.keep(keep, &self.members, None) {
                let newcomers = self.members.newcomers(&audience, late.number);
                for client in newcomers.into_iter().filter(|&of| Some(of) != except) {
                    if let Some(message) = Message::read(kind, &payload) {
                        self.send(client, message);
                    }
                }
            }
        }
        if late.is_last {
            self.members.newcomers.forget();
        }
    }

    pub(super) fn publish(
        &mut self,
        audience: &Audience,
        message: Message,
        except: Option<ClientId>,
    ) {
        if let Some(past) = &mut self.past
            && past.journals.keeps(audience.journal())
            && !past.journals.are_of_stream()
        {
            past.publish(
                audience,
                message,
                (None, None),
                except,
                &self.members,
                Some(&mut self.run),
            );
        } else if let Some(topic) = self.members.topic(audience) {
            let except = except.filter(|&client| self.members.is_member(client, topic));
            self.run.push(topic, message, except);
            if self.members.have_others() {
                self.run.mix();
            }
        }
    }

    pub(super) fn join_from(&mut self, join: JoinFrom) {
        let client = join.client;
        self.past();
        let Some(past) = &mut self.past else { return };
        let touched = &mut self.touched;
        let joined = past.join(join, &mut self.members, |outbox| touched.push_back(outbox));
        self.note_join(client, &joined);
    }

    pub(super) fn read(&mut self, read: Read) {
        let queue = self.queue.clone();
        self.past().read(read, &queue);
    }

    /// The thread of the route's file tells something.
    pub(super) fn hear_of_store(&mut self, news: News<Message>) {
        let bounds = self.bounds;
        self.past().hear(news, bounds);
    }

    /// What was asked of that thread is here.
    pub(super) fn fetched(&mut self, fetched: FromFile) {
        let queue = self.queue.clone();
        self.past().fetched(fetched, &queue);
    }

    /// The journals are in memory from now on.
    pub(super) fn leave_file(&mut self) {
        let bounds = self.bounds;
        if let Some(past) = &mut self.past {
            past.leave_file(bounds);
        }
    }

    /// The stream of the route tells something; nothing is collected for the members of any topic.
    pub(super) fn hear_of_stream(&mut self, news: StreamNews) {
        let bounds = self.bounds;
        self.past().hear_of_stream(news, bounds);
    }

    /// The stream was read up to an offset.
    pub(super) fn read_to(&mut self, offset: u64) {
        if let Some(past) = &mut self.past {
            past.journals.come_to(offset);
            past.come_to_those_ahead();
        }
    }

    /// From now on so much is kept.
    pub(super) fn bound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        if let Some(past) = &mut self.past {
            past.journals.set_bounds(bounds, now());
        }
    }

    pub(super) fn tidy(&mut self) {
        if let Some(past) = &mut self.past {
            past.journals.tidy(now());
        }
    }

    /// Clients that are on their way to be members of a topic.
    pub(super) fn count_behind(&self, topic: &Audience) -> u64 {
        match (&self.past, topic) {
            (Some(past), Audience::Topic(name)) => past.count(name),
            _ => 0,
        }
    }

    pub(super) fn leave(&mut self, client: ClientId, topic: &Audience) {
        if let (Some(past), Audience::Topic(name)) = (&mut self.past, topic) {
            past.leave(client, name);
        }
        self.members.leave(client, topic);
    }

    /// Takes note of how a join went.
    pub(super) fn note_join(&self, client: ClientId, joined: &Result<(), TooManyTopics>) {
        if *joined == Err(TooManyTopics { is_first: true }) {
            warn!(
                client = client.0;
                "client {client} is a member of {TOPICS_PER_CLIENT_MAX} topics, as many as it may be; it joins no further ones"
            );
        }
    }

    /// Whether somebody is behind who may be offered something.
    pub(super) fn has_somebody_behind(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.is_ready())
    }

    /// Gives out pieces, so many at most; true where it was left before.
    pub(super) fn feed(&mut self, mut pieces: usize, slice: &mut Slice) -> bool {
        while pieces > 0
            && let Some(past) = &mut self.past
            && past.is_ready()
        {
            let bytes = past.feed_next(&mut self.members, &self.queue);
            pieces -= 1;
            if !slice.goes_on(bytes) {
                self.walk = Some(Walk::Feeding { pieces });
                return true;
            }
        }
        self.end_round();
        false
    }
}
