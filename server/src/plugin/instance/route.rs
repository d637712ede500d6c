//! A route: a path, and the instance that serves it now.
//!
//! Connection threads and the timers thread come in through here; the main thread replaces the
//! instance. Two kinds of lock keep a callback and a replacement apart: each client's seat (see
//! `roster`), held by its connection thread from `on_message` to `on_close`, and the route's gate,
//! held for reading by callbacks that have no seat. A replacement takes the gate and all seats.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use log::warn;
use parking_lot::{Mutex, RwLock};
use plugin_api::abi::TimerId;

use super::Instance;
use super::callbacks::{CallbackError, FailedOpen, Upgrade};
use crate::compression::Effort;
use crate::counters::{COUNTERS, Exchanged, OwnMetrics, RouteCounts, Visits};
use crate::engine::hosts::{Here, Hosts};
use crate::engine::{self, Engine, Shared};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::hub::{Event, Message, QueueLoad};
use crate::ids::{ClientId, RouteId};
use crate::journal::Bounds;
use crate::journal::store::Store;
use crate::outbox::Outbox;
use crate::outbox::cause::{Cause, GOING_AWAY, INTERNAL, Initiator};
use crate::plugin::host::client_view_table::Shown;
use crate::plugin::host::{Due, RouteParts, Services, answers};
use crate::plugin::library::Library;
use crate::roster::activity::{Activity, Running};
use crate::roster::callback_times::CallbackTimes;
use crate::roster::{Seat, Session};
use crate::threads::{crash, fault_point};

/// One path, for as long as it is served.
pub struct Route {
    pub(in crate::plugin) parts: RouteParts,
    pub(in crate::plugin) gate: RwLock<()>,
    /// Changed only by who holds the gate for writing; locked for a moment.
    current: Mutex<Arc<Instance>>,
    timer_activity: Activity,
    /// Why its clients were closed, once it is served no more.
    farewell: OnceLock<Cause>,
}

impl Route {
    /// A route whose instance does not work yet. Main thread; blocks as long as the plugin's
    /// `create` does.
    ///
    /// # Errors
    /// The text of the plugin's error or panic.
    pub fn create(
        library: Arc<Library>,
        id: RouteId,
        path: &str,
        config: &str,
        services: Services,
    ) -> Result<Arc<Route>, String> {
        let parts = RouteParts {
            id,
            path: path.into(),
            hub: services.hub.open(id),
            services,
            clients: Arc::default(),
            times: Arc::default(),
            own_metrics: Arc::default(),
            has_file: Arc::default(),
            shared: Arc::default(),
        };
        let instance = Instance::create(library, parts.clone(), 0, config, None)
            .inspect_err(|_| parts.hub.end())?;
        Ok(Arc::new(Route {
            parts,
            gate: RwLock::new(()),
            current: Mutex::new(instance),
            timer_activity: Activity::default(),
            farewell: OnceLock::new(),
        }))
    }

    /// The instance goes to work: what it has sent goes out, its timers run. Main thread, before
    /// the first client comes.
    pub fn start(self: &Arc<Route>) {
        self.put_to_work(&self.instance());
    }

    /// Makes `instance` the current one. Main thread; for a replacement, with the gate held.
    pub(in crate::plugin) fn put_to_work(self: &Arc<Route>, instance: &Arc<Instance>) {
        *self.current.lock() = instance.clone();
        crash::note_name(self.id().0, instance.title);
        instance.host.outgoing.release();
        let (route, timed) = (Arc::downgrade(self), Arc::downgrade(instance));
        instance.host.timers.start(Arc::new(move |due| {
            let (route, instance) = (route.upgrade()?, timed.upgrade()?);
            match due {
                Due::Timer(timer) => {
                    route.on_timer(&instance, timer);
                    None
                }
                Due::Turn(client) => route.attend(&instance, client),
                Due::Task(client, job) => {
                    let roster = &route.parts.services.roster;
                    // One that has gone is forgotten, and of one whose turn is long over this time is skipped.
                    roster.put_call(client, route.id(), job).ok()?;
                    route.attend(&instance, client)
                }
            }
        }));
    }

    /// The route's number.
    pub fn id(&self) -> RouteId {
        self.parts.id
    }

    /// The route's path.
    pub fn path(&self) -> Arc<str> {
        self.parts.path.clone()
    }

    /// Clients that are on the route.
    pub fn client_count(&self) -> u64 {
        self.parts.clients.load(Ordering::Acquire)
    }

    /// The instance that serves it now.
    pub fn instance(&self) -> Arc<Instance> {
        self.current.lock().clone()
    }

    /// The library behind it now.
    pub fn library(&self) -> Arc<Library> {
        self.instance().library.clone()
    }

