//! A route under test: who sits where, whose turn it is, and the callbacks in the order that the server promises.
//!
//! Any thread may step it. A callback runs on the thread that brings it about, with the client's turn taken and the gate
//! open; a replacement closes the gate. Locks are taken in this order: gate, turn, seats; the seats are locked for a look at
//! the map only, and a host call takes none of the three.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use super::call::{self, Refused};
use super::client_view_table::Turn;
use super::counts::Counts;
use super::host::Folders;
use super::http::MemoryRequest;
use super::instance::{End, Instance, OUT_OF_SERVICE, Session};
use super::job::Job;
use super::world::World;
use crate::Message;
use crate::abi;

pub(super) struct Shared {
    pub(super) world: Arc<World>,
    pub(super) gate: RwLock<Arc<Instance>>,
    pub(super) paths: Vec<String>,
    pub(super) folders: Folders,
    pub(super) seats: Mutex<BTreeMap<u64, Arc<Seat>>>,
    counts: Mutex<Counts>,
}

/// Where a client sits.
pub(super) struct Seat {
    pub(super) request: MemoryRequest,
    /// Whose callback runs holds it. None once `on_close` has taken the session, or where there never was one.
    pub(super) turn: Mutex<Option<Session>>,
}

/// Callbacks of timers at one `advance`, far more than any plugin means.
const FIRINGS_MAX: usize = 100_000;

