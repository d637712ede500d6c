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

use parking_lot::{Mutex, RwLock};
use plugin_api::abi::TimerId;

use super::Instance;
use super::callbacks::{CallbackError, Upgrade};
use crate::compression::Effort;
use crate::counters::{OwnMetrics, RouteCounts};
use crate::engine::hosts::{Here, Hosts};
use crate::engine::{self, Engine, Gap, Shared};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::hub::{Event, Message, QueueLoad};
use crate::ids::{ClientId, RouteId};
use crate::journal::Bounds;
use crate::journal::store::Store;
use crate::outbox::cause::{Cause, GOING_AWAY};
use crate::plugin::host::{Due, RouteParts, Services, TimersEnd, answers};
use crate::plugin::library::Library;
use crate::roster::activity::{Activity, Running};
use crate::roster::callback_times::CallbackTimes;
use crate::threads::crash;

/// One path, for as long as it is served.
pub struct Route {
    pub(in crate::plugin) parts: RouteParts,
    pub(in crate::plugin) gate: RwLock<()>,
    /// Changed only by who holds the gate for writing; locked for a moment.
    current: Mutex<Arc<Instance>>,
    pub(super) timer_activity: Activity,
    /// What is missing of what hosts have said, and its plugin is yet to be told.
    pub(super) gap: Mutex<Option<Gap>>,
    /// Why its clients were closed, once it is served no more.
    pub(super) farewell: OnceLock<Cause>,
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
            gap: Mutex::default(),
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
                Due::Gap => {
                    route.on_gap(&instance);
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
        self.ring_for_gap();
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
        let was_out = self.instance().faults.forgive();
        self.ring_for_gap();
        was_out
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
            let was_faulty = self.return_to_service();
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
    pub fn share(self: &Arc<Route>, terms: &engine::Terms, hosts: &Hosts) -> io::Result<Engine> {
        let RouteParts {
            path,
            id,
            hub,
            shared,
            ..
        } = &self.parts;
        let here = self.here();
        let told = Arc::downgrade(self);
        let tell_gap = Box::new(move |gap| {
            if let Some(route) = told.upgrade() {
                route.note_gap(gap);
            }
        });
        let (path, hub) = (path.clone(), hub.clone());
        let engine = Engine::start(path, *id, hub, terms, hosts, here, tell_gap)?;
        shared.set(engine.shared()).ok();
        Ok(engine)
    }

    /// Who is on it, as other hosts are told.
    fn here(&self) -> Here {
        let (roster, route) = (self.parts.services.roster.clone(), self.parts.id);
        Here {
            count: self.parts.clients.clone(),
            each: Box::new(move |show| {
                roster.for_each_connection(|client, of, outbox, _| {
                    if of == Some(route) {
                        show(client, outbox);
                    }
                });
            }),
        }
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

    /// No timer fires any more: when that is true of the callback that runs now, too; none where there was no thread for
    /// them. Main thread.
    pub fn end_timers(&self) -> Option<TimersEnd> {
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

#[cfg(test)]
mod tests;
