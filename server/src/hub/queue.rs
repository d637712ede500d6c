//! The queue of one route to the hub.
//!
//! Any thread puts events in; the hub takes out all at once. An event stands in the queue before its
//! thread waits for room, so that who waits is served first come, first served, and what waits is
//! in order with what does not. The lock is held for a few moves of memory.

use std::collections::VecDeque;
use std::mem::{replace, swap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::event::{Event, Manner};
use super::intake::Intake;
use crate::compression::Demand;
use crate::counters::{COUNTERS, RouteCounts, is_measured};
use crate::ids::RouteId;
use crate::limits::memory::{Account, Part};
use crate::limits::{GATHER_ENOUGH_DIVISOR, QUEUE_KEPT_EVENTS, WAITS_SAMPLED};

/// Shared by all threads that speak on the route, and the hub.
pub(super) struct Queue {
    route: RouteId,
    intake: Arc<Intake<Queue>>,
    state: Mutex<State>,
    /// Signalled once for each that waits and may go on.
    room: Condvar,
    /// Number of the last event whose effects stand in the outboxes of those whom it concerns.
    settled: AtomicU64,
    counts: Arc<RouteCounts>,
    /// What publishers are to compress.
    demand: Demand,
}

/// What the hub has taken out and not looked at.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) events: VecDeque<Event>,
    /// When some of them were put in, by their numbers.
    posted_at: VecDeque<(u64, Instant)>,
}

impl Taken {
    /// Since when the event of this number, which comes next, has waited; none where nobody has looked.
    #[inline(always)]
    pub(super) fn posted_at(&mut self, number: u64) -> Option<Instant> {
        // As it is for most, and for all where no times are taken.
        if self.posted_at.is_empty() {
            return None;
        }
        let is_it = |posted: &mut (u64, Instant)| posted.0 == number;
        self.posted_at.pop_front_if(is_it).map(|posted| posted.1)
    }
}

/// What waits in the queue of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLoad {
    /// Bytes, of which an event counts 2 KiB at least.
    pub bytes: u64,
    /// Threads that wait until there is room.
    pub waiting: u64,
    /// Threads that ever had to.
    pub waited: u64,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    /// Events that were ever put in: the number of the last one.
    posted: u64,
    /// Load that was ever put in, and that the hub was ever done with, in bytes.
    load_in: u64,
    load_out: u64,
    /// Of the difference, from the first event on.
    account: Option<Account>,
    /// For each thread that waits, in the order they came: `load_in` before its event.
    waiting: VecDeque<u64>,
    /// Threads that ever had to wait, and that may go on.
    tickets: u64,
    released: u64,
    notice: Notice,
    /// The hub waits for more, and is woken once so much load stands in the queue.
    rings_at: Option<u64>,
    /// Of one event of many in it, where times are taken.
    posted_at: VecDeque<(u64, Instant)>,
    /// The next such event.
    next_sample: u64,
    /// The hub closes whoever comes, and so has to hear of them at once.
    is_alert: bool,
    /// The route has ended: nothing is taken any more.
    is_over: bool,
}

/// What the hub knows of the queue; see the module above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Notice {
    #[default]
    Unknown,
    Listed,
    Known,
}

impl Queue {
    pub(super) fn new(route: RouteId, intake: Arc<Intake<Queue>>) -> Queue {
        Queue {
            route,
            intake,
            state: Mutex::default(),
            room: Condvar::new(),
            settled: AtomicU64::new(0),
            counts: Arc::default(),
            demand: Demand::default(),
        }
    }

    /// What is counted of the route.
    pub(super) fn counts(&self) -> &Arc<RouteCounts> {
        &self.counts
    }

    /// What publishers are to compress, and how.
    pub(super) fn demand(&self) -> &Demand {
        &self.demand
    }

    /// The hub: it has given messages to outboxes, once for each client, of so many bytes together.
    pub(super) fn count_deliveries(&self, messages: u64, bytes: u64) {
        COUNTERS.hub.messages.add(messages);
        COUNTERS.hub.bytes.add(bytes);
        self.counts.hub.deliveries.add(messages, bytes);
    }

    pub(super) fn route(&self) -> RouteId {
        self.route
    }

    /// Puts `event` in and gives its number, from 1; 0 where the route has ended and nothing was done.
    /// A patient event's thread waits while what stands before it is more than the bound; woken by the
    /// hub, which never waits.
    pub(super) fn post(self: &Arc<Self>, event: Event) -> u64 {
        let manner = event.manner();
        let load = event.load();
        let bound = self.intake.queue_bytes();
        let mut state = self.state.lock();
        if state.is_over {
            return 0;
        }
        let ahead = state.put(event, load, manner);
        let number = state.posted;
        let is_quiet = manner == Manner::Quiet && !state.is_alert && ahead < bound / 2;
        let must_wait = manner == Manner::Patient && ahead > 0 && ahead + load > bound;
        let must_ring = self.note(&mut state, is_quiet);
        if !must_wait {
            drop(state);
            if must_ring {
                self.intake.ring();
            }
            return number;
        }
        if must_ring {
            self.intake.ring();
        }
        let ticket = state.tickets;
        let position = state.load_in - load;
        state.tickets += 1;
        state.waiting.push_back(position);
        while state.released <= ticket && !state.is_over {
            self.room.wait(&mut state);
        }
        number
    }

