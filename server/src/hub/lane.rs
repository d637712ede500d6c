//! One route at the hub: its events in rounds, its members, the run that is being collected.
//!
//! Runs on the hub's thread, which works on one lane at a time and leaves it midway where its turn is over.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use super::event::Event;
use super::gather::Gathering;
use super::members::Members;
use super::message::{Audience, Message};
use super::past::Past;
use super::queue::{Queue, Taken};
use super::requests::Share;
use super::run::Run;
use super::slice::Slice;
use crate::counters::{COUNTERS, nanoseconds_since};
use crate::ids::ClientId;
use crate::journal::Bounds;
use crate::limits::{QUEUE_KEPT_EVENTS, ROUND_EVENTS_MAX};
use crate::outbox::Outbox;
use crate::outbox::cause::Cause;
use crate::outbox::encoding::Encoding;
use crate::outbox::shared::Frames;

/// What the hub has of one route.
pub(super) struct Lane {
    pub(super) queue: Arc<Queue>,
    pub(super) taken: Taken,
    /// Number of the last event that was taken.
    number: u64,
    /// Load of the events that are done with, which the queue has not been told of.
    done: u64,
    pub(super) members: Members,
    pub(super) run: Run,
    /// What is kept of its topics, and who is behind; none where nothing ever was.
    pub(super) past: Option<Box<Past>>,
    /// How much is kept.
    pub(super) bounds: Bounds,
    /// Where the hub says what it has to say, where other hosts are to hear it too.
    pub(super) share: Option<Share>,
    pub(super) walk: Option<Walk>,
    /// Outboxes with frames of this round that this lane has to flush, each once.
    pub(super) touched: VecDeque<Arc<Outbox>>,
    /// Events of this round.
    count: usize,
    has_gathered: bool,
    /// Rounds that have ended since they were last asked for, and how many nanoseconds the one under way was worked on before.
    ended_rounds: u32,
    spent: u64,
    /// A turn has ended within this round: what it has queued is to be sent before more is taken.
    is_late: bool,
    /// Nothing was taken since the last round has ended.
    is_settled: bool,
    /// Messages of this round that were sent, counted once for each member; outboxes that they left by, and how
    /// many nanoseconds that took.
    pub(super) deliveries: usize,
    pub(super) sends: usize,
    pub(super) sending: u64,
    gathering: Gathering,
    /// Everyone was closed for this cause: who comes late is too.
    pub(super) farewell: Option<Cause>,
    has_ended: bool,
}

/// A walk that is under way, and how far it is.
pub(super) enum Walk {
    /// The run is queued at its members: the end of the round sends it together with what follows.
    Queueing { at: usize },
    /// The run is sent to its members, straight from where it was collected; then comes
    /// [`Walk::Flushing`].
    Delivering { at: usize },
    /// What else was queued is sent, and the round ends.
    Flushing,
    /// Who is behind is given pieces, so many at most, and the round ends.
    Feeding { pieces: usize },
    /// Everyone is closed.
    Closing { at: usize, cause: Cause },
}

/// How a stretch of work on a lane has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was left, and has more to do.
    Left,
    /// It has something to send, and would wait for so long for more.
    Gathers(Duration),
    /// Nothing is left to do.
    Done,
    /// Its route has ended.
    Ended,
}

impl Lane {
    pub(super) fn new(queue: Arc<Queue>) -> Lane {
        Lane {
            queue,
            taken: Taken::default(),
            number: 0,
            done: 0,
            members: Members::default(),
            run: Run::default(),
            past: None,
            bounds: Bounds::default(),
            share: None,
            walk: None,
            touched: VecDeque::new(),
            count: 0,
            has_gathered: false,
            ended_rounds: 0,
            spent: 0,
            is_late: false,
            is_settled: false,
            deliveries: 0,
            sends: 0,
            sending: 0,
            gathering: Gathering::default(),
            farewell: None,
            has_ended: false,
        }
    }

    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Works until nothing is left to do or `slice` says so; calls `on_left` for each client that is gone.
    pub(super) fn work(&mut self, slice: &mut Slice, on_left: &dyn Fn(ClientId)) -> Outcome {
        loop {
            if !self.walk_on(slice) {
                self.is_late |= slice.is_over();
                self.queue.give_back(&mut self.done);
                return Outcome::Left;
            }
            if self.is_late && !self.touched.is_empty() {
                // What was queued in this round has waited for a turn already.
                self.walk = Some(Walk::Delivering { at: 0 });
                continue;
            }
            if self.has_ended_round() {
                // Who rests looks into the queue once more.
                return self.outcome();
            }
            let Some(event) = self.next_event() else {
                self.settle();
                if !self.has_something_to_send() {
                    self.end_round();
                    return self.outcome();
                }
                if let Some(wait) = self.wait_for_more() {
                    return Outcome::Gathers(wait);
                }
                self.walk = Some(Walk::Delivering { at: 0 });
                continue;
            };
            if let Some(walk) = self.walk_before(&event) {
                self.walk = Some(walk);
                self.taken.events.push_front(event);
                continue;
            }
            if self.say_last_word(&event) {
                // What it has said stands in the run, which the end itself comes behind.
                self.taken.events.push_front(event);
                continue;
            }
            self.take(event, on_left);
            if self.count >= ROUND_EVENTS_MAX {
                self.walk = self.walk.take().or(Some(Walk::Delivering { at: 0 }));
            } else if !slice.goes_on(0) {
                self.settle();
                self.is_late |= slice.is_over();
                self.queue.give_back(&mut self.done);
                return Outcome::Left;
            }
        }
    }

