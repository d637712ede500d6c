//! The thread `engine` of a route: what is in flight goes to Redis, in its order, and again where it is not known whether it
//! has arrived.
//!
//! Waits for something to send, and for Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Value, cmd};

use super::address::Address;
use super::condition::{Condition, Side};
use super::entry::{Packed, StreamId};
use super::flight::{Flight, Next};
use super::link::{Link, Trouble};
use super::progress::Progress;
use super::reach::reach;
use super::terms::WhenAway;
use super::top::{Known, error_in};
use crate::limits::{FLIGHT_LOOK, REDIS_RETRY_LEAST, REDIS_RETRY_MOST, STREAM_CATCH_UP};

pub(super) struct Writer {
    pub(super) when_away: WhenAway,
    pub(super) address: Address,
    pub(super) key: Arc<str>,
    pub(super) host: u64,
    /// Entries that the stream is to hold, at least.
    pub(super) most: u64,
    pub(super) flight: Arc<Flight>,
    pub(super) condition: Arc<Condition>,
    pub(super) progress: Arc<Progress>,
}

/// What has become of a batch.
enum Sent {
    Taken,
    /// The stream is not there any more, or counts in another epoch.
    Elsewhere,
}

impl Writer {
    pub(super) fn run(self) {
        let mut retry = REDIS_RETRY_LEAST;
        loop {
            let began = Instant::now();
            match self.session() {
                Ok(()) => return,
                Err(trouble) => self.set_away(&trouble),
            }
            self.progress.stir();
            if began.elapsed() > REDIS_RETRY_MOST {
                retry = REDIS_RETRY_LEAST;
            }
            let over = self.wait(retry);
            retry = (2 * retry).min(REDIS_RETRY_MOST);
            if over {
                return;
            }
        }
    }

    fn set_away(&self, trouble: &Trouble) {
        self.condition.set_away(Side::Writer, trouble);
        if self.when_away == WhenAway::Local {
            self.flight.go_alone();
        }
    }

    fn set_up(&self) {
        if self.condition.set_up(Side::Writer) {
            self.flight.go_together();
        }
    }

    /// Waits before the next try; true where there is to be none.
    fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            self.flight.give_up();
            let left = deadline.saturating_duration_since(Instant::now());
            if self.progress.wait_for_end(left.min(FLIGHT_LOOK)) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// One connection; returns when nothing is left to do.
    fn session(&self) -> Result<(), Trouble> {
        let mut link = reach(&self.address, &self.key, None)?;
        self.progress.set_instance(link.instance);
        self.condition.set_server(&link.name);
        loop {
            let known = Known {
                route: self.condition.route(),
                key: &self.key,
                host: self.host,
                last: self.progress.last(),
            };
            let end = known.end(&mut link)?;
            if !self.condition.is_in_trouble() {
                self.set_up();
                self.progress.stir();
            }
            if self.flight.send_again() {
                // What is there already is not sent again; whoever gets it twice hears it once.
                self.progress.wait_for(end, STREAM_CATCH_UP);
            }
            if self.serve(&mut link, end.epoch)? {
                return Ok(());
            }
        }
    }

    /// Sends what there is in this epoch; false where the end of the stream is to be looked at, true where nothing is left.
    fn serve(&self, link: &mut Link, epoch: u64) -> Result<bool, Trouble> {
        loop {
            self.flight.give_up();
            match self.flight.next() {
                Next::Over => return Ok(true),
                Next::Look => return Ok(false),
                Next::Nothing => self.set_up(),
                Next::Batch(batch) => match self.send(link, epoch, &batch)? {
                    // Not before: one that takes nothing may be looked at all the same.
                    Sent::Taken => self.set_up(),
                    Sent::Elsewhere => return Ok(false),
                },
            }
        }
    }

    /// All of a batch or nothing of it, so that no number comes before a smaller one.
    fn send(&self, link: &mut Link, epoch: u64, batch: &[Arc<Packed>]) -> Result<Sent, Trouble> {
        let is_single = batch.len() == 1;
        let mut commands = Vec::new();
        if !is_single {
            commands = cmd("MULTI").get_packed_command();
        }
        for packed in batch {
            packed.add(&mut commands, &self.key, self.most, epoch, link.instance);
        }
        if !is_single {
            commands.extend(cmd("EXEC").get_packed_command());
        }
        link.send(&commands)?;
        let mut answers = Vec::new();
        for _ in 0..if is_single { 1 } else { batch.len() + 2 } {
            answers.push(link.receive()?);
        }
        let ids = match answers.pop() {
            Some(Value::Array(ids)) => ids,
            Some(one) => vec![one],
            None => return Err(Trouble::Strange),
        };
        // Where one was refused before the transaction, the end only says that it was.
        if let Some(error) = answers.iter().chain(&ids).find_map(error_in) {
            return match &error {
                Trouble::Refused(why) if why.contains("equal or smaller") => Ok(Sent::Elsewhere),
                _ => Err(error),
            };
        }
        match ids.last() {
            Some(Value::Nil) => Ok(Sent::Elsewhere),
            Some(Value::BulkString(id)) => {
                let id = StreamId::parse(id).ok_or(Trouble::Strange)?;
                self.progress.note_taken(id);
                Ok(Sent::Taken)
            }
            _ => Err(Trouble::Strange),
        }
    }
}
