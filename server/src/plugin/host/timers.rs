//! The thread `timers`, one for each route whose plugin asks for a timer: runs its `on_timer`, and what is due on the turn
//! of a client; and one where something is missing of what hosts have said, which it tells the plugin.
//!
//! Timers may be set by any thread, also while the instance is still being made; the thread starts
//! with the first one that is set on a route at work. A callback that takes long delays the other
//! timers of its route and nothing else.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use log::error;
use parking_lot::{Condvar, Mutex};
use plugin_api::abi::{EXHAUSTED, GONE, INVALID, OK, Status, TimerId};

use super::job::Job;
use crate::ids::ClientId;
use crate::limits::{CLIENT_TIMERS_MAX, TIMER_MS_MAX, TIMERS_MAX};
use crate::threads::crash::HandlerStack;
use crate::threads::fault_point;

/// The name of each of these threads.
pub const TIMERS_THREAD: &str = "timers";

/// What is due.
pub(in crate::plugin) enum Due {
    /// A timer of the route.
    Timer(TimerId),
    /// Something is missing, and the plugin is to be told.
    Gap,
    /// Something waits for the turn of a client.
    Turn(ClientId),
    /// A timer of a client.
    Task(ClientId, Arc<Job>),
}

/// Runs what is due; where a client could not be attended, says after which time to look at it again.
type OnDue = dyn Fn(Due) -> Option<Duration> + Send + Sync;

/// The end of a route's timers: nothing of the route runs on their thread any more. How long the plugin's thread-local values
/// take there behind it is nobody's business.
pub struct TimersEnd(Receiver<Infallible>);

impl TimersEnd {
    /// Blocks until the callback that runs now, if any, has returned.
    pub fn wait(self) {
        self.0.recv().ok();
    }

    /// As [`wait`](TimersEnd::wait), until then at most: whether it has come.
    pub fn comes_before(self, deadline: Instant) -> bool {
        self.0.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
    }
}

/// An entry of what is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Timer(TimerId),
    Gap,
    Turn(ClientId),
}

/// The timers of one route; shared by host calls and the thread.
#[derive(Default)]
pub(in crate::plugin) struct Timers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: BTreeSet<(Instant, Entry)>,
    /// Clients whose turn is due.
    turns: HashSet<ClientId>,
    /// The timers of each client that has some, and how many they are.
    of_clients: HashMap<ClientId, Vec<TimerId>>,
    client_timers: usize,
    timers: HashMap<TimerId, Timer>,
    last: TimerId,
    /// Runs the callback of one timer.
    on_due: Option<Arc<OnDue>>,
    thread: Option<TimersEnd>,
    is_ended: bool,
}

struct Timer {
    due: Instant,
    period: Duration,
    task: Option<(ClientId, Arc<Job>)>,
}

impl State {
    /// Takes a timer out; whoever drops it holds no lock.
    fn take(&mut self, id: TimerId) -> Option<Timer> {
        let timer = self.timers.remove(&id)?;
        self.due.remove(&(timer.due, Entry::Timer(id)));
        if let Some((client, _)) = &timer.task {
            self.client_timers -= 1;
            if let Some(of_client) = self.of_clients.get_mut(client) {
                of_client.retain(|of| *of != id);
                if of_client.is_empty() {
                    self.of_clients.remove(client);
                }
            }
        }
        Some(timer)
    }

    /// A timer is due, and has its next time where it has a period; none where there is no such timer.
    fn fire(&mut self, id: TimerId, due: Instant) -> Option<Due> {
        let timer = self.timers.get_mut(&id)?;
        let task = timer.task.clone();
        if timer.period.is_zero() {
            // Its task lives on in what is due.
            drop(self.take(id));
        } else {
            timer.due = next_due(due, timer.period, Instant::now());
            let next = timer.due;
            self.due.insert((next, Entry::Timer(id)));
        }
        Some(match task {
            Some((client, job)) => Due::Task(client, job),
            None => Due::Timer(id),
        })
    }
}

impl Timers {
    /// The route is at work: what was set before begins to run by `on_due`.
    pub(in crate::plugin) fn start(&'static self, on_due: Arc<OnDue>) {
        let mut state = self.state.lock();
        state.on_due = Some(on_due);
        self.spawn_if_needed(&mut state);
    }

    /// Sets a timer; see `Host::set_timer` of the ABI.
    pub(in crate::plugin) fn set(
        &'static self,
        delay_ms: u64,
        period_ms: u64,
    ) -> Result<TimerId, Status> {
        if delay_ms > TIMER_MS_MAX || period_ms > TIMER_MS_MAX {
            return Err(INVALID);
        }
        let mut state = self.state.lock();
        if state.is_ended {
            return Err(GONE);
        }
        if state.timers.len() - state.client_timers == TIMERS_MAX {
            return Err(EXHAUSTED);
        }
        Ok(self.insert(&mut state, delay_ms, period_ms, None))
    }

    /// Sets a timer for the turn of a client; see `Turns::set_timer` of the ABI.
    pub(super) fn set_for(
        &'static self,
        client: ClientId,
        job: Job,
        delay_ms: u64,
        period_ms: u64,
    ) -> Result<TimerId, (Status, Job)> {
        if delay_ms > TIMER_MS_MAX || period_ms > TIMER_MS_MAX {
            return Err((INVALID, job));
        }
        let mut state = self.state.lock();
        if state.is_ended {
            return Err((GONE, job));
        }
        if state.client_timers == CLIENT_TIMERS_MAX {
            return Err((EXHAUSTED, job));
        }
        let task = Some((client, Arc::new(job)));
        let id = self.insert(&mut state, delay_ms, period_ms, task);
        state.client_timers += 1;
        state.of_clients.entry(client).or_default().push(id);
        Ok(id)
    }

