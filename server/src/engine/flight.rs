//! What this host has said on a route and has not come back by the stream yet, in the order in which it was said; and what
//! waits behind it.
//!
//! Any thread puts in, the hub's too; the thread `engine` sends, the thread `engine-in` takes out. The lock is held for moves of
//! memory, and while the hub's queue takes what is due, which never waits: so nobody overtakes what a thread has said before.
//! Nothing is compressed under it.
//!
//! Where Redis is away and [`WhenAway::Local`](super::WhenAway) holds, the route is alone: what is in flight, and what is put in
//! from then on, goes to the hub at once, and stays in flight until it has come back. Then it has its place, and only those hear
//! it who have come since (`Event::Late`): [`alone`].

mod alone;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use log::warn;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::condition::Condition;
use super::entry::{Meta, Packed};
use crate::counters::nanoseconds_since;
use crate::hub::{Event, RouteHandle};
use crate::journal::Position;
use crate::limits::memory::{Account, Part};
use crate::limits::{
    EVENT_LOAD_LEAST, FLIGHT_BATCH_BYTES, FLIGHT_BATCH_ENTRIES, FLIGHT_BYTES_MAX, FLIGHT_LOOK,
    FLIGHT_LOOK_IDLE, FLIGHT_URGENT_FACTOR,
};

/// Why something was not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Redis has been away for longer than anybody waits.
    #[error("Redis is away, and with it the other hosts: nothing was said")]
    Away,
    /// It was sent, perhaps, and has not come back in time.
    #[error("Redis has not given it back in time: it may be heard, or not")]
    Late,
    /// More is on its way than may be.
    #[error("Redis does not keep up: nothing was said")]
    Full,
    /// The route has ended.
    #[error("the route has ended")]
    Over,
}

/// Told what has become of a message.
pub type Told = Box<dyn FnOnce(Result<(), Refused>) + Send>;

/// Shared by publishers and the two threads.
pub(super) struct Flight {
    hub: RouteHandle,
    condition: Arc<Condition>,
    /// For so long it is waited for Redis.
    wait: Duration,
    state: Mutex<State>,
    /// Signalled where there is room again, or nobody is to wait any more.
    room: Condvar,
    /// Signalled where there is something to send.
    bell: Condvar,
    /// Number of the last message that has come back or was given up, and the hub's of what was posted then.
    back: AtomicU64,
    posted: AtomicU64,
}

struct State {
    /// The oldest first; each has the number behind the one before it.
    messages: VecDeque<InFlight>,
    /// Number of the first, or of the next where there is none.
    first: u64,
    /// So many of them were sent by the connection of now.
    sent: usize,
    bytes: u64,
    account: Account,
    /// The last entry of the stream that was read.
    read: Option<Position>,
    /// Redis is away, and what is said is heard here without it.
    is_alone: bool,
    /// So many were heard here so, and the number of the last that was.
    alone: u64,
    last_alone: u64,
    /// The stream's end is to be looked at before anything is sent.
    must_look: bool,
    /// Nothing is taken any more.
    is_over: bool,
}

struct InFlight {
    packed: Arc<Packed>,
    /// What the hub gets when it is back.
    event: Option<Event>,
    /// It was heard here alone, as this one of those that were.
    alone: Option<u64>,
    /// Who has said it wants to know that Redis has it.
    is_durable: bool,
    since: Instant,
    /// Whether it was ever sent.
    was_sent: bool,
    load: u64,
    /// What its thread has said behind it.
    behind: Vec<Event>,
    told: Option<Told>,
}

/// What is to be sent next.
pub(super) enum Next {
    Batch(Vec<Arc<Packed>>),
    /// The stream's end is to be looked at.
    Look,
    /// Nothing for now.
    Nothing,
    /// Nothing ever.
    Over,
}

/// How a message is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Who says it waits for room.
    Patient,
    /// Nobody waits: a message for which there is no room is refused.
    Urgent,
}

/// One entry of the stream on its way to the hub.
pub(super) enum Arrived {
    /// Of this run, by its number; what it is where it was given up meanwhile.
    Own {
        number: u64,
        position: Position,
        body: Box<(Meta, Vec<u8>)>,
    },
    /// Of another, or news.
    Other(Event),
}

impl Flight {
    pub(super) fn new(hub: RouteHandle, condition: Arc<Condition>, wait: Duration) -> Flight {
        Flight {
            hub,
            condition,
            wait,
            state: Mutex::new(State {
                messages: VecDeque::new(),
                first: 1,
                sent: 0,
                bytes: 0,
                read: None,
                is_alone: false,
                alone: 0,
                last_alone: 0,
                account: Account::new(Part::Queues),
                must_look: false,
                is_over: false,
            }),
            room: Condvar::new(),
            bell: Condvar::new(),
            back: AtomicU64::new(0),
            posted: AtomicU64::new(0),
        }
    }

