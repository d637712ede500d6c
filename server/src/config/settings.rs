//! All settings, checked, with their defaults filled in.
//!
//! Plain data: the main thread reads them and hands out what each room needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::admin::AdminSettings;
use super::client::ClientSettings;
use super::inside::InsideSettings;
use super::journal::JournalSettings;
use super::listeners::ListenerSettings;
use super::option_places::{OptionPlace, OptionPlaces};
use super::options::PluginOptions;
use super::problem::Place;
use crate::engine::{Terms, WhenAway};
use crate::http::host::Host;
use crate::http::peer::Trusted;
use crate::http::provenance::Rules;
use crate::limits::memory::Limit;
use crate::limits::settings as limits;
use crate::logging::LogSettings;

/// Everything that was asked for, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The file that was read; empty where there was none.
    pub file: PathBuf,
    /// Folder of the plugin libraries. No default.
    pub plugins: PathBuf,
    /// Addresses and ports to listen on, and unix sockets; port 0 takes a free one. At least one, default
    /// `127.0.0.1:25252`: opening the server to the world is a deliberate step.
    pub listen: Vec<ListenerSettings>,
    /// Those that have a `[[listener]]` of their own. Default: none.
    pub listeners: Vec<ListenerSettings>,
    /// Names and addresses by which this server is asked for, beside `localhost`, loopback addresses and
    /// the socket's own. Default: none. An insider, and a page that is fetched from this machine past no
    /// proxy, has to ask for one of them.
    pub hosts: Vec<Host>,
    /// Who is inside. Default: it is guessed.
    pub inside: InsideSettings,
    /// Whether a plugin or an option that cannot be used ends the start. Default: no, since one bad
    /// plugin is no reason to keep the others from being served.
    pub is_strict: bool,
    /// Whether owner and mode of the plugin files are checked before they are loaded: a library
    /// that others may write is code of theirs. Default: yes.
    pub strict_modes: bool,
    /// Libraries that this process may load over its whole run. 1 to 900, default 500; each swap of
    /// a plugin's code takes one, since none is ever unloaded.
    pub library_loads_max: usize,
    /// Whether plugins that no `[[route]]` names are served on their own default path. Default: yes.
    pub default_routes: bool,
    /// Folder under which each plugin gets one of its own for what it keeps. Default: systemd's
    /// `STATE_DIRECTORY`, or none.
    pub state_dir: Option<PathBuf>,
    /// Time from the first signal, or the end of `stop_delay`, to the end of the process. 1 ms to 1 day,
    /// default 10 s. Longer lets slow clients get what waits for them.
    pub stop_timeout: Duration,
    /// Time from the first signal to the first client that is closed for it: everything goes on, and who
    /// asks for the server's health is told that it stops. Zero to 1 day, default zero. As long as a
    /// balancer takes to notice.
    pub stop_delay: Duration,
    /// The path on which the server's own health is answered, whatever the name it is asked for by.
    /// Default: none.
    pub health: Option<Box<str>>,
    /// The log.
    pub log: LogSettings,
    /// Networks whose `X-Forwarded-For` and `X-Real-IP` are believed, and whether unix sockets are. Default:
    /// all of this machine. Whoever is in it can pretend to be any client.
    pub trusted_proxies: Trusted,
    /// The listener for the one who runs it. Default: there is none.
    pub admin: AdminSettings,
    /// Limits of the whole server.
    pub limits: ServerLimits,
    /// What holds for each client where its route says nothing else.
    pub client: Arc<ClientSettings>,
    /// The way to other hosts, for the routes that are shared with them. Default: there is none.
    pub redis: Option<Terms>,
    /// The routes, in the order of the file.
    pub routes: Vec<RouteSettings>,
    /// Options from the command line, for plugins on their default path; in `routes` they are
    /// worked in already.
    pub options: PluginOptions,
}

