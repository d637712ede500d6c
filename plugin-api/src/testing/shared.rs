//! A route under test: who sits where, whose turn it is, and the callbacks in the order that the server promises.
//!
//! Any thread may step it. A callback runs on the thread that brings it about, with the client's turn taken and the gate
//! open; a replacement closes the gate. Locks are taken in this order: gate, seats, turn; none is held by a host call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use super::call::{self, Refused};
use super::client_view_table::Turn;
use super::code::Code;
use super::counts::Counts;
use super::disk;
use super::host::{Folders, MemoryHost};
use super::host_table;
use super::http::{Draft, MemoryRequest};
use super::instance::{End, Instance, OUT_OF_SERVICE, Session};
use super::job::Job;
use super::poll::Poll;
use super::world::World;
use crate::abi;
use crate::{Message, Response};

pub(super) struct Shared {
    pub(super) world: Arc<World>,
    pub(super) gate: RwLock<Arc<Instance>>,
    pub(super) paths: Vec<String>,
    pub(super) folders: Folders,
    seats: Mutex<BTreeMap<u64, Arc<Seat>>>,
    counts: Mutex<Counts>,
}

/// Where a client sits.
pub(super) struct Seat {
    request: MemoryRequest,
    /// Whose callback runs holds it. None once `on_close` has taken the session, or where there never was one.
    turn: Mutex<Option<Session>>,
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

    fn note(&self, line: String) {
        call::note(&self.world, line);
    }

