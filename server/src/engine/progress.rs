//! How far the two threads of an engine are, as each of them, and who waits for the start, has to know it.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::condition::Condition;
use super::entry::StreamId;
use super::link::Instance;

#[derive(Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    /// Signalled with each change.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The last entry that was read.
    read: StreamId,
    /// The last one of which Redis has said that it is there.
    taken: StreamId,
    /// The Redis that the writer talks to.
    instance: Option<Instance>,
    /// The stream was read to its end once.
    has_read_all: bool,
    is_ending: bool,
}

impl Progress {
    /// The last entry that is known of.
    pub(super) fn last(&self) -> StreamId {
        let state = self.state.lock();
        state.read.max(state.taken)
    }

    pub(super) fn note_read(&self, id: StreamId) {
        self.change(|state| state.read = id);
    }

    pub(super) fn note_taken(&self, id: StreamId) {
        self.change(|state| state.taken = state.taken.max(id));
    }

    pub(super) fn note_all_read(&self) {
        self.change(|state| state.has_read_all = true);
    }

    pub(super) fn set_instance(&self, instance: Instance) {
        self.change(|state| state.instance = Some(instance));
    }

    pub(super) fn instance(&self) -> Option<Instance> {
        self.state.lock().instance
    }

    pub(super) fn end(&self) {
        self.change(|state| state.is_ending = true);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.state.lock().is_ending
    }

    /// Waits until an entry was read, or for so long.
    pub(super) fn wait_for(&self, id: StreamId, time: Duration) {
        self.wait(time, |state| state.read >= id || state.is_ending);
    }

    /// Waits for the end, so long at most; whether it has come.
    pub(super) fn wait_for_end(&self, time: Duration) -> bool {
        self.wait(time, |state| state.is_ending)
    }

    /// Waits until everything was read that there was at the start, and both threads are at work, or somebody has tried in
    /// vain; so long at most.
    pub(super) fn wait_for_start(&self, time: Duration, condition: &Condition) {
        let is_up = || condition.away_since().is_none();
        self.wait(time, |state| {
            (state.has_read_all && is_up()) || condition.is_in_trouble()
        });
    }

    /// Lets who waits look again.
    pub(super) fn stir(&self) {
        self.change(|_| {});
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    fn wait(&self, time: Duration, is_it: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + time;
        let mut state = self.state.lock();
        while !is_it(&state) {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return is_it(&state);
            }
        }
        true
    }
}