/// Limits of the whole server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once; more are answered 503. 1 to 1,048,576; none, the default, for what the
    /// machine allows.
    pub connections: Option<u32>,
    /// What may be held for clients together. 1% to 100% of what the machine, the control group and `ulimit -v`
    /// leave, or 16 MiB and more; default 50%. More carries more and slower clients, less leaves more to others.
    pub memory: Limit,
    /// Connections of one address at once, of IPv6 of one /64; none, the default, for no limit. 1 to
    /// 1,048,576. A limit hits everyone behind one NAT together.
    pub connections_per_address: Option<u32>,
    /// Request heads that are waited for at once, and requests under way at once. 1 to 1,048,576, default
    /// 1000. More leaves those who are slow more time where many come, less leaves them fewer threads.
    pub handshakes: usize,
    /// Bytes of a request head; more are answered 431. 1 KiB to 60 KiB, default 16 KiB.
    pub head_bytes: usize,
    /// Headers of one request; more are answered 431. 1 to 1000, default 100.
    pub headers: usize,
    /// Bytes of a plain HTTP request's body; more are answered 413. 0 to 64 MiB, default 64 KiB. A
    /// body is held in memory whole.
    pub body_bytes: usize,
    /// Bytes that wait for the hub in the queue of one route; past it, who speaks on that route waits. 64 KiB
    /// to 1 GiB, default 1 MiB; an event counts 2 KiB at least. More evens out bursts, less lets other topics of
    /// a route that is flooded be heard sooner.
    pub route_queue_bytes: u64,
    /// Time for a whole request head and its body; then 408. 1 ms to 1 day, default 10 s.
    pub handshake_timeout: Duration,
    /// Silence between two plain HTTP requests of one connection after which it is closed; zero
    /// closes after each answer. Up to 1 day, default 15 s. Each such connection holds a thread.
    pub keep_alive_timeout: Duration,
}

/// One `[[route]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSettings {
    /// The path that it serves: `/chat`, `/room/{name}` for any one segment, `/files/{*rest}` for
    /// any tail. By it the route is named.
    pub path: String,
    /// Further paths that the same instance serves.
    pub more_paths: Vec<String>,
    /// The name of its plugin.
    pub plugin: String,
    /// Subprotocols of the plugin that are offered here, the preferred first; none for all.
    pub subprotocols: Option<Vec<String>>,
    /// Whether it takes clients of event streams too; none for what its plugin says.
    pub event_stream: Option<bool>,
    /// Whether other hosts have it too, and what is said on it is heard on all of them.
    pub is_shared: bool,
    /// What becomes of what is said on it while Redis is away; none for what `[redis]` says.
    pub when_away: Option<WhenAway>,
    /// What holds for its clients.
    pub client: Arc<ClientSettings>,
    /// What is kept of what is said on its topics.
    pub journal: JournalSettings,
    /// Options for its instance of the plugin, those of `--set` worked in.
    pub options: Map<String, Value>,
    /// Where each of the options was given, for messages.
    pub option_places: OptionPlaces,
    /// Where it begins in the file, for messages.
    pub place: Place,
}

impl Settings {
    /// Everything that is listened on, in the order of the file.
    pub fn all_listeners(&self) -> Vec<ListenerSettings> {
        [self.listen.as_slice(), &self.listeners].concat()
    }

    /// What holds about where requests come from.
    pub fn rules(&self) -> Rules {
        let mut listeners = self.listeners.iter();
        let has_listener = listeners.any(|listener| listener.entry.is_inside);
        Rules {
            trusted_proxies: self.trusted_proxies.clone(),
            inside: self.inside.rules(has_listener),
            hosts: self.hosts.clone(),
        }
    }

    /// Where relative paths in the file begin: its folder, or the one that the server was started in
    /// where there is no file. Absolute.
    pub fn folder(&self) -> PathBuf {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        // Fails where the working directory has been removed: then nothing relative works anyway.
        std::path::absolute(Path::new(".").join(folder)).map_or_else(
            |_| folder.to_owned(),
            |folder| folder.components().collect(),
        )
    }

    /// The place to name for what a plugin says of the options of a route, where it was given any: that
    /// of the option, or of all of them.
    pub fn option_place(&self, route: &RouteSettings, error: &str) -> Option<String> {
        let place = route.option_places.find(&route.plugin, error)?;
        Some(self.place_of_option(&place))
    }

    /// As [`Settings::option_place`], for a plugin on its own default path.
    pub fn set_option_place(&self, plugin: &str, error: &str) -> Option<String> {
        let place = self.options.places(plugin).find(plugin, error)?;
        Some(self.place_of_option(&place))
    }

    fn place_of_option(&self, place: &OptionPlace) -> String {
        match place {
            OptionPlace::File(_) => format!("{}:{place}", self.file.display()),
            OptionPlace::Set(_) => place.to_string(),
        }
    }

    /// Where a route stands, for messages: `detent.toml:12:1`.
    pub fn place(&self, route: &RouteSettings) -> String {
        let Place { line, column } = route.place;
        format!("{}:{line}:{column}", self.file.display())
    }
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits {
            connections: None,
            memory: Limit::default(),
            connections_per_address: None,
            handshakes: limits::HANDSHAKES.default as usize,
            head_bytes: limits::HEAD_BYTES.default as usize,
            headers: limits::HEADERS.default as usize,
            body_bytes: limits::BODY_BYTES.default as usize,
            route_queue_bytes: limits::ROUTE_QUEUE_BYTES.default,
            handshake_timeout: limits::HANDSHAKE_TIMEOUT.default,
            keep_alive_timeout: limits::KEEP_ALIVE_TIMEOUT.default,
        }
    }
}