    /// The options of its plugin now, as JSON.
    pub fn config(&self) -> Arc<str> {
        self.instance().host.config()
    }

    /// Takes it back into service; true where it was out for its panics. What whoever runs the server has put
    /// out stays so.
    pub fn return_to_service(&self) -> bool {
        self.instance().faults.forgive()
    }

    /// Whoever runs the server puts it out of service, whatever is replaced or reloaded until he puts it in
    /// again, or in, whatever it was out for. False where it is so already. Any thread.
    pub fn hold_out(&self, is_held_out: bool) -> bool {
        let was_held_out = self
            .parts
            .times
            .is_held_out
            .swap(is_held_out, Ordering::AcqRel);
        if !is_held_out {
            let was_faulty = self.instance().faults.forgive();
            return was_held_out || was_faulty;
        }
        if !was_held_out {
            let cause = Cause::server(GOING_AWAY, "the route was put out of service");
            self.parts.hub.post(Event::CloseAll { cause });
        }
        !was_held_out
    }

    /// Whether it is out of service since whoever runs the server says so.
    pub fn is_held_out(&self) -> bool {
        self.parts.times.is_held_out.load(Ordering::Acquire)
    }

    /// Whether nothing of it is called but `on_close`.
    pub fn is_out_of_service(&self) -> bool {
        self.instance().is_out_of_service()
    }

    /// How its callbacks went.
    pub fn times(&self) -> &CallbackTimes {
        &self.parts.times
    }

    /// What its plugin counts for itself.
    pub fn own_metrics(&self) -> &OwnMetrics {
        &self.parts.own_metrics
    }

    /// What is counted of it by the hub, and where clients come and leave.
    pub fn counts(&self) -> &Arc<RouteCounts> {
        self.parts.hub.counts()
    }

    /// The way to other hosts, where it is shared with some.
    pub fn shared(&self) -> Option<&Arc<Shared>> {
        self.parts.shared.get()
    }

    /// What waits for the hub.
    pub fn queue_load(&self) -> QueueLoad {
        self.parts.hub.load()
    }

    /// A timer callback that runs.
    pub fn busy_timer(&self) -> Option<Running> {
        self.timer_activity.running()
    }

    /// Connection thread, before 101.
    ///
    /// # Errors
    /// The callback failed or panicked.
    pub fn on_upgrade(
        &self,
        client: ClientId,
        request: &Request,
    ) -> Result<Upgrade, CallbackError> {
        let _gate = self.gate.read();
        self.instance().on_upgrade(client, request)
    }

    /// Connection thread: plain HTTP. None where the plugin serves none. Behind the callback it waits for the disk
    /// where the answer is to: woken by the file's thread, and looks now and then whether the client `is_here`.
    ///
    /// # Errors
    /// The callback failed or panicked, or what was to be stored is not.
    pub fn on_request(
        &self,
        client: ClientId,
        request: &Request,
        is_here: impl Fn() -> bool,
    ) -> Result<Option<Response>, CallbackError> {
        let waits = answers::Request::begin();
        let answer = loop {
            let answer = {
                let _gate = self.gate.read();
                self.instance().on_request(client, request)
            };
            if !waits.waits_for_read(&is_here) {
                break answer;
            }
        };
        waits.wait_until_stored(is_here)?;
        answer
    }

    fn on_timer(&self, instance: &Arc<Instance>, timer: TimerId) {
        let _gate = self.gate.read();
        // A replacement that this thread has waited for may have retired it.
        if Arc::ptr_eq(instance, &self.instance()) {
            let _says_where = crash::run_for(self.timer_activity.word(), 0);
            instance.on_timer(&self.timer_activity, timer);
        }
    }

    /// It is served no more: closes its clients, and those that are still in their handshake when
    /// they come in. Main thread.
    pub fn close_clients(&self, cause: Cause) {
        // Before the event: whose arrival the hub sees behind it finds this set.
        self.farewell.set(cause.clone()).ok();
        self.parts.hub.post(Event::CloseAll { cause });
    }

    /// So much is kept of its topics from now on. Main thread.
    pub fn bound_journals(&self, bounds: Bounds) {
        self.parts.hub.post(Event::Bound { bounds });
    }

    /// Messages are compressed with this effort from now on, for who has agreed to it. Main thread.
    pub fn set_compression(&self, effort: Effort) {
        self.parts.hub.demand().set_effort(effort);
    }

