//! The hub's work with a route's file: what it asks for, what comes, and what it is told.
//!
//! The hub's thread asks and goes on; the file's thread answers by an event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use log::info;

use super::Past;
use super::behind::{File, Piece};
use crate::counters::COUNTERS;
use crate::hub::event::{Event, FromFile};
use crate::hub::message::Message;
use crate::hub::queue::Queue;
use crate::hub::requests::Read;
use crate::ids::ClientId;
use crate::journal::store::{Fetched, From, News};
use crate::journal::{Bounds, Journals, Start};
use crate::limits::{DURABLE_WAIT, FETCHES_MAX, FETCHES_SWEEP};
use crate::outbox::cause::{Cause, TRY_AGAIN};

/// What is asked of the file.
#[derive(Default)]
pub(super) struct Fetches {
    /// Number of the last one.
    last: u64,
    waiting: VecDeque<Fetch>,
    /// Where so many wait, those are dropped that nobody waits for any more.
    sweep_at: usize,
    under_way: Vec<(u64, For)>,
}

struct Fetch {
    number: u64,
    asked: Instant,
    topic: Box<str>,
    from: From,
    most: (usize, usize),
    of: For,
}

/// For whom.
pub(super) enum For {
    /// A client that is behind in a topic.
    Client(ClientId, Box<str>),
    /// Who reads, with what was found out already.
    Reader(Box<(Read, Start)>),
}

impl Past {
    /// Asks for a piece of a topic, so many messages and bytes at most; gives the number under which it comes.
    pub(super) fn ask(
        &mut self,
        topic: Box<str>,
        from: From,
        most: (usize, usize),
        of: For,
        queue: &Arc<Queue>,
    ) -> u64 {
        if self.fetches.waiting.len() >= self.fetches.sweep_at.max(FETCHES_SWEEP) {
            self.drop_unwanted(&of);
        }
        self.fetches.last += 1;
        let number = self.fetches.last;
        self.fetches.waiting.push_back(Fetch {
            number,
            asked: Instant::now(),
            topic,
            from,
            most,
            of,
        });
        self.ask_more(queue);
        number
    }

    /// A disk that stands still holds up those who come and go, and what they have asked for must not add up. The
    /// one who asks just now may be out of the table, and is let alone.
    fn drop_unwanted(&mut self, asking: &For) {
        let (behind, now) = (&self.behind, Instant::now());
        let is_wanted = |fetch: &Fetch| match (&fetch.of, asking) {
            (For::Client(client, _), For::Client(asking, _)) if client == asking => true,
            (For::Client(client, _), _) => behind.get(client).is_some_and(|behind| {
                let mut files = behind.topics.iter().map(|standing| &standing.file);
                files.any(|file| matches!(file, File::Asked(number) if *number == fetch.number))
            }),
            // So long is waited for a disk.
            (For::Reader(_), _) => now.duration_since(fetch.asked) <= DURABLE_WAIT,
        };
        self.fetches.waiting.retain(is_wanted);
        self.fetches.sweep_at = 2 * self.fetches.waiting.len();
    }

    fn ask_more(&mut self, queue: &Arc<Queue>) {
        while self.fetches.under_way.len() < FETCHES_MAX
            && let Some(fetch) = self.fetches.waiting.pop_front()
        {
            let number = fetch.number;
            self.fetches.under_way.push((number, fetch.of));
            let queue = queue.clone();
            let deliver = Box::new(move |fetched| {
                queue.post(Event::Fetched(Box::new(FromFile { number, fetched })));
            });
            self.journals
                .fetch(&fetch.topic, fetch.from, fetch.most, deliver);
        }
    }

    /// What was asked for is here.
    pub(in crate::hub) fn fetched(&mut self, from_file: FromFile, queue: &Arc<Queue>) {
        let FromFile { number, fetched } = from_file;
        let under_way = &mut self.fetches.under_way;
        let found = under_way.iter().position(|(of, _)| *of == number);
        let Some(index) = found else { return };
        let (_, of) = under_way.swap_remove(index);
        match of {
            For::Client(client, topic) => self.give(client, &topic, number, fetched),
            For::Reader(reader) => {
                let (read, start) = *reader;
                self.read_on(&read, &start, fetched);
            }
        }
        self.ask_more(queue);
    }

    fn give(&mut self, client: ClientId, topic: &str, number: u64, fetched: Fetched<Message>) {
        let Some(behind) = self.behind.get_mut(&client) else {
            return;
        };
        let outbox = behind.outbox.clone();
        let is_asked = |file: &File| matches!(file, File::Asked(asked) if *asked == number);
        let mut standings = behind.topics.iter_mut();
        let found = standings.find(|of| *of.topic == *topic && is_asked(&of.file));
        let Some(standing) = found else { return };
        standing.file = match fetched {
            Fetched::LetGo | Fetched::Unreadable => File::Lost,
            Fetched::Lines {
                begin,
                lines,
                through,
                has_more,
            } => {
                if standing.beginning.is_some() {
                    standing.begin(self.journals.position(begin), &outbox);
                }
                File::Piece(Piece {
                    begin,
                    through,
                    lines,
                    has_more,
                })
            }
        };
        self.has_room(client);
    }

    /// The file's thread tells something.
    pub(in crate::hub) fn hear(&mut self, news: News<Message>, bounds: Bounds) {
        match news {
            News::Opened(opened) => self.begin_anew(Journals::in_file(*opened, bounds)),
            News::LetGo {
                opening,
                topic,
                from,
            } if self.journals.is_of_opening(opening) => self.journals.note_let_go(&topic, from),
            News::Lost { opening, topics } if self.journals.is_of_opening(opening) => {
                for (topic, first, last) in topics {
                    self.journals.note_lost(&topic, first, last);
                }
            }
            News::LetGo { .. } | News::Lost { .. } => {}
        }
    }

    /// The route has ended, or has no file any more.
    pub(in crate::hub) fn leave_file(&mut self, bounds: Bounds) {
        if self.journals.are_in_file() {
            self.journals.close();
            self.begin_anew(Journals::new(bounds));
        }
    }

    /// From now on is counted elsewhere: who is behind cannot get the rest.
    pub(super) fn begin_anew(&mut self, journals: Journals<Message>) {
        self.journals = journals;
        self.fetches.waiting.clear();
        self.fetches.under_way.clear();
        self.ready.clear();
        for (_, behind) in self.behind.drain() {
            let text = "what it has missed is kept elsewhere now: come back";
            info!("{}: {text}; closed with {TRY_AGAIN}", behind.outbox.name());
            COUNTERS.hub.lost.add(1);
            behind.outbox.set_behind(false);
            behind.outbox.close(Cause::server(TRY_AGAIN, text));
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) mod news_tests;