    /// Puts a message in, as the hub gets it and as Redis does; gives its number. A patient one waits for room, as long as
    /// anybody waits for Redis; woken by what comes back. Where Redis is away a durable one is not taken, even if what is
    /// said is heard without it.
    ///
    /// # Errors
    /// It is not taken.
    pub(super) fn put(
        &self,
        event: Event,
        mut packed: Packed,
        told: Option<Told>,
        manner: Manner,
        is_durable: bool,
    ) -> Result<u64, Refused> {
        let load = event.bytes() + packed.bytes() as u64;
        let load = load.max(EVENT_LOAD_LEAST);
        let mut state = self.state.lock();
        let room = match self.wait_for_room(&mut state, load, manner) {
            Ok(()) if state.is_alone && is_durable => Err(Refused::Away),
            room => room,
        };
        if let Err(refused) = room {
            drop(state);
            self.condition.counts.refused.add(1);
            if let Some(told) = told {
                told(Err(refused));
            }
            return Err(refused);
        }
        let number = state.first + state.messages.len() as u64;
        packed.set_number(number);
        state.messages.push_back(InFlight {
            packed: Arc::new(packed),
            event: Some(event),
            alone: None,
            is_durable,
            since: Instant::now(),
            was_sent: false,
            load,
            behind: Vec::new(),
            told,
        });
        self.count(&mut state, load, 0);
        if state.is_alone {
            self.hear_alone(state, number);
            return Ok(number);
        }
        drop(state);
        self.bell.notify_one();
        Ok(number)
    }

    fn wait_for_room(
        &self,
        state: &mut MutexGuard<'_, State>,
        bytes: u64,
        manner: Manner,
    ) -> Result<(), Refused> {
        let deadline = Instant::now() + self.wait;
        loop {
            if state.is_over {
                return Err(Refused::Over);
            }
            if state.is_alone {
                // It waits until Redis is back, however long that is, and nobody waits for that.
                let most = FLIGHT_URGENT_FACTOR * FLIGHT_BYTES_MAX;
                let has_room = state.bytes + bytes <= most;
                return has_room.then_some(()).ok_or(Refused::Away);
            }
            let away = self.condition.away_since();
            if away.is_some_and(|since| since.elapsed() >= self.wait) {
                return Err(Refused::Away);
            }
            let most = match manner {
                Manner::Patient => FLIGHT_BYTES_MAX,
                Manner::Urgent => FLIGHT_URGENT_FACTOR * FLIGHT_BYTES_MAX,
            };
            if state.bytes == 0 || state.bytes + bytes <= most {
                return Ok(());
            }
            if manner == Manner::Urgent || Instant::now() >= deadline {
                return Err(Refused::Full);
            }
            self.room.wait_until(state, deadline);
        }
    }

    /// Puts what a thread says behind its message of this number; gives it back where that has come back. A patient one waits
    /// while too much is in flight; woken by what comes back. An urgent one is put in at once: its memory is bounded elsewhere.
    pub(super) fn put_behind(&self, number: u64, event: Event, manner: Manner) -> Option<Event> {
        let mut state = self.state.lock();
        let is_patient = manner == Manner::Patient;
        // What is in flight goes out or is given up in time, and this with it.
        while is_patient
            && state.bytes > FLIGHT_BYTES_MAX
            && !self.is_back(number)
            && !state.is_over
        {
            self.room.wait_for(&mut state, FLIGHT_LOOK);
        }
        if self.is_back(number) {
            return Some(event);
        }
        let Some(at) = number.checked_sub(state.first) else {
            return Some(event);
        };
        let load = event.bytes().max(EVENT_LOAD_LEAST);
        match state.messages.get_mut(at as usize) {
            Some(message) => {
                message.load += load;
                message.behind.push(event);
                self.count(&mut state, load, 0);
                None
            }
            None => Some(event),
        }
    }

    /// Whether everything up to this number, and what stood behind it, stands in the outboxes.
    pub(super) fn has_settled(&self, number: u64) -> bool {
        self.is_back(number) && self.hub.has_settled(self.posted.load(Ordering::Acquire))
    }

    /// Whether it has come back, was given up, or is heard here all the same.
    pub(super) fn is_back(&self, number: u64) -> bool {
        self.back.load(Ordering::Acquire) >= number
    }

