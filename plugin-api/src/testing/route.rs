//! A route of a test: a plugin on a host in memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::ask::Ask;
use super::client::Client;
use super::code::Code;
use super::counts::Counts;
use super::host::{Folders, MemoryHost};
use super::host_table;
use super::http::MemoryRequest;
use super::instance::Instance;
use super::shared::Shared;
use super::world::{Keeping, World};
use crate::declaration::Exported;
use crate::{ClientId, GapCause, Response, abi};

/// What a [`Route`] is started with.
///
/// ```
/// # use plugin_api::{Client, Config, Host, Message, Plugin, Result};
/// # struct Echo;
/// # impl Plugin for Echo {
/// #     type Session = ();
/// #     fn create(_: Host, _: Config) -> Result<Self> { Ok(Echo) }
/// #     fn on_message(&self, client: &Client, _: &mut (), message: Message) -> Result {
/// #         client.send(message)?;
/// #         Ok(())
/// #     }
/// # }
/// # plugin_api::export!(Echo, path = "/echo");
/// # fn main() {
/// use plugin_api::testing::Route;
///
/// let route = Route::of::<Echo>().path("/elsewhere").start();
/// route.connect("/elsewhere");
/// let wrong = Route::of::<Echo>().option("seats", 7).try_start();
/// assert!(wrong.is_err_and(|why| why.contains("`seats`")));
/// # }
/// ```
pub struct Setup {
    code: Result<Code, String>,
    options: Map<String, Value>,
    paths: Option<Vec<String>>,
    folders: Folders,
    journals: Keeping,
}

/// A plugin at work on a host in memory. It stops when it is dropped: every client is closed, and a session that
/// nobody could free fails the test.
///
/// ```
/// # use plugin_api::{Client, Config, Host, Message, Plugin, Result};
/// # struct Echo;
/// # impl Plugin for Echo {
/// #     type Session = ();
/// #     fn create(_: Host, _: Config) -> Result<Self> { Ok(Echo) }
/// #     fn on_message(&self, client: &Client, _: &mut (), message: Message) -> Result {
/// #         client.send(message)?;
/// #         Ok(())
/// #     }
/// # }
/// # plugin_api::export!(Echo, path = "/echo");
/// # fn main() {
/// use plugin_api::testing::{Ask, Route};
///
/// let route = Route::of::<Echo>().start();
/// let ann = route.connect(Ask::get("/echo").header("X-Token", "7f3a"));
/// assert_eq!(route.clients(), [ann.id()]);
/// assert_eq!(route.request("/echo").status_code(), 426);
/// route.replace_by_itself().expect("the same code takes over");
/// ann.send("still here");
/// assert_eq!(ann.text(), "still here");
/// # }
/// ```
pub struct Route {
    shared: Arc<Shared>,
    options: Map<String, Value>,
    is_stopped: AtomicBool,
}

impl Setup {
    fn new(code: Result<Code, String>) -> Setup {
        Setup {
            code,
            options: Map::new(),
            paths: None,
            folders: Folders {
                config: std::env::current_dir().unwrap_or_default(),
                state: None,
            },
            journals: Keeping {
                messages_max: 100,
                has_file: false,
            },
        }
    }

    /// Sets an option of the route, as in `[route.options]`.
    ///
    /// # Panics
    /// The value has no form in JSON.
    #[must_use]
    #[track_caller]
    pub fn option(mut self, name: &str, value: impl Serialize) -> Setup {
        set(&mut self.options, name, value);
        self
    }

    /// Serves another path than the plugin's own, such as `/room/{name}`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Setup {
        self.paths = Some(vec![path.to_owned()]);
        self
    }

    /// Where relative paths in options begin; the folder that the test runs in by default.
    #[must_use]
    pub fn config_folder(mut self, folder: impl Into<PathBuf>) -> Setup {
        self.folders.config = folder.into();
        self
    }

    /// Where the plugin keeps what outlives it; by default the server has no such folder.
    #[must_use]
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> Setup {
        self.folders.state = Some(folder.into());
        self
    }

    /// Messages that each journal keeps; 100 by default.
    #[must_use]
    pub fn journal_messages(mut self, count: usize) -> Setup {
        self.journals.messages_max = count;
        self
    }

    /// The journals are in a file: something can be durable, and what was said before a [restart](Route::restart) is there.
    /// What comes before the last 4 MiB is in the file alone: [`Host::read_kept`](crate::Host::read_kept) of it is
    /// [`JournalError::Later`](crate::JournalError::Later) in a callback, and `on_request` is called again. Without this
    /// they are in memory.
    #[must_use]
    pub fn journal_file(mut self) -> Setup {
        self.journals.has_file = true;
        self
    }

    /// Makes the plugin's value and serves it.
    ///
    /// # Panics
    /// `create` fails: see [`try_start`](Setup::try_start) for a test of that.
    #[track_caller]
    pub fn start(self) -> Route {
        match self.try_start() {
            Ok(route) => route,
            Err(why) => panic!("the route is not served: {why}"),
        }
    }

    /// As [`start`](Setup::start).
    ///
    /// # Errors
    /// What the server would say where `create` fails.
    pub fn try_start(self) -> Result<Route, String> {
        let code = self.code?;
        let paths = self.paths.unwrap_or_else(|| code.paths.clone());
        let world = World::new(self.journals);
        let path = paths.first().map_or("/", String::as_str);
        let config = Value::Object(self.options.clone()).to_string();
        let host = MemoryHost::leak(
            host_table::table(),
            world.clone(),
            path,
            &config,
            self.folders.clone(),
            None,
        );
        let instance = Instance::create(code, host, &config, None)?;
        Ok(Route {
            shared: Arc::new(Shared::new(world, instance, paths, self.folders)),
            options: self.options,
            is_stopped: AtomicBool::new(false),
        })
    }

    /// What `server --check` says of the options, without a value of the plugin where the plugin can do that.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(self) -> Result<(), String> {
        let config = Value::Object(self.options.clone()).to_string();
        let checked = match &self.code {
            Ok(code) => code.check(&config),
            Err(why) => Some(Err(why.clone())),
        };
        // On a host that does nothing, as the server does it; a route that is never at work.
        checked.unwrap_or_else(|| self.try_start().map(drop))
    }
}