    fn next_event(&mut self) -> Option<Event> {
        if self.taken.events.is_empty() && !self.has_ended {
            self.queue.exchange(&mut self.done, &mut self.taken);
            self.note_ahead();
        }
        self.taken.events.pop_front()
    }

    fn has_something_to_send(&self) -> bool {
        self.run.topic().is_some() || !self.touched.is_empty() || self.has_somebody_behind()
    }

    /// How long to wait for more before this round is sent; once in a round.
    fn wait_for_more(&mut self) -> Option<Duration> {
        if std::mem::replace(&mut self.has_gathered, true) || self.has_ended {
            return None;
        }
        self.gathering.wait(self.count)
    }

    /// Whether all that was taken has been sent, and nothing more was taken.
    fn has_ended_round(&self) -> bool {
        self.is_settled && self.taken.events.is_empty() && !self.has_somebody_behind()
    }

    fn outcome(&self) -> Outcome {
        if self.has_ended {
            Outcome::Ended
        } else {
            Outcome::Done
        }
    }

    /// Everything that was taken stands in the outboxes.
    pub(super) fn end_round(&mut self) {
        self.queue.settle(self.number);
        self.is_settled = true;
        self.is_late = false;
        self.ended_rounds += 1;
        if let Some(past) = &mut self.past {
            let figures = past.journals.figures();
            past.account.set(figures.bytes as usize);
            self.queue.counts().hub.journal.set(figures);
        }
        COUNTERS.hub.rounds.add(1);
        COUNTERS.hub.events.add(self.count as u64);
        self.count = 0;
        self.has_gathered = false;
        let (deliveries, sends) = (take(&mut self.deliveries), take(&mut self.sends));
        self.gathering
            .note(deliveries, sends, take(&mut self.sending));
    }

    /// It was worked on for so many nanoseconds, where that is measured: rounds that have ended meanwhile have taken equal
    /// parts of it.
    pub(super) fn note_work(&mut self, nanoseconds: u64) {
        let ended = take(&mut self.ended_rounds);
        let rounds = &self.queue.counts().hub.rounds;
        // As nearly always, and without a division.
        if ended == 1 && self.spent == 0 {
            return rounds.add(nanoseconds);
        }
        self.spent += nanoseconds;
        if let Some(each) = self.spent.checked_div(ended.into()) {
            self.spent = 0;
            rounds.add_for(each, ended.into());
        }
    }

    /// Whether it will not be worked on before its queue is listed again; false where it has more to do.
    pub(super) fn rests(&mut self) -> bool {
        self.is_settled = false;
        let has_more = self.queue.exchange_or_rest(&mut self.done, &mut self.taken);
        if has_more {
            self.note_ahead();
        } else {
            self.taken.events.shrink_to(QUEUE_KEPT_EVENTS);
            self.touched.shrink_to(QUEUE_KEPT_EVENTS);
            self.run.shrink();
            if let Some(past) = &mut self.past {
                past.shrink();
            }
        }
        !has_more
    }