    fn insert(
        &'static self,
        state: &mut State,
        delay_ms: u64,
        period_ms: u64,
        task: Option<(ClientId, Arc<Job>)>,
    ) -> TimerId {
        state.last += 1;
        let id = state.last;
        let due = Instant::now() + Duration::from_millis(delay_ms);
        let timer = Timer {
            due,
            period: Duration::from_millis(period_ms),
            task,
        };
        state.timers.insert(id, timer);
        state.due.insert((due, Entry::Timer(id)));
        self.spawn_if_needed(state);
        self.changed.notify_all();
        id
    }

    /// Something waits for the turn of a client.
    pub(super) fn attend(&'static self, client: ClientId) {
        let mut state = self.state.lock();
        if !state.is_ended && state.turns.insert(client) {
            state.due.insert((Instant::now(), Entry::Turn(client)));
            self.spawn_if_needed(&mut state);
            self.changed.notify_all();
        }
    }

    /// The plugin is to be told what is missing, as soon as it is at work.
    pub(in crate::plugin) fn ring_for_gap(&'static self) {
        let mut state = self.state.lock();
        let is_known = state.due.iter().any(|(_, entry)| *entry == Entry::Gap);
        if !state.is_ended && !is_known {
            state.due.insert((Instant::now(), Entry::Gap));
            self.spawn_if_needed(&mut state);
            self.changed.notify_all();
        }
    }

    /// A client has gone: its timers end.
    pub(in crate::plugin) fn forget(&self, client: ClientId) {
        let mut state = self.state.lock();
        let timers = state.of_clients.remove(&client).unwrap_or_default();
        let ended: Vec<_> = timers.into_iter().map(|id| state.take(id)).collect();
        // What the plugin does when its tasks end may be a call that wants the lock.
        drop(state);
        drop(ended);
    }

    /// Ends a timer.
    pub(in crate::plugin) fn cancel(&self, id: TimerId) -> Status {
        let mut state = self.state.lock();
        let ended = state.take(id);
        // As above.
        drop(state);
        if ended.is_some() { OK } else { GONE }
    }

    /// No timer fires any more.
    pub(in crate::plugin) fn stop(&self) {
        let mut state = self.state.lock();
        state.is_ended = true;
        let ended = std::mem::take(&mut state.timers);
        state.due.clear();
        state.turns.clear();
        state.of_clients.clear();
        state.client_timers = 0;
        self.changed.notify_all();
        // As above.
        drop(state);
        drop(ended);
    }

    /// Ends all timers and gives up the thread, which ends when the callback that runs now, if
    /// any, returns: none where there was no thread. Who calls it waits for that.
    pub(in crate::plugin) fn end(&self) -> Option<TimersEnd> {
        self.stop();
        self.state.lock().thread.take()
    }

    fn spawn_if_needed(&'static self, state: &mut State) {
        let is_needed = state.thread.is_none() && !state.due.is_empty() && !state.is_ended;
        let Some(on_due) = state.on_due.clone().filter(|_| is_needed) else {
            return;
        };
        let (lives, end) = bounded(0);
        let thread = thread::Builder::new()
            .name(TIMERS_THREAD.to_owned())
            .spawn(move || {
                // Dropped in reverse.
                let (_lives, on_due) = (lives, on_due);
                let _stack = HandlerStack::lend();
                while self.run_next(&*on_due).is_some() {}
            });
        match thread {
            Ok(_) => state.thread = Some(TimersEnd(end)),
            Err(error) => {
                error!("no thread for timers: {error}; they start with the next one that is set");
            }
        }
    }

    /// Blocks until something is due and runs it; woken by changes. None at the end.
    fn run_next(&self, on_due: &OnDue) -> Option<()> {
        let mut state = self.state.lock();
        let (at, entry) = loop {
            if state.is_ended {
                return None;
            }
            match state.due.first().copied() {
                None => self.changed.wait(&mut state),
                Some((at, entry)) if at <= Instant::now() => break (at, entry),
                Some((at, _)) => drop(self.changed.wait_until(&mut state, at)),
            }
        };
        state.due.remove(&(at, entry));
        let due = match entry {
            Entry::Turn(client) => {
                state.turns.remove(&client);
                Due::Turn(client)
            }
            Entry::Gap => Due::Gap,
            Entry::Timer(id) => state.fire(id, at)?,
        };
        drop(state);
        let client = match &due {
            Due::Turn(client) | Due::Task(client, _) => Some(*client),
            Due::Timer(_) | Due::Gap => None,
        };
        // A panic of ours costs this call; the hook has reported it.
        let call = || {
            fault_point("timer");
            on_due(due)
        };
        let again = catch_unwind(AssertUnwindSafe(call)).ok().flatten();
        if let (Some(client), Some(again)) = (client, again) {
            let mut state = self.state.lock();
            if !state.is_ended && state.turns.insert(client) {
                let at = Instant::now() + again;
                state.due.insert((at, Entry::Turn(client)));
            }
        }
        Some(())
    }
}

/// The first multiple of `period` behind `due` that is in the future: what was missed is skipped.
fn next_due(due: Instant, period: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due).as_nanos();
    let missed = late / period.as_nanos();
    due + period * u32::try_from(missed + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::next_due;
    use std::time::{Duration, Instant};

    #[test]
    fn periods_that_were_overrun_are_skipped() {
        let due = Instant::now();
        let period = Duration::from_millis(10);
        let next = |late_ms| next_due(due, period, due + Duration::from_millis(late_ms)) - due;
        assert_eq!(next(0), Duration::from_millis(10));
        assert_eq!(next(9), Duration::from_millis(10));
        assert_eq!(next(10), Duration::from_millis(20));
        assert_eq!(next(35), Duration::from_millis(40));
    }
}
