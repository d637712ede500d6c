//! The thread `timers`, one for each route whose plugin asks for a timer: runs its `on_timer`.
//!
//! Timers may be set by any thread, also while the instance is still being made; the thread starts
//! with the first one that is set on a route at work. A callback that takes long delays the other
//! timers of its route and nothing else.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use log::error;
use parking_lot::{Condvar, Mutex};
use plugin_api::abi::{EXHAUSTED, GONE, INVALID, OK, Status, TimerId};

use crate::limits::{TIMER_MS_MAX, TIMERS_MAX};
use crate::threads::fault_point;

/// The name of each of these threads.
pub const TIMERS_THREAD: &str = "timers";

/// What runs when a timer is due.
type OnTimer = dyn Fn(TimerId) + Send + Sync;

/// The timers of one route; shared by host calls and the thread.
#[derive(Default)]
pub(in crate::plugin) struct Timers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: BTreeSet<(Instant, TimerId)>,
    timers: HashMap<TimerId, Timer>,
    last: TimerId,
    /// Runs the callback of one timer.
    on_timer: Option<Arc<OnTimer>>,
    thread: Option<JoinHandle<()>>,
    is_ended: bool,
}

struct Timer {
    due: Instant,
    period: Duration,
}

impl Timers {
    /// The route is at work: timers that were set before begin to run `on_timer`.
    pub(in crate::plugin) fn start(&'static self, on_timer: Arc<OnTimer>) {
        let mut state = self.state.lock();
        state.on_timer = Some(on_timer);
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
        if state.timers.len() == TIMERS_MAX {
            return Err(EXHAUSTED);
        }
        state.last += 1;
        let id = state.last;
        let due = Instant::now() + Duration::from_millis(delay_ms);
        state.timers.insert(
            id,
            Timer {
                due,
                period: Duration::from_millis(period_ms),
            },
        );
        state.due.insert((due, id));
        self.spawn_if_needed(&mut state);
        self.changed.notify_all();
        Ok(id)
    }

    /// Ends a timer.
    pub(in crate::plugin) fn cancel(&self, id: TimerId) -> Status {
        let mut state = self.state.lock();
        match state.timers.remove(&id) {
            None => GONE,
            Some(timer) => {
                state.due.remove(&(timer.due, id));
                OK
            }
        }
    }

    /// No timer fires any more.
    pub(in crate::plugin) fn stop(&self) {
        let mut state = self.state.lock();
        state.is_ended = true;
        state.timers.clear();
        state.due.clear();
        self.changed.notify_all();
    }

    /// Ends all timers and gives up the thread, which ends when the callback that runs now, if
    /// any, returns. Who calls it joins it.
    pub(in crate::plugin) fn end(&self) -> Option<JoinHandle<()>> {
        self.stop();
        self.state.lock().thread.take()
    }

    fn spawn_if_needed(&'static self, state: &mut State) {
        let is_needed = state.thread.is_none() && !state.timers.is_empty() && !state.is_ended;
        let Some(on_timer) = state.on_timer.clone().filter(|_| is_needed) else {
            return;
        };
        let thread = thread::Builder::new()
            .name(TIMERS_THREAD.to_owned())
            .spawn(move || while self.run_next(&*on_timer).is_some() {});
        match thread {
            Ok(thread) => state.thread = Some(thread),
            Err(error) => {
                error!("no thread for timers: {error}; they start with the next one that is set");
            }
        }
    }

    /// Blocks until a timer is due and runs it; woken by changes. None at the end.
    fn run_next(&self, on_timer: &OnTimer) -> Option<()> {
        let mut state = self.state.lock();
        let (due, id) = loop {
            if state.is_ended {
                return None;
            }
            match state.due.first().copied() {
                None => self.changed.wait(&mut state),
                Some((due, id)) if due <= Instant::now() => break (due, id),
                Some((due, _)) => drop(self.changed.wait_until(&mut state, due)),
            }
        };
        state.due.remove(&(due, id));
        let timer = state.timers.get_mut(&id)?;
        if timer.period.is_zero() {
            state.timers.remove(&id);
        } else {
            timer.due = next_due(due, timer.period, Instant::now());
            let next = timer.due;
            state.due.insert((next, id));
        }
        drop(state);
        // A panic of ours costs this call; the hook has reported it.
        let call = || {
            fault_point("timer");
            on_timer(id);
        };
        catch_unwind(AssertUnwindSafe(call)).ok();
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