    fn take(&mut self, event: Event, on_left: &dyn Fn(ClientId)) {
        self.is_settled = false;
        self.count += 1;
        self.number += 1;
        if let Some(posted_at) = self.taken.posted_at(self.number) {
            self.queue
                .counts()
                .hub
                .waits
                .add(nanoseconds_since(posted_at));
        }
        self.done += event.load();
        if !matches!(
            event,
            Event::Publish { .. } | Event::Local { .. } | Event::Keep(_) | Event::Send { .. }
        ) {
            self.settle();
        }
        match event {
            Event::Publish {
                audience,
                message,
                except,
            } => self.publish(&audience, message, except),
            Event::Local {
                number,
                audience,
                message,
                except,
            } => {
                self.members.newcomers.note_said(number);
                self.publish(&audience, message, except);
            }
            Event::Late(late) => self.hear_late(*late),
            Event::Send { client, message } => self.send(client, message),
            Event::FromAfar { client } => self.count_unless_here(client),
            Event::Opened { client, outbox } => {
                if let Some(cause) = &self.farewell {
                    outbox.close(cause.clone());
                }
                let encoding = outbox.encoding();
                self.members.insert(client, outbox);
                self.note_need(encoding);
            }
            Event::Closed { client } => {
                if let Some(past) = &mut self.past {
                    past.forget(client);
                }
                let outbox = self.members.outbox(client);
                let encoding = outbox.map(|outbox| outbox.encoding());
                self.members.remove(client);
                self.note_need(encoding.unwrap_or_default());
                on_left(client);
            }
            Event::Join { client, topic } => self.join(client, topic),
            Event::Leave { client, topic } => self.leave(client, &topic),
            Event::Keep(keep) => self.keep(*keep),
            Event::JoinFrom(join) => self.join_from(*join),
            Event::JoinTold(told) => self.join_told(*told),
            Event::Read(read) => self.read(*read),
            Event::Store(news) => self.hear_of_store(*news),
            Event::Fetched(fetched) => self.fetched(*fetched),
            Event::LeaveFile => self.leave_file(),
            Event::Bound { bounds } => self.bound(bounds),
            Event::HasRoom { client } => {
                if let Some(past) = &mut self.past {
                    past.has_room(client);
                }
            }
            Event::Tidy => self.tidy(),
            Event::Share(share) => self.share = Some(share),
            Event::Stream(news) => self.hear_of_stream(news),
            Event::ReadTo { offset } => self.read_to(offset),
            Event::Close { client, cause } => {
                if let Some(outbox) = self.members.outbox(client) {
                    outbox.close(cause);
                }
            }
            Event::Label { client, label } => {
                if let Some(outbox) = self.members.outbox(client) {
                    outbox.set_label(label);
                }
            }
            Event::CloseAll { cause } => self.walk = Some(Walk::Closing { at: 0, cause }),
            Event::Farewell { cause } => {
                self.farewell = Some(cause.clone());
                self.walk = Some(Walk::Closing { at: 0, cause });
            }
            Event::Count { topic, reply } => {
                let count = self.members.count(&topic) + self.count_behind(&topic);
                // Who asked may have been ended by a panic; there is room for the answer.
                reply.try_send(count).ok();
            }
            Event::List { topic, most, reply } => {
                // As above.
                reply.try_send(self.list(&topic, most)).ok();
            }
            Event::End => {
                self.has_ended = true;
                self.leave_file();
                self.taken.events.clear();
                self.queue.end();
            }
        }
    }

    pub(super) fn send(&mut self, id: ClientId, mut message: Message) {
        if let Some(past) = &mut self.past {
            match past.hold(id, message) {
                Some(of_one_who_is_not_behind) => message = of_one_who_is_not_behind,
                None => return,
            }
        }
        let Some(outbox) = self.members.outbox(id) else {
            return;
        };
        if let Some(topic) = self.run.topic()
            && self.members.is_member(id, topic)
        {
            self.run.insert(id, &message, outbox.encoding());
            return;
        }
        let bytes = message.in_encoding(outbox.encoding());
        self.queue.count_deliveries(1, bytes.len() as u64);
        if outbox.queue_to_flush(Frames::copied(&bytes)) {
            self.touched.push_back(outbox.clone());
        }
    }

    /// What another host has for a client that is not here any more, or is said goodbye to, reaches nobody.
    fn count_unless_here(&self, client: ClientId) {
        let outbox = self.members.outbox(client);
        if outbox.is_none_or(|outbox| outbox.is_closing())
            && let Some(engine) = self.queue.counts().engine()
        {
            engine.undelivered.add(1);
        }
    }

    /// One who is written to in this encoding has come or gone: tells publishers what they are to compress for.
    fn note_need(&self, encoding: Encoding) {
        if let Some(need) = encoding.need() {
            let is_needed = self.members.have(need);
            self.queue.demand().set(need, is_needed);
        }
    }

    fn join(&mut self, client: ClientId, topic: Audience) {
        if let (Some(past), Audience::Topic(name)) = (&self.past, &topic)
            && past.is_behind_in(client, name)
        {
            return;
        }
        let joined = self.members.join(client, topic);
        self.note_join(client, &joined);
    }
}

#[cfg(test)]
mod tests;