    /// What is kept is in a file from now on, when that is open. Main thread; waits for the disk, some seconds at most.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn keep_in_file(&self, file: PathBuf, bounds: Bounds) -> io::Result<Store<Message>> {
        let hub = self.parts.hub.clone();
        self.parts.has_file.store(true, Ordering::Release);
        let tell = move |news| {
            hub.post(Event::Store(Box::new(news)));
        };
        Store::start(file, &self.parts.path, bounds, tell)
    }

    /// What is said on it goes to other hosts and comes from there. Main thread, before it starts; waits until what there is
    /// was read, or Redis is found to be away: some seconds at most.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn share(&self, terms: &engine::Terms, hosts: &Hosts) -> io::Result<Engine> {
        let RouteParts {
            path,
            id,
            hub,
            shared,
            clients,
            services,
            ..
        } = &self.parts;
        let (roster, route) = (services.roster.clone(), *id);
        let here = Here {
            count: clients.clone(),
            each: Box::new(move |show| {
                roster.for_each_connection(|client, of, outbox, _| {
                    if of == Some(route) {
                        show(client, outbox);
                    }
                });
            }),
        };
        let engine = Engine::start(path.clone(), *id, hub.clone(), terms, hosts, here)?;
        shared.set(engine.shared()).ok();
        Ok(engine)
    }

    /// What is kept is in memory from now on. Main thread.
    pub fn leave_file(&self) {
        self.parts.has_file.store(false, Ordering::Release);
        self.parts.hub.post(Event::LeaveFile);
    }

    /// What is kept is looked through for what is too old. Main thread.
    pub fn tidy_journals(&self) {
        self.parts.hub.post(Event::Tidy);
    }

    /// No timer of it fires any more, so that nobody but clients holds on to it.
    pub fn stop_timers(&self) {
        self.instance().host.timers.stop();
    }

    /// No timer fires any more. What it gives back ends when the callback that runs now, if any,
    /// returns. Main thread.
    pub fn end_timers(&self) -> Option<JoinHandle<()>> {
        self.instance().host.timers.end()
    }

    /// Hands changed options to the plugin. False where it wants to be made anew for them. Main
    /// thread; blocks as long as the plugin does.
    ///
    /// # Errors
    /// The text of the plugin's error or panic.
    pub fn reconfigure(&self, config: &str) -> Result<bool, String> {
        self.instance().reconfigure(config)
    }

    /// Ends the route. Main thread, once, when no callback of it runs and none can follow; blocks
    /// as long as the plugin's `destroy` does.
    pub fn end(&self) {
        self.instance().destroy();
        self.parts.hub.end();
    }
}

/// A client at its route: how its connection thread calls the plugin. Stays on that thread.
pub struct Place {
    route: Arc<Route>,
    client: ClientId,
    /// The instance that made the session, as far as this thread knows.
    instance: Arc<Instance>,
    /// What was said in its place, and answered, before it came.
    before: Exchanged,
    /// The session has not ended.
    is_open: bool,
    /// Callbacks may see the handshake.
    _shown: Shown,
}

impl Place {
    /// Puts the client on the route: named by plugins, counted, a member of everyone; then its
    /// `on_open`.
    ///
    /// # Errors
    /// The callback failed or panicked; the client has left the route again, and of a plugin built against 1.1 or
    /// later `on_close` has undone what had begun.
    #[inline(never)]
    pub fn open(
        route: Arc<Route>,
        client: ClientId,
        outbox: &Arc<Outbox>,
        request: Box<Request>,
    ) -> Result<Place, CallbackError> {
        arrive(&route.parts, client, outbox.clone());
        let request = Arc::from(request);
        // From here on whatever goes wrong takes the client off the route again.
        let mut place = Place {
            instance: route.instance(),
            before: route.parts.services.roster.traffic(client).exchanged(),
            route,
            client,
            is_open: true,
            _shown: Shown::to_callbacks(client, Arc::clone(&request)),
        };
        place.take_seat(outbox, request)?;
        Ok(place)
    }

    /// Its `on_open`. Where that fails there is no session, and dropping the place calls no `on_close`.
    fn take_seat(
        &mut self,
        outbox: &Arc<Outbox>,
        request: Arc<Request>,
    ) -> Result<(), CallbackError> {
        let route = self.route.clone();
        let _gate = route.gate.read();
        self.instance = route.instance();
        let instance = self.instance.clone();
        fault_point("open");
        // The hub may have closed everyone before it saw this one.
        if let Some(cause) = route.farewell.get() {
            outbox.close(cause.clone());
        } else if instance.is_out_of_service() {
            outbox.close(Instance::out_of_service());
        }
        let session = match instance.on_open(self.client, &request) {
            Ok(session) => session,
            Err(failed) => return Err(self.undo(failed)),
        };
        let seat = Seat {
            route: route.id(),
            generation: instance.generation,
            session,
            request,
        };
        route.parts.services.roster.seat(self.client, seat);
        for visits in [&COUNTERS.of(self.client).visits, &*route.counts().visits] {
            visits.opened.add(1);
        }
        Ok(())
    }