    /// Puts in what was held back elsewhere, in its order, without waiting: the memory is taken already.
    pub(super) fn post_all(self: &Arc<Self>, events: Vec<Event>) -> u64 {
        let mut state = self.state.lock();
        if state.is_over || events.is_empty() {
            return 0;
        }
        for event in events {
            let (load, manner) = (event.load(), event.manner());
            state.put(event, load, manner);
        }
        let number = state.posted;
        let must_ring = self.note(&mut state, false);
        drop(state);
        if must_ring {
            self.intake.ring();
        }
        number
    }

    /// Sees to it that the hub knows that something is in; true where it has to be woken for that. Listed under
    /// the lock: who finds it listed and rings must not be faster than the list.
    fn note(self: &Arc<Self>, state: &mut State, is_quiet: bool) -> bool {
        let before = state.notice;
        if before == Notice::Unknown {
            self.intake.list(self.clone());
        }
        if is_quiet && before != Notice::Known {
            state.notice = Notice::Listed;
            return false;
        }
        state.notice = Notice::Known;
        let is_due = state.rings_at.is_some_and(|load| state.load() >= load);
        before != Notice::Known || is_due
    }

    /// The hub, before it waits for more: whether so much stands in the queue that it had better go on; where it does
    /// not, the bell rings once it does.
    pub(super) fn has_enough_or_rings(&self) -> bool {
        let enough = self.intake.queue_bytes() / GATHER_ENOUGH_DIVISOR;
        let mut state = self.state.lock();
        state.rings_at = Some(enough);
        state.load() >= enough
    }

    /// From here on the hub is woken for each client that comes, too.
    pub(super) fn alert(&self) {
        self.state.lock().is_alert = true;
    }

    /// What waits now.
    pub(super) fn load(&self) -> QueueLoad {
        let state = self.state.lock();
        QueueLoad {
            bytes: state.load_in - state.load_out,
            waiting: state.waiting.len() as u64,
            waited: state.tickets,
        }
    }

    /// Whether what the event of this number causes stands in the outboxes of those whom it concerns.
    pub(super) fn has_settled(&self, number: u64) -> bool {
        self.settled.load(Ordering::Acquire) >= number
    }

    /// The hub: everything up to this number has settled.
    pub(super) fn settle(&self, number: u64) {
        self.settled.store(number, Ordering::Release);
    }

    /// The hub: gives back the load that it is done with, and swaps what is in for the empty `taken`.
    pub(super) fn exchange(&self, done: &mut u64, taken: &mut Taken) {
        let mut state = self.state.lock();
        state.swap(taken);
        state.notice = Notice::Known;
        state.rings_at = None;
        let count = state.give_back(done, self.intake.queue_bytes());
        drop(state);
        self.wake(count);
    }

    /// The hub: as [`Queue::exchange`], but where nothing is in, it will not look again before it hears of
    /// this queue; false then.
    pub(super) fn exchange_or_rest(&self, done: &mut u64, taken: &mut Taken) -> bool {
        let mut state = self.state.lock();
        let has_more = !state.events.is_empty();
        state.swap(taken);
        let count = state.give_back(done, self.intake.queue_bytes());
        if !has_more {
            state.notice = Notice::Unknown;
            state.events.shrink_to(QUEUE_KEPT_EVENTS);
        }
        drop(state);
        self.wake(count);
        has_more
    }

    /// The hub: gives back the load that it is done with.
    pub(super) fn give_back(&self, done: &mut u64) {
        if *done == 0 {
            return;
        }
        let count = self.state.lock().give_back(done, self.intake.queue_bytes());
        self.wake(count);
    }

    fn wake(&self, count: usize) {
        for _ in 0..count {
            self.room.notify_one();
        }
    }

    /// The hub: the route has ended. What is in is dropped, and who waits goes on.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.is_over = true;
        let left = std::mem::take(&mut state.events);
        state.account = None;
        drop(state);
        self.room.notify_all();
        drop(left);
    }
}

impl State {
    /// Puts an event in; says how much load stands before it.
    fn put(&mut self, event: Event, load: u64, manner: Manner) -> u64 {
        let ahead = self.load();
        self.events.push_back(event);
        self.posted += 1;
        self.load_in += load;
        // What waits for the next that wakes the hub does so on purpose.
        if is_measured() && manner != Manner::Quiet {
            self.sample();
        }
        self.note_memory();
        ahead
    }

    /// Takes note of when one event of many was put in, the first among them.
    fn sample(&mut self) {
        if self.posted >= self.next_sample {
            self.next_sample = self.posted + WAITS_SAMPLED;
            self.posted_at.push_back((self.posted, Instant::now()));
        }
    }

    fn swap(&mut self, taken: &mut Taken) {
        swap(&mut self.events, &mut taken.events);
        if !self.posted_at.is_empty() {
            swap(&mut self.posted_at, &mut taken.posted_at);
        }
    }

    /// What the hub is not done with.
    fn load(&self) -> u64 {
        self.load_in - self.load_out
    }

    fn note_memory(&mut self) {
        if self.is_over {
            return;
        }
        let account = self
            .account
            .get_or_insert_with(|| Account::new(Part::Queues));
        account.set((self.load_in - self.load_out) as usize);
    }

    /// Takes note that load is done with; says how many that wait may go on. They go on when half of the
    /// bound is free, so that one who floods does not wake for each message.
    fn give_back(&mut self, done: &mut u64, bound: u64) -> usize {
        self.load_out += replace(done, 0);
        self.note_memory();
        let limit = self.load_out + bound / 2;
        let before = self.released;
        while self.waiting.pop_front_if(|ahead| *ahead <= limit).is_some() {
            self.released += 1;
        }
        (self.released - before) as usize
    }
}

#[cfg(test)]
mod tests;