    /// The thread `engine`: what it is to send; waits a moment for it.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state.lock();
        if state.sent == state.messages.len() && !state.must_look && !state.is_over {
            // Where something is on its way, it is to be given up in time.
            let time = match state.messages.is_empty() {
                true => FLIGHT_LOOK_IDLE,
                false => FLIGHT_LOOK,
            };
            self.bell.wait_for(&mut state, time);
        }
        if std::mem::take(&mut state.must_look) {
            return Next::Look;
        }
        let (sent, mut bytes) = (state.sent, 0);
        let mut batch = Vec::new();
        for message in state.messages.range_mut(sent..) {
            bytes += message.packed.bytes();
            if !batch.is_empty() && bytes > FLIGHT_BATCH_BYTES {
                break;
            }
            message.was_sent = true;
            batch.push(message.packed.clone());
            if batch.len() == FLIGHT_BATCH_ENTRIES {
                break;
            }
        }
        state.sent += batch.len();
        match batch.is_empty() {
            false => Next::Batch(batch),
            true if state.is_over => Next::Over,
            true => Next::Nothing,
        }
    }

    /// The thread `engine`: from here on everything is sent again that has not come back. Whether anything was sent.
    pub(super) fn send_again(&self) -> bool {
        let mut state = self.state.lock();
        state.sent = 0;
        state.messages.iter().any(|message| message.was_sent)
    }

    /// Either thread: gives up what has waited for too long, but for what is heard here. What waits behind it goes on
    /// without.
    pub(super) fn give_up(&self) {
        let mut state = self.state.lock();
        let (mut events, mut told) = (Vec::new(), Vec::new());
        while let Some(message) = state.messages.front()
            && message.alone.is_none()
            && message.since.elapsed() >= self.wait
        {
            if let Some(message) = self.pop(&mut state, &mut events) {
                let refused = match message.was_sent {
                    true => Refused::Late,
                    false => Refused::Away,
                };
                told.push((message.told, refused));
            }
        }
        if told.is_empty() {
            return;
        }
        self.post(&state, events);
        drop(state);
        self.room.notify_all();
        let (route, count) = (self.condition.route(), told.len());
        self.condition.counts.refused.add(count as u64);
        warn!(
            "route {route}: {count} messages have waited for Redis for too long and are given up"
        );
        for (told, refused) in told {
            if let Some(told) = told {
                told(Err(refused));
            }
        }
    }

    /// The thread `engine-in`: entries of the stream in their order, up to the one at `last`. Never waits.
    /// `read` makes a message out of what stands there, under the lock: without compressing it.
    pub(super) fn arrive(
        &self,
        arrived: Vec<Arrived>,
        last: Position,
        read: impl Fn((Meta, Vec<u8>), Position) -> Option<Event>,
    ) {
        let mut state = self.state.lock();
        state.read = Some(last);
        let (mut events, mut told) = (Vec::with_capacity(arrived.len()), Vec::new());
        for one in arrived {
            match one {
                Arrived::Other(event) => events.push(event),
                Arrived::Own {
                    number,
                    position,
                    body,
                } => {
                    // What was said before it comes before it; it cannot come any more where that has not.
                    while state.first < number
                        && let Some(lost) = self.pop(&mut state, &mut events)
                    {
                        self.condition.counts.refused.add(1);
                        told.push((lost.told, Err(Refused::Late)));
                    }
                    if number < state.first {
                        events.extend(read(*body, position));
                        continue;
                    }
                    let is_last = state.last_alone == number;
                    if let Some(message) = state.messages.front_mut() {
                        events.extend(message.back(position, is_last));
                    }
                    if let Some(message) = self.pop(&mut state, &mut events) {
                        let time = nanoseconds_since(message.since);
                        self.condition.counts.returned.add(time);
                        told.push((message.told, Ok(())));
                    }
                }
            }
        }
        self.post(&state, events);
        drop(state);
        self.room.notify_all();
        for (told, result) in told {
            if let Some(told) = told {
                told(result);
            }
        }
    }

    /// Takes the first message out, and what stands behind it.
    fn pop(&self, state: &mut State, events: &mut Vec<Event>) -> Option<InFlight> {
        let mut message = state.messages.pop_front()?;
        events.append(&mut message.behind);
        state.first += 1;
        state.sent = state.sent.saturating_sub(1);
        self.count(state, 0, message.load);
        Some(message)
    }

    /// Under the lock: what is posted by threads whose message is back comes behind this.
    fn post(&self, state: &State, events: Vec<Event>) {
        let number = self.hub.post_all(events);
        if number > 0 {
            self.posted.store(number, Ordering::Release);
        }
        // All that was heard here alone, too, in whatever order the two come.
        let back = (state.first - 1).max(state.last_alone);
        self.back.store(back, Ordering::Release);
    }

    fn count(&self, state: &mut State, more: u64, less: u64) {
        state.bytes = state.bytes + more - less;
        let bytes = state.bytes;
        state.account.set(bytes as usize);
        let mut told = self.condition.counts.state.lock();
        (told.waiting, told.waiting_bytes) = (state.messages.len() as u64, bytes);
    }

    /// The thread `engine` looks at the stream's end before it sends anything.
    pub(super) fn look(&self) {
        self.state.lock().must_look = true;
        self.bell.notify_one();
    }

    /// Nothing is taken any more; what is in flight is sent.
    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.bell.notify_one();
        self.room.notify_all();
    }
}

#[cfg(test)]
mod tests;
