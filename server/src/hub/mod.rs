//! The thread `hub`: the one owner of who is here and who is a member of what; every broadcast.
//!
//! It works in rounds: it takes events as long as there are any, up to a bound, collects
//! consecutive broadcasts to one topic into a run, and then sends to each outbox that it touched
//! once. It never runs plugin code, never blocks but for the next event and, in a busy room, for a
//! millisecond at most in which more is said; it takes no lock that is held across a blocking call.
//! Knows outboxes; knows neither connections nor plugins.

mod event;
mod gather;
mod members;
mod run;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use log::warn;

use event::Inbox;
pub use event::{Audience, Event, HubHandle};

use crate::ids::{ClientId, RouteId};
use crate::limits::{ROUND_EVENTS_MAX, RUN_BYTES_MAX, TOPICS_PER_CLIENT_MAX};
use crate::outbox::Outbox;
use crate::outbox::cause::Cause;
use gather::Gathering;
use members::{Client, Members, TooManyTopics, TopicId};
use run::Run;

/// The running thread.
pub struct Hub {
    handle: HubHandle,
    thread: JoinHandle<()>,
}

impl Hub {
    /// Starts the thread, for clients whose ids are made for `capacity` slots.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(capacity: usize) -> io::Result<Hub> {
        let (handle, inbox) = HubHandle::pair();
        let rounds = Rounds {
            members: Members::new(capacity),
            run: Run::default(),
            touched: Vec::new(),
            is_touched: vec![false; capacity].into(),
            is_going: None,
            deliveries: 0,
            gathering: Gathering::default(),
        };
        let thread = thread::Builder::new()
            .name("hub".to_owned())
            .spawn(move || rounds.run(&inbox))?;
        Ok(Hub { handle, thread })
    }

    /// The way to it.
    pub fn handle(&self) -> HubHandle {
        self.handle.clone()
    }

    /// Ends the thread behind all events told so far, and waits for it.
    pub fn end(self) {
        self.handle.tell(Event::End);
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

/// State of the thread; nobody else sees it.
struct Rounds {
    members: Members,
    run: Run,
    /// Outboxes with frames of this round that are not flushed, each once.
    touched: Vec<(ClientId, Arc<Outbox>)>,
    /// By slot.
    is_touched: Box<[bool]>,
    /// Everyone was closed for this cause: who comes in late is too.
    is_going: Option<Cause>,
    /// Messages of this round, counted once for each member, in runs that are ended.
    deliveries: usize,
    gathering: Gathering,
}

impl Rounds {
    fn run(mut self, inbox: &Inbox) {
        let mut goes_on = true;
        while goes_on {
            goes_on = self.take(inbox.next());
            let mut count = 1;
            goes_on = goes_on && self.take_waiting(inbox, &mut count);
            if goes_on
                && self.has_something_to_send()
                && let Some(wait) = self.gathering.wait(count)
            {
                thread::sleep(wait);
                goes_on = self.take_waiting(inbox, &mut count);
            }
            self.end_round();
        }
    }

    /// Takes the events that are there, as far as a round may go; false for the last of all.
    fn take_waiting(&mut self, inbox: &Inbox, count: &mut usize) -> bool {
        while *count < ROUND_EVENTS_MAX
            && let Some(event) = inbox.try_next()
        {
            *count += 1;
            if !self.take(event) {
                return false;
            }
        }
        true
    }

    fn has_something_to_send(&self) -> bool {
        self.run.topic().is_some() || !self.touched.is_empty()
    }

    /// Takes one event; false for the last.
    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Publish {
                audience,
                frame,
                except,
            } => self.publish(&audience, &frame, except),
            Event::Send { client, frame } => self.send(client, frame),
            Event::Opened {
                client,
                route,
                outbox,
            } => {
                self.end_run_of(self.members.topic(&Audience::Everyone(route)));
                if let Some(cause) = &self.is_going {
                    outbox.close(cause.clone());
                }
                self.members.insert(client, route, outbox);
            }
            Event::Closed { client } => {
                self.end_run_if_member(client);
                self.members.remove(client);
            }
            Event::Join { client, topic } => {
                self.end_run_of(self.members.topic(&topic));
                if self.members.join(client, topic) == Err(TooManyTopics { is_first: true }) {
                    warn!(
                        "client {client} is a member of {TOPICS_PER_CLIENT_MAX} topics, as many as it may be; it joins no further ones"
                    );
                }
            }
            Event::Leave { client, topic } => {
                self.end_run_of(self.members.topic(&topic));
                self.members.leave(client, &topic);
            }
            Event::Close { client, cause } => {
                self.end_run_if_member(client);
                if let Some(client) = self.members.client(client) {
                    client.outbox.close(cause);
                }
            }
            Event::CloseAll { route, cause } => {
                self.end_run();
                self.close_all(route, &cause);
                if route.is_none() {
                    self.is_going = Some(cause);
                }
            }
            Event::Count { topic, reply } => {
                let topic = self.members.topic(&topic);
                let count = topic.map_or(0, |topic| self.members.members(topic).len() as u64);
                // Who asked may have been ended by a panic; there is room for the answer.
                reply.try_send(count).ok();
            }
            Event::End => return false,
        }
        true
    }

    fn publish(&mut self, audience: &Audience, frame: &[u8], except: Option<ClientId>) {
        let Some(topic) = self.members.topic(audience) else {
            return;
        };
        let is_same = self.run.topic().is_none_or(|running| running == topic);
        if !is_same || self.run.len() + frame.len() > RUN_BYTES_MAX {
            self.end_run();
        }
        let except = except.filter(|&client| self.members.is_member(client, topic));
        self.run.push(topic, frame, except);
    }

    fn send(&mut self, id: ClientId, frame: Vec<u8>) {
        let Some(client) = self.members.client(id) else {
            return;
        };
        if let Some(topic) = self.run.topic()
            && self.members.is_member(id, topic)
        {
            return self.run.insert(id, frame);
        }
        let outbox = client.outbox.clone();
        outbox.queue(&frame);
        self.touch(id, &outbox);
    }

    fn close_all(&self, route: Option<RouteId>, cause: &Cause) {
        let is_meant = |client: &&Client| route.is_none_or(|route| client.route == route);
        for client in self.members.clients().filter(is_meant) {
            client.outbox.close(cause.clone());
        }
    }

    /// Members of the run's topic are about to change: who comes later must not hear what was said
    /// before, who goes must.
    fn end_run_of(&mut self, topic: Option<TopicId>) {
        if topic.is_some() && self.run.topic() == topic {
            self.end_run();
        }
    }

    fn end_run_if_member(&mut self, client: ClientId) {
        if self
            .run
            .topic()
            .is_some_and(|topic| self.members.is_member(client, topic))
        {
            self.end_run();
        }
    }

    /// Queues the run at its members; the end of the round sends it together with what follows.
    fn end_run(&mut self) {
        let Some(topic) = self.run.topic() else {
            return;
        };
        for place in 0..self.members.members(topic).len() {
            let member = &self.members.members(topic)[place];
            let (client, outbox) = (member.client, member.outbox.clone());
            outbox.queue(&self.run.bytes_for(client));
            self.touch(client, &outbox);
        }
        self.deliveries += self.run.messages() * self.members.members(topic).len();
        self.run.clear();
    }

    fn touch(&mut self, client: ClientId, outbox: &Arc<Outbox>) {
        let slot = self.members.slot_of(client);
        if !self.is_touched[slot] {
            self.is_touched[slot] = true;
            self.touched.push((client, outbox.clone()));
        }
    }

    /// Sends the last run straight from where it was collected, then flushes what else was touched.
    fn end_round(&mut self) {
        let start = Instant::now();
        let mut sends = self.touched.len();
        if let Some(topic) = self.run.topic() {
            let members = self.members.members(topic);
            sends += members.len();
            self.deliveries += self.run.messages() * members.len();
            for member in members {
                member.outbox.deliver(&self.run.bytes_for(member.client));
            }
            self.run.clear();
        }
        for (client, outbox) in self.touched.drain(..) {
            let slot = self.members.slot_of(client);
            self.is_touched[slot] = false;
            outbox.flush();
        }
        let deliveries = std::mem::take(&mut self.deliveries);
        self.gathering.note(deliveries, sends, start.elapsed());
    }
}

#[cfg(test)]
mod tests;