    /// Its `on_open` has failed: `on_close` follows where that is what the plugin expects. The gate is held.
    fn undo(&mut self, failed: FailedOpen) -> CallbackError {
        let FailedOpen { error, left } = failed;
        if let Some(mut left) = left {
            self.is_open = false;
            depart(&self.route.parts, self.client);
            let cause = Cause::server(INTERNAL, error.reason());
            if let Err(error) = self.instance.on_close(self.client, &mut left, &cause) {
                warn!("client {} on {}: {error}", self.client, self.route.path());
            }
            self.end_turns();
            self.count_traffic();
        }
        error
    }

    /// The path of the route.
    pub fn path(&self) -> Arc<str> {
        self.route.path()
    }

    /// Runs `call` with the instance that serves the client now, and its session. Blocks while the
    /// plugin is being replaced, at most for a bounded time and as long as the new one takes.
    ///
    /// None never happens between `open` and `close`.
    pub fn call<T>(&mut self, call: impl FnOnce(&Instance, &mut Session) -> T) -> Option<T> {
        let roster = &self.route.parts.services.roster;
        let mut seat = roster.seat_of(self.client).lock();
        let seat = seat.as_mut()?;
        if seat.generation != self.instance.generation {
            self.instance = self.route.instance();
        }
        let answer = call(&self.instance, &mut seat.session);
        if roster.has_calls(self.client) {
            self.instance.run_calls(self.client, &mut seat.session);
        }
        Some(answer)
    }

    /// Takes the client off the route, then calls its `on_close`.
    ///
    /// # Errors
    /// The callback failed or panicked; the client is off the route in any case.
    pub fn close(mut self, cause: &Cause) -> Result<(), CallbackError> {
        self.end(cause)
    }

    fn end(&mut self, cause: &Cause) -> Result<(), CallbackError> {
        self.is_open = false;
        depart(&self.route.parts, self.client);
        let roster = &self.route.parts.services.roster;
        let mut seat = roster.seat_of(self.client).lock();
        // Empty from here on: a replacement waits for the lock and then passes this client over.
        let result = seat.take().map_or(Ok(()), |mut left| {
            for visits in [
                &COUNTERS.of(self.client).visits,
                &*self.route.counts().visits,
            ] {
                count_closed(visits, cause);
            }
            if left.generation != self.instance.generation {
                self.instance = self.route.instance();
            }
            self.instance
                .on_close(self.client, &mut left.session, cause)
        });
        roster.unseat(self.client);
        drop(seat);
        self.end_turns();
        self.count_traffic();
        result
    }

    /// Nothing is done on its turn any more.
    fn end_turns(&self) {
        drop(self.route.parts.services.roster.take_calls(self.client));
        self.instance.host.timers.forget(self.client);
    }

    /// What it has said and was answered counts among what the route's past clients have.
    fn count_traffic(&self) {
        let roster = &self.route.parts.services.roster;
        let all = roster.traffic(self.client).exchanged();
        self.route.counts().add_left(all.since(self.before));
    }
}

impl Drop for Place {
    /// It is still open only where `on_open` has failed or its thread panics: the hub hears of the end all
    /// the same, and the plugin where there is a session.
    fn drop(&mut self) {
        if self.is_open
            && let Err(error) = self.end(&Cause::fault())
        {
            warn!("client {} on {}: {error}", self.client, self.route.path());
        }
    }
}

fn arrive(route: &RouteParts, client: ClientId, outbox: Arc<Outbox>) {
    route.services.roster.open(client, route.id);
    route.clients.fetch_add(1, Ordering::AcqRel);
    route.services.roster.enter_hub(client);
    if let Some(need) = outbox.encoding().need() {
        // What is said from now on is compressed for it, though the hub may not have come to it.
        route.hub.demand().note(need);
    }
    // Whatever concerns the client is posted after this.
    route.hub.post(Event::Opened { client, outbox });
}

fn count_closed(visits: &Visits, cause: &Cause) {
    let closed = match cause.initiator {
        Initiator::Peer => &visits.closed_by_peer,
        Initiator::Plugin => &visits.closed_by_plugin,
        Initiator::Server => &visits.closed_by_server,
    };
    closed.add(cause.code);
}

fn depart(route: &RouteParts, client: ClientId) {
    route.services.roster.close(client);
    route.clients.fetch_sub(1, Ordering::AcqRel);
    route.hub.post(Event::Closed { client });
}

#[cfg(test)]
mod tests;