impl Shared {
    pub(super) fn new(
        world: Arc<World>,
        instance: Instance,
        paths: Vec<String>,
        folders: Folders,
    ) -> Shared {
        instance.host.start();
        Shared {
            world,
            gate: RwLock::new(Arc::new(instance)),
            paths,
            folders,
            seats: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }

    pub(super) fn note(&self, line: String) {
        call::note(&self.world, line);
    }

    pub(super) fn instance(&self) -> Arc<Instance> {
        self.gate
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs `callback` with the gate open and the client's turn taken; none where the client has none any more.
    pub(super) fn on_turn<T>(
        &self,
        client: u64,
        callback: impl FnOnce(&Instance, &mut Option<Session>) -> T,
    ) -> Option<T> {
        let result = {
            let instance = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            let seat = lock(&self.seats).get(&client).cloned()?;
            let mut turn = lock(&seat.turn);
            let _turn = Turn::of(client, &seat.request);
            turn.is_some().then(|| callback(&instance, &mut turn))
        };
        self.settle();
        result
    }

    /// `on_close` of all who were closed and whose turn nobody has; who has it comes here when it is over.
    pub(super) fn settle(&self) {
        loop {
            let ending = self.world.lock().ending.clone();
            let closed = ending
                .into_iter()
                .filter(|(client, by)| self.close_one(*client, *by));
            if closed.count() == 0 && !self.run_call() {
                return;
            }
        }
    }

    /// Runs the next of what waits for the turn of a client, if nobody has that; who has it comes here when it is over.
    fn run_call(&self) -> bool {
        let Ok(instance) = self.gate.try_read() else {
            return false;
        };
        let waiting = self.world.lock().calls.clone();
        for (client, job) in waiting {
            let seat = lock(&self.seats).get(&client).cloned();
            let mut turn = match seat.as_ref().map(|seat| seat.turn.try_lock()) {
                Some(Err(TryLockError::WouldBlock)) => continue,
                Some(Err(TryLockError::Poisoned(poisoned))) => Some(poisoned.into_inner()),
                Some(Ok(turn)) => Some(turn),
                None => None,
            };
            if !self.take_call(client, &job) {
                continue;
            }
            if let Some(turn) = &mut turn
                && self.world.lock().is_open(client)
                && job.is_of(instance.host.as_abi())
                && let Some(seat) = &seat
            {
                let _turn = Turn::of(client, &seat.request);
                self.run_task(&instance, client, turn, &job);
            }
            return true;
        }
        false
    }

    /// False where another thread was first.
    fn take_call(&self, client: u64, job: &Arc<Job>) -> bool {
        let mut state = self.world.lock();
        let is_it = |(of, call): &(u64, Arc<Job>)| *of == client && Arc::ptr_eq(call, job);
        let at = state.calls.iter().position(is_it);
        at.and_then(|at| state.calls.remove(at)).is_some()
    }

    fn run_task(&self, instance: &Instance, client: u64, turn: &mut Option<Session>, job: &Job) {
        let Some(session) = turn else { return };
        let Err(refused) = instance.run_task(client, session, job) else {
            return;
        };
        self.failed_call(instance, client, turn, "with_session", &refused);
    }

    /// A callback of a client has failed: `on_error`, and where that does not deal with it, the end.
    fn failed_call(
        &self,
        instance: &Instance,
        client: u64,
        turn: &mut Option<Session>,
        callback: &str,
        refused: &Refused,
    ) {
        let sentence = refused.sentence(callback);
        self.note(format!("WARN client {client}: {sentence}"));
        let kind = match refused.status {
            abi::PANICKED => abi::FAULT_PANICKED,
            _ => abi::FAULT_FAILED,
        };
        let Some(session) = turn else { return };
        if !instance.on_error(client, session, kind, &refused.text) {
            self.end_by_server(instance, client, turn, 1011, fault_reason(refused));
        }
    }

    fn close_one(&self, client: u64, by: u32) -> bool {
        let Ok(instance) = self.gate.try_read() else {
            return false;
        };
        let seat = lock(&self.seats).get(&client).cloned();
        let Some(seat) = seat else {
            self.world.lock().ending.retain(|(of, _)| *of != client);
            return false;
        };
        let mut turn = match seat.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let mut state = self.world.lock();
        let before = state.ending.len();
        state.ending.retain(|(of, _)| *of != client);
        let is_mine = state.ending.len() < before;
        let frame = state
            .clients
            .get(&client)
            .and_then(|guest| guest.closed.clone());
        drop(state);
        if !is_mine {
            return false;
        }
        let (code, reason) = frame.unwrap_or((1006, String::new()));
        self.finish(&instance, client, &mut turn, &End { code, reason, by });
        true
    }

    /// The end of a client that has been ended for the hub: its `on_close`, once.
    fn finish(&self, instance: &Instance, client: u64, turn: &mut Option<Session>, end: &End) {
        let Some(session) = turn.take() else { return };
        lock(&self.seats).remove(&client);
        if !session.is_null() && instance.code.functions.on_close.is_none() {
            self.counts().leak(format!(
                "client {client}: on_open gave a session, and there is no on_close to free it"
            ));
        }
        let closed = instance.on_close(client, session, end);
        instance.host.forget(client);
        self.counts().closed += 1;
        if let Err(refused) = closed {
            self.note(format!(
                "WARN client {client}: {}",
                refused.sentence("on_close")
            ));
        }
    }

    /// One message of a client; dropped where it has been closed.
    pub(super) fn message(&self, client: u64, message: Message<'_>) {
        self.on_turn(client, |instance, turn| {
            if !self.world.lock().is_open(client) {
                return;
            }
            if instance.is_out_of_service() {
                self.end_by_server(instance, client, turn, 1011, OUT_OF_SERVICE);
                return;
            }
            let Some(session) = turn else { return };
            let (kind, payload) = (message.kind(), message.as_bytes());
            let Err(refused) = instance.on_message(client, session, kind, payload) else {
                return;
            };
            self.failed_call(instance, client, turn, "on_message", &refused);
        });
    }

    pub(super) fn end_by_server(
        &self,
        instance: &Instance,
        client: u64,
        turn: &mut Option<Session>,
        code: u16,
        reason: &str,
    ) {
        // Whoever was first to say why is right.
        if self
            .world
            .lock()
            .end(client, Some((code, reason.to_owned())))
        {
            let (reason, by) = (reason.to_owned(), abi::BY_SERVER);
            self.finish(instance, client, turn, &End { code, reason, by });
        }
    }

    /// The client closes, with a frame of its own or without one.
    pub(super) fn peer_closes(&self, client: u64, code: u16, reason: &str, has_frame: bool) {
        if !has_frame {
            self.world.lock().hang_up(client);
        }
        self.on_turn(client, |instance, turn| {
            let frame = has_frame.then(|| (code, reason.to_owned()));
            if self.world.lock().end(client, frame) {
                let (reason, by) = (reason.to_owned(), abi::BY_PEER);
                self.finish(instance, client, turn, &End { code, reason, by });
            }
        });
    }

    /// The connection fails: `on_error`, which cannot save it, then `on_close` with 1006.
    pub(super) fn breaks(&self, client: u64, what: &str) {
        self.world.lock().hang_up(client);
        self.on_turn(client, |instance, turn| {
            if let Some(session) = turn {
                instance.on_error(client, session, abi::FAULT_TRANSPORT, what);
            }
            if self.world.lock().end(client, None) {
                let (code, reason, by) = (1006, what.to_owned(), abi::BY_PEER);
                self.finish(instance, client, turn, &End { code, reason, by });
            }
        });
    }

    /// Runs the timers that are due until then, in their order.
    ///
    /// # Panics
    /// There is no end of them.
    #[track_caller]
    pub(super) fn advance(&self, by: Duration) {
        let until = self.world.lock().now + by;
        for _ in 0..FIRINGS_MAX {
            if !self.fire_next(until) {
                let mut state = self.world.lock();
                state.now = until;
                state.end_late_waiting(until);
                drop(state);
                self.settle();
                return;
            }
        }
        panic!("{FIRINGS_MAX} timers were due within {by:?}: one sets the next without a delay");
    }

    /// Runs the next timer, if it is due until then.
    pub(super) fn fire_next(&self, until: Duration) -> bool {
        let instance = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let Some((due, timer)) = instance.host.next_timer().filter(|(due, _)| *due <= until) else {
            return false;
        };
        {
            let mut state = self.world.lock();
            let now = due.max(state.now);
            state.now = now;
            state.end_late_waiting(now);
        }
        let task = instance.host.take_timer(due, timer);
        if let Some((client, job)) = task {
            self.world.lock().calls.push_back((client, job));
        } else if !instance.is_out_of_service()
            && let Err(refused) = instance.on_timer(timer)
        {
            self.note(format!("WARN the route: {}", refused.sentence("on_timer")));
        }
        drop(instance);
        self.settle();
        true
    }

    /// Something that hosts have said is missing: everybody is closed, and then the value is told.
    pub(super) fn lose(&self, cause: u32) {
        let gap = self.world.lock().lose(cause);
        self.settle();
        let instance = self.instance();
        if !instance.is_out_of_service()
            && let Err(refused) = instance.on_gap(&gap)
        {
            self.note(format!("WARN the route: {}", refused.sentence("on_gap")));
        }
        drop(instance);
        self.settle();
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn fault_reason(refused: &Refused) -> &'static str {
    match refused.status {
        abi::PANICKED => "the plugin panicked",
        _ => "the plugin failed",
    }
}