    pub(super) fn instance(&self) -> Arc<Instance> {
        self.gate
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs `callback` with the gate open and the client's turn taken; none where the client has none any more.
    fn on_turn<T>(
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

    /// A client that connects: its number and the subprotocol, with the headers of the 101; or what it is refused with.
    pub(super) fn connect(
        &self,
        request: MemoryRequest,
        waits: Option<Duration>,
    ) -> Result<(u64, Option<String>, Response), Response> {
        let instance = self.instance();
        if instance.is_out_of_service() {
            return Err(refusal(503, "the plugin of this route is out of service"));
        }
        let (subprotocol, is_apart, head) = self.admit(&instance, &request)?;
        let client = {
            let mut state = self.world.lock();
            let client = state.next_client();
            let poll = waits.map(|time| Poll::new(state.now + time, &head));
            state.open(client, is_apart, poll);
            client
        };
        let seat = Arc::new(Seat {
            request,
            turn: Mutex::new(None),
        });
        {
            let instance = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            let mut turn = lock(&seat.turn);
            lock(&self.seats).insert(client, seat.clone());
            let _turn = Turn::of(client, &seat.request);
            match instance.on_open(client, &seat.request, None) {
                Ok(session) => {
                    self.counts().opened += 1;
                    *turn = Some(session);
                }
                Err((refused, session)) => self.open_failed(&instance, client, &refused, session),
            }
        }
        self.settle();
        Ok((client, subprotocol, head))
    }

    fn open_failed(&self, instance: &Instance, client: u64, refused: &Refused, session: Session) {
        self.note(format!(
            "WARN client {client}: {}",
            refused.sentence("on_open")
        ));
        let mut state = self.world.lock();
        state.end(client, Some((1011, fault_reason(refused).to_owned())));
        state.ending.retain(|(of, _)| *of != client);
        drop(state);
        if instance.code.closes_failed_opens {
            let (code, reason) = (1011, fault_reason(refused).to_owned());
            let by = abi::BY_SERVER;
            if let Err(refused) = instance.on_close(client, session, &End { code, reason, by }) {
                let sentence = refused.sentence("on_close");
                self.note(format!("WARN client {client}: {sentence}"));
            }
        } else if !session.is_null() {
            self.counts().leak(format!(
                "client {client}: on_open gave a session and failed, so that nobody frees it"
            ));
        }
        lock(&self.seats).remove(&client);
        self.counts().open_failed += 1;
    }

    fn admit(
        &self,
        instance: &Instance,
        request: &MemoryRequest,
    ) -> Result<(Option<String>, bool, Response), Response> {
        let mut draft = Draft::new(request, 101);
        if let Err(refused) = instance.on_upgrade(&mut draft) {
            return Err(self.failed(&refused.sentence("on_upgrade")));
        }
        let is_refusal = match draft.status {
            101 => false,
            204 if request.kind == Some("event-stream") => true,
            400.. => true,
            status => {
                return Err(self.failed(&format!(
                    "on_upgrade failed: it answered with status {status}, which neither admits nor refuses"
                )));
            }
        };
        if is_refusal {
            return Err(draft.into_response());
        }
        let known = &instance.code.subprotocols;
        let mut offered = request.offered();
        let chosen = draft.subprotocol.take();
        let chosen = chosen.or_else(|| {
            let found = offered.find(|name| known.iter().any(|known| known == name));
            found.map(str::to_owned)
        });
        Ok((chosen, draft.is_apart, draft.into_response()))
    }

    fn failed(&self, sentence: &str) -> Response {
        self.note(format!("WARN the route: {sentence}"));
        refusal(500, "the plugin of this route failed")
    }

    /// Plain HTTP.
    pub(super) fn request(&self, request: &MemoryRequest) -> Response {
        let response = {
            let instance = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            if instance.is_out_of_service() {
                refusal(503, "the plugin of this route is out of service")
            } else {
                self.answer(&instance, request)
            }
        };
        self.settle();
        match request.method.as_str() {
            "HEAD" => response.body(Vec::new()),
            _ => response,
        }
    }

    /// Calls `on_request`, and again when the disk has given what it has asked for.
    fn answer(&self, instance: &Instance, request: &MemoryRequest) -> Response {
        let ask = |is_again| {
            let mut draft = Draft::new(request, 200);
            let (done, asked) = disk::in_request(is_again, || instance.on_request(&mut draft));
            (done, asked, draft)
        };
        let (mut done, mut asked, mut draft) = ask(false);
        if asked.reads {
            (done, asked, draft) = ask(true);
        }
        match done {
            Some(Err(refused)) => self.failed(&refused.sentence("on_request")),
            _ if asked.is_not_stored => {
                let why = "it was said to who is here, and is not known to be stored";
                refusal(507, &format!("{why}: the disk fails"))
            }
            Some(Ok(())) if draft.status != 426 => draft.into_response(),
            _ => refusal(
                426,
                "this path speaks WebSocket: connect to it with ws:// or wss://",
            ),
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

    fn end_by_server(
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

    /// Another value of the plugin takes over, of this code and with these options: all of it, or nothing.
    ///
    /// # Errors
    /// Why the old one goes on, as the server says it.
    pub(super) fn replace(&self, code: Code, config: &str) -> Result<(), String> {
        let busy = || "a callback has not returned".to_owned();
        let mut gate = self.gate.try_write().map_err(|_| busy())?;
        let (old, new) = (gate.code.state_format, code.state_format);
        if old != new && !code.reads_state_formats.contains(&old) {
            return Err(format!(
                "the new library reads state format {}, the one at work writes {old}: restart the server to replace it",
                code.formats()
            ));
        }
        let seats = lock(&self.seats).clone();
        let mut turns = Vec::new();
        for (client, seat) in &seats {
            let turn = seat.turn.try_lock().map_err(|_| busy())?;
            if turn.is_some() {
                turns.push((*client, seat, turn));
            }
        }
        let state = gate.save_state()?;
        let host = self.new_host(config, Some(old));
        let new = Instance::create(code, host, config, state.as_deref())?;
        let mut moved = Vec::new();
        for (client, seat, turn) in &mut turns {
            match resume(&gate, &new, *client, &seat.request, turn) {
                Ok(session) => moved.push(session),
                Err(why) => {
                    new.host.end();
                    moved
                        .into_iter()
                        .for_each(|session| new.drop_session(session));
                    new.destroy();
                    return Err(why);
                }
            }
        }
        gate.host.end();
        new.host.start();
        let handed_over = moved.len() as u64;
        for ((client, _, turn), session) in turns.iter_mut().zip(moved) {
            if let Some(left) = turn.replace(session) {
                if !left.is_null() && gate.code.functions.drop_session.is_none() {
                    let what = "its session has gone to the new code, and there is no drop_session to free it";
                    self.counts().leak(format!("client {client}: {what}"));
                }
                gate.drop_session(left);
            }
        }
        self.counts().handed_over += handed_over;
        let old = std::mem::replace(&mut *gate, Arc::new(new));
        drop(turns);
        drop(gate);
        old.destroy();
        self.settle();
        Ok(())
    }

    /// The server stops: every client is closed with 1001, then the value ends.
    pub(super) fn stop(&self) {
        self.world.lock().is_over = true;
        let clients: Vec<u64> = lock(&self.seats).keys().copied().collect();
        for client in clients {
            self.on_turn(client, |instance, turn| {
                self.end_by_server(instance, client, turn, 1001, "the server stops");
            });
        }
        self.settle();
        self.instance().destroy();
    }

    /// The server stops and starts again: another value of the same code begins, with these options and nobody here.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn restart(&self, config: &str) -> Result<(), String> {
        self.stop();
        let mut gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        gate.host.end();
        self.world.lock().start_anew();
        let host = self.new_host(config, None);
        let new = Instance::create(gate.code.clone(), host, config, None)?;
        new.host.start();
        *gate = Arc::new(new);
        Ok(())
    }

    fn new_host(&self, config: &str, old_state_format: Option<u32>) -> &'static MemoryHost {
        let path = self.paths.first().map_or("/", String::as_str);
        MemoryHost::leak(
            host_table::table(),
            self.world.clone(),
            path,
            config,
            self.folders.clone(),
            old_state_format,
        )
    }
}

fn resume(
    old: &Instance,
    new: &Instance,
    client: u64,
    request: &MemoryRequest,
    turn: &mut Option<Session>,
) -> Result<Session, String> {
    let Some(session) = turn else {
        return Err(format!("client {client}: it has gone"));
    };
    let saved = old.save_session(client, session)?;
    new.on_open(client, request, Some(saved.as_deref()))
        .map_err(|(refused, _)| format!("client {client}: {}", refused.sentence("on_resume")))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refusal(status: u16, why: &str) -> Response {
    Response::text(format!("{why}\n")).status(status)
}

fn fault_reason(refused: &Refused) -> &'static str {
    match refused.status {
        abi::PANICKED => "the plugin panicked",
        _ => "the plugin failed",
    }
}
