//! The thread `engine-in` of a route: what stands in the stream goes to the hub, in its order, whoever has said it.
//!
//! Waits for Redis, and for the hub where its queue is full: so Redis holds what a busy hub has not come to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{debug, warn};
use redis::{Cmd, Value};

use super::address::Address;
use super::arrival::{Arrivals, position};
use super::condition::{Condition, Side};
use super::entry::Entry;
use super::flight::Flight;
use super::gap::TellGap;
use super::link::{Link, Trouble};
use super::progress::Progress;
use super::reach::reach;
use super::terms::WhenAway;
use super::top::last_entry;
use crate::hub::{Event, RouteHandle};
use crate::limits::{
    FLIGHT_LOOK, REDIS_RETRY_LEAST, REDIS_RETRY_MOST, STREAM_BLOCK, STREAM_READ_BYTES,
    STREAM_READ_ENTRIES,
};

pub(super) struct Reader {
    pub(super) when_away: WhenAway,
    pub(super) address: Address,
    pub(super) key: Arc<str>,
    pub(super) hub: RouteHandle,
    pub(super) flight: Arc<Flight>,
    pub(super) condition: Arc<Condition>,
    pub(super) progress: Arc<Progress>,
    pub(super) arrivals: Arrivals,
    pub(super) tell_gap: TellGap,
    /// Entries that are asked for at once.
    pub(super) count: usize,
    /// When it was looked last for what has waited for too long.
    pub(super) looked: Instant,
}

impl Reader {
    pub(super) fn run(mut self) {
        let mut retry = REDIS_RETRY_LEAST;
        while !self.progress.is_ending() {
            self.give_up();
            let mut has_read = false;
            if let Err(trouble) = self.session(&mut has_read) {
                self.condition.set_away(Side::Reader, &trouble);
                if self.when_away == WhenAway::Local {
                    self.flight.go_alone();
                }
                self.progress.stir();
            }
            retry = match has_read {
                true => REDIS_RETRY_LEAST,
                false => (2 * retry).min(REDIS_RETRY_MOST),
            };
            self.progress.wait_for_end(retry);
        }
    }

    /// One connection; returns at the end, or where another Redis is to be read.
    fn session(&mut self, has_read: &mut bool) -> Result<(), Trouble> {
        // Where the other thread is: what it puts in is to be read.
        let mut link = reach(&self.address, &self.key, self.progress.instance())?;
        // The first look does not wait, so that whoever waits for the start knows that all was read.
        let mut block = None;
        let mut has_looked = false;
        while !self.progress.is_ending() {
            self.give_up();
            let entries = self.read(&mut link, block)?;
            *has_read = true;
            if self.condition.set_up(Side::Reader) {
                self.flight.go_together();
            }
            block = Some(STREAM_BLOCK);
            if entries.is_empty() {
                self.look(&mut link, !has_looked)?;
                has_looked = true;
            } else {
                let is_all = entries.len() < self.count;
                self.count = next_count(&entries, self.count);
                self.take(entries);
                if is_all {
                    self.arrivals.is_history = false;
                    self.progress.note_all_read();
                } else {
                    block = None;
                }
            }
            // Waits where the hub's queue is full.
            let offset = self.arrivals.last().offset;
            self.hub.post(Event::ReadTo { offset });
            if self
                .progress
                .instance()
                .is_some_and(|of| of != link.instance)
            {
                debug!(
                    "route {}: the stream is read from another Redis now",
                    self.condition.route()
                );
                // One of the two connections is to one that has ended, and nobody may say anything by which that is noticed.
                self.flight.look();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Gives up what has waited for too long. The other thread does that too, but may be held up for long by what it sends
    /// where the way to Redis is slow.
    fn give_up(&mut self) {
        if self.looked.elapsed() >= FLIGHT_LOOK {
            self.flight.give_up();
            self.looked = Instant::now();
        }
    }

    /// What stands behind what was read; waits for it for so long where there is nothing.
    fn read(&self, link: &mut Link, block: Option<Duration>) -> Result<Vec<Entry>, Trouble> {
        let mut command = Cmd::new();
        command.arg("XREAD").arg("COUNT").arg(self.count);
        if let Some(block) = block {
            command.arg("BLOCK").arg(block.as_millis() as u64);
        }
        let from = self.arrivals.last().to_string();
        command.arg("STREAMS").arg(&*self.key).arg(from);
        let streams = match link.ask(&command)? {
            Value::Nil => return Ok(Vec::new()),
            Value::Array(streams) => streams,
            _ => return Err(Trouble::Strange),
        };
        let Some(Value::Array(stream)) = streams.into_iter().next() else {
            return Err(Trouble::Strange);
        };
        let Some(Value::Array(entries)) = stream.into_iter().nth(1) else {
            return Err(Trouble::Strange);
        };
        let entries = entries.into_iter().map(Entry::read);
        entries.collect::<Option<_>>().ok_or(Trouble::Strange)
    }

    /// Nothing comes: is the stream still there, as far as it was read? That is asked once a connection, since the last entry
    /// may be large; what one Redis has it loses as a whole, if at all, and so later it is enough to ask how much there is.
    fn look(&self, link: &mut Link, is_first: bool) -> Result<(), Trouble> {
        let is_there = if is_first {
            let last = self.arrivals.last();
            last_entry(link, &self.key)?.is_some_and(|entry| entry.id >= last)
        } else {
            link.ask(redis::cmd("XLEN").arg(&*self.key))? != Value::Int(0)
        };
        if !is_there {
            // The other thread finds out, and begins an epoch.
            self.flight.look();
        }
        Ok(())
    }

    fn take(&mut self, entries: Vec<Entry>) {
        let mut arrived = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(lost) = self.arrivals.take(entry, &mut arrived) {
                let route = self.condition.route();
                warn!("route {route}: {lost}");
            }
        }
        let arrivals = &self.arrivals;
        let last = position(arrivals.last());
        self.flight.arrive(arrived, last, |body, position| {
            arrivals.plain_message(body, position)
        });
        if let Some(gap) = self.arrivals.take_gap() {
            // Behind the end of the clients, so that none of them hears what the plugin says then.
            (self.tell_gap)(gap);
        }
        self.progress.note_read(self.arrivals.last());
        self.condition.counts.state.lock().position = self.arrivals.last().to_string();
    }
}

/// How many entries are asked for next, where these have come: as many of their size as are read at once.
fn next_count(entries: &[Entry], count: usize) -> usize {
    let payloads = entries.iter().filter_map(|entry| entry.body.as_ref());
    let bytes: usize = payloads.map(|body| body.payload.len()).sum();
    let each = bytes / entries.len().max(1) + 1;
    let fitting = STREAM_READ_BYTES / each;
    fitting.min(4 * count).clamp(1, STREAM_READ_ENTRIES)
}