impl Route {
    /// The plugin of this crate, whose `export!` is in it.
    ///
    /// ```
    /// use plugin_api::testing::Route;
    /// # use plugin_api::{Client, Config, Host, Message, Plugin, Result};
    /// # struct Echo;
    /// # impl Plugin for Echo {
    /// #     type Session = ();
    /// #     fn create(_: Host, _: Config) -> Result<Self> { Ok(Echo) }
    /// #     fn on_message(&self, client: &Client, _: &mut (), message: Message) -> Result {
    /// #         client.send(message)?;
    /// #         Ok(())
    /// #     }
    /// # }
    /// # plugin_api::export!(Echo, path = "/echo");
    /// # fn main() {
    ///
    /// let route = Route::of::<Echo>().start();
    /// let client = route.connect("/echo");
    /// client.send("hello");
    /// assert_eq!(client.text(), "hello");
    /// # }
    /// ```
    #[must_use]
    pub fn of<P: Exported>() -> Setup {
        Setup::new(Ok(Code::of::<P>()))
    }

    /// The plugin in a library file, in whatever language it is written.
    #[must_use]
    pub fn of_library(file: impl AsRef<Path>) -> Setup {
        Setup::new(Code::of_library(file.as_ref()))
    }

    /// A client connects: by a path, or by an [`Ask`] that says more.
    ///
    /// # Panics
    /// It is refused: see [`try_connect`](Route::try_connect) for a test of that.
    #[track_caller]
    pub fn connect(&self, ask: impl Into<Ask>) -> Client {
        match self.try_connect(ask) {
            Ok(client) => client,
            Err(refusal) => panic!(
                "the client is refused: {} {}",
                refusal.status_code(),
                refusal.body_text()
            ),
        }
    }

    /// A client connects, or is refused.
    ///
    /// # Errors
    /// What it is answered.
    ///
    /// # Panics
    /// It is an event stream, or waits for one message, and the plugin takes none such.
    #[track_caller]
    pub fn try_connect(&self, ask: impl Into<Ask>) -> Result<Client, Response> {
        let ask = ask.into();
        let (is_event_stream, waits) = (ask.is_event_stream, ask.waits);
        let mut request = self.asked(ask)?;
        request.kind = Some(match (is_event_stream, waits) {
            (_, Some(_)) => "poll",
            (true, None) => "event-stream",
            (false, None) => "websocket",
        });
        assert!(
            request.kind == Some("websocket") || self.shared.instance().code.has_event_stream,
            "the plugin takes no event streams: `event_stream = true` in `export!` says that it does"
        );
        let opened = self.shared.connect(request, waits)?;
        Ok(Client::new(self.shared.clone(), opened))
    }

    /// A plain request of HTTP, and its answer.
    pub fn request(&self, ask: impl Into<Ask>) -> Response {
        match self.asked(ask.into()) {
            Ok(request) => self.shared.request(&request),
            Err(not_found) => not_found,
        }
    }

    fn asked(&self, ask: Ask) -> Result<MemoryRequest, Response> {
        let path = ask.request.path.clone();
        let paths = &self.shared.paths;
        ask.on(paths).ok_or_else(|| {
            let served = paths.join(", ");
            Response::text(format!("no route on {path}; this one is on {served}\n")).status(404)
        })
    }

    /// Lets time pass: every timer that is due until then fires, in order, on this thread. Time passes by nothing else.
    ///
    /// # Panics
    /// There is no end of timers.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.shared.advance(by);
    }

    /// Fires the timer that is due next, however far away that is; false where none is set.
    pub fn fire_next_timer(&self) -> bool {
        self.shared.fire_next(Duration::MAX)
    }

    /// How long until the next timer is due.
    pub fn next_timer(&self) -> Option<Duration> {
        let (due, _) = self.shared.instance().host.next_timer()?;
        Some(due.saturating_sub(self.shared.world.lock().now))
    }

    /// Replaces the code by the plugin `P`, such as the next version, as a SIGHUP does: with state and sessions, all of
    /// it or nothing.
    ///
    /// # Errors
    /// Why the old one goes on.
    pub fn replace_by<P: Exported>(&self) -> Result<(), String> {
        self.replace(Code::of::<P>())
    }

    /// Replaces the code by that of a library file.
    ///
    /// # Errors
    /// Why the old one goes on.
    pub fn replace_by_library(&self, file: impl AsRef<Path>) -> Result<(), String> {
        self.replace(Code::of_library(file.as_ref())?)
    }

    /// Replaces the code by itself: what `save_state` and `save_session` say is all that is left.
    ///
    /// # Errors
    /// Why the old one goes on.
    pub fn replace_by_itself(&self) -> Result<(), String> {
        self.replace(self.shared.instance().code.clone())
    }

    fn replace(&self, code: Code) -> Result<(), String> {
        let config = Value::Object(self.options.clone()).to_string();
        self.shared.replace(code, &config)
    }

    /// Changes an option, as a SIGHUP does: `reconfigure`, or else a new value of the plugin takes over.
    ///
    /// # Errors
    /// Why all stays as it was.
    ///
    /// # Panics
    /// The value has no form in JSON.
    #[track_caller]
    pub fn reload_with(&mut self, name: &str, value: impl Serialize) -> Result<(), String> {
        let mut options = self.options.clone();
        set(&mut options, name, value);
        let config = Value::Object(options.clone()).to_string();
        let instance = self.shared.instance();
        if !instance.reconfigure(&config)? {
            self.shared.replace(instance.code.clone(), &config)?;
        }
        self.shared.settle();
        self.options = options;
        Ok(())
    }

    /// The server is started anew: every client is closed with 1001, and another value of the plugin begins, with nothing
    /// but what it has put into files. Journals in memory are gone, and their positions with them; those in a
    /// [file](Setup::journal_file) are there.
    ///
    /// # Panics
    /// `create` fails, which it did not at first.
    #[track_caller]
    pub fn restart(&mut self) {
        let config = Value::Object(self.options.clone()).to_string();
        if let Err(why) = self.shared.restart(&config) {
            panic!("the route is not served again: {why}");
        }
    }

    /// Whether the disk of the journals' [file](Setup::journal_file) fails from now on: what is to be durable is not stored.
    /// It is said all the same.
    pub fn let_disk_fail(&self, fails: bool) {
        self.shared.world.lock().disk_fails = fails;
    }

    /// Something that other hosts have said is missing, as on a route that is shared: every client is closed with 1013, what
    /// is kept begins anew, and the plugin is told by [`on_gap`](crate::Plugin::on_gap).
    pub fn lose(&self, cause: GapCause) {
        self.shared.lose(match cause {
            GapCause::Missed => abi::GAP_MISSED,
            GapCause::Lost => abi::GAP_LOST,
        });
    }

    /// Clients that the plugin can speak to now.
    pub fn clients(&self) -> Vec<ClientId> {
        self.shared.settle();
        let state = self.shared.world.lock();
        let open = state.clients.iter().filter(|(_, guest)| guest.is_open);
        open.map(|(client, _)| ClientId(*client)).collect()
    }

    /// Members of a topic.
    pub fn members(&self, topic: &str) -> Vec<ClientId> {
        self.shared.settle();
        let members = self.shared.world.lock().members(topic);
        members.into_iter().map(ClientId).collect()
    }

    /// How often clients were opened and closed so far.
    pub fn counts(&self) -> Counts {
        self.shared.settle();
        self.shared.counts().clone()
    }

    /// What the plugin has logged in its callbacks, and what went wrong in them: `INFO plugin::chat: ...`. A panic
    /// stands in it with its place.
    pub fn log(&self) -> Vec<String> {
        self.shared.world.lock().log.clone()
    }

    /// The value of a metric of the plugin's own, by name and values of its labels; of a histogram, how often it
    /// observed. None where there is no such series.
    pub fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        self.shared.world.lock().metrics.value(name, labels)
    }

    /// The server stops: every client is closed with 1001, and the plugin's value is dropped. Gives what was counted.
    ///
    /// # Panics
    /// A session leaks: nobody can free it any more.
    #[track_caller]
    pub fn stop(self) -> Counts {
        self.end();
        self.shared.counts().clone()
    }

    #[track_caller]
    fn end(&self) {
        if self.is_stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        self.shared.stop();
        let leaks = self.shared.counts().leaks.clone();
        assert!(
            leaks.is_empty() || std::thread::panicking(),
            "sessions leak:\n{}",
            leaks.join("\n")
        );
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.end();
    }
}

#[track_caller]
fn set(options: &mut Map<String, Value>, name: &str, value: impl Serialize) {
    let value = serde_json::to_value(value).expect("an option has a form in JSON");
    options.insert(name.to_owned(), value);
}

impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = &self.shared.paths;
        formatter
            .debug_struct("Route")
            .field("paths", paths)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        formatter
            .debug_struct("Setup")
            .field("options", options)
            .finish_non_exhaustive()
    }
}
