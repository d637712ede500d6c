//! Write a plugin for Detent, a WebSocket server whose routes are plugins.
//!
//! A plugin is a dynamic library. Mounted on a path it is a route: one value of your type, with its
//! own configuration, for as long as the server runs. This one sends every message back:
//!
//! ```
//! #![forbid(unsafe_code)]
//! use plugin_api::{Client, Config, Host, Message, Plugin, Result};
//!
//! struct Echo;
//!
//! impl Plugin for Echo {
//!     type Session = ();
//!
//!     fn create(_host: Host, _config: Config) -> Result<Self> {
//!         Ok(Echo)
//!     }
//!
//!     fn on_message(&self, client: &Client, _session: &mut (), message: Message) -> Result {
//!         client.send(message)?;
//!         Ok(())
//!     }
//! }
//!
//! plugin_api::export!(Echo, path = "/echo");
//! # fn main() {}
//! ```
//!
//! In its `Cargo.toml` stands `crate-type = ["cdylib"]` under `[lib]`, and this crate under
//! `[dependencies]`. `cargo build --release` makes `libecho.so`; the server finds it in its plugins
//! folder.
#![doc = include_str!("guide.md")]
//!
//! # Testing
//!
//! With the feature `testing`, `testing::Route` runs a plugin in memory, through the same C entry points that the server
//! calls, so that `cargo test` needs no server: clients with requests of choice, every end of them, timers by the step,
//! replacements. `scripts/new-plugin` of Detent makes a plugin with such a test, inside of its workspace or anywhere else.
//!
//! # Limitations
//!
//! - A plugin is trusted code in the server's process. A panic costs one call; what is worse ends
//!   the server, see [faults](#faults).
//! - A library stays loaded until the server ends, and so do its statics.
//! - The server runs on Linux.
//!
//! # Threads
//!
//! Every client has a thread of its own in the server, and its callbacks run there.
//!
//! - Callbacks of **one** client never overlap. What belongs to it lives in its
//!   [`Session`](Plugin::Session), which comes as `&mut` and needs no lock.
//! - Callbacks of **different** clients do overlap. So a plugin takes `&self` and is `Send + Sync`:
//!   what clients share goes behind a `Mutex`, into an atomic or a channel.
//! - Callbacks **may block**: on a database, a pin, a sleep. That holds up this one client and nobody
//!   else. Do not hold a lock meanwhile that other clients' callbacks want.
//! - [`on_timer`](Plugin::on_timer) runs on a thread for the timers of this plugin, `create` and
//!   the end of the value on the server's main thread. Do not keep that one waiting.
//! - Threads of your own are welcome. Give them a [`Host`] or a [`Client`]: both are small values that
//!   may be copied, kept and used anywhere. End and join such threads in the `Drop` of your plugin.
//!
//! # Clients
//!
//! ```text
//! on_upgrade -> 101 -> on_open -> on_message ... -> on_close
//! ```
//!
//! [`on_upgrade`](Plugin::on_upgrade) admits or refuses before the handshake is answered;
//! [`on_open`](Plugin::on_open) makes the session; [`on_close`](Plugin::on_close) ends it and comes
//! exactly once for each `on_open` that succeeded, whoever closed, with the [`Cause`]; where `on_open` failed,
//! [`on_open_failed`](Plugin::on_open_failed) can undo what it had begun. Plain HTTP on the
//! path of the route goes to [`on_request`](Plugin::on_request), so a route can have a page.
//!
//! # Sending
//!
//! [`Client::send`] to one, [`Host::broadcast`] to all of the route, [`Host::publish`] to the members of
//! a topic. Strings go as text, bytes as binary, [`json`] makes text of anything that serde knows.
//!
//! No call waits for a client: the message is queued and leaves when the callback returns (or with
//! [`Client::flush`]). A client that has gone is no error but [`Delivery::Gone`]. One that is too slow is
//! closed by the server when its backlog is full; the others do not notice. Who says more to many than the server
//! can pass on waits in its call, first come, first served, and only those who speak on the same route do.
//!
//! # Order
//!
//! What one thread does through the host, each client sees in that order: publish, broadcast, send, flush,
//! close; within a callback, and from one callback of a client to the next, also where the plugin is replaced
//! in between. `broadcast`, then `send`, then `close` arrive so. All members of a topic see its messages in one
//! order. Between threads nothing is promised but what their own locks order. What is sent to a client that is given what it has
//! missed (`join_from`) waits for that; what is said meanwhile on other topics that it is a member of already does not wait, and
//! may come before it.
//!
//! [`Client::close`] takes effect at once for what comes in: no further `on_message` of that client, whose
//! messages are dropped from then on, and every call about it answers that it is gone; its Close frame waits for what
//! was said before. What a client has said before it went is delivered, even where nothing can be sent to it any
//! more; then comes `on_close`.
//!
//! # Topics
//!
//! A topic is a name, and all who joined it: [`Client::join`], [`Client::leave`], [`Host::publish`]. The
//! server keeps the members, and forgets a client that goes. All members get the messages of a topic in
//! the same order. Each route has its own topics.
//!
//! # Who is here
//!
//! [`Host::clients`] and [`Host::members`] list clients with what [`Client::set_label`] says that they are called.
//! [`Client::join_told`] joins a topic and tells its other members, at once and when the client is none any more, whether
//! it leaves, closes, vanishes or is closed: [`Presence`] has the words. Whoever joins so and then asks for the list misses
//! nobody and counts nobody double.
//!
//! On a route that several hosts share, [`Host::count_everywhere`] and [`Host::clients_everywhere`] are about all of them, and
//! an [`EverywhereId`] names a client on any: [`Host::send_everywhere`], [`Host::close_everywhere`]. Where something that hosts
//! have said is missing, [`on_gap`](Plugin::on_gap) is told.
//!
//! # Journals
//!
//! What is published with [`Host::publish_kept`] is kept, so that who was away gets it: the last messages of a topic, by
//! number, bytes and age, as `[route.journal]` of the server's configuration says. Each has a [`Position`], an opaque
//! text. A client tells up to where it has heard, and [`Client::join_from`] makes it a member from there on: what it
//! has missed, and then what is said, in order, nothing missing and nothing twice. Where that cannot be, the plugin
//! gets an [`Outcome::Gap`], and its client what [`Notices`] say.
//!
//! What is said to everyone has a past too, once something was [kept](Host::broadcast_kept) of it. A client that is to get
//! what it has missed is admitted [apart](Upgrade::apart), so that it hears nothing of it before [`Client::hear_from`] says
//! from where on:
//!
//! ```
//! use plugin_api::{Client, Host, Keep, Message, Plugin, Request, Result, Since, Upgrade};
//!
//! struct Board(Host);
//!
//! impl Plugin for Board {
//!     type Session = ();
//!
//!     # fn create(host: Host, _: plugin_api::Config) -> Result<Self> {
//!     #     Ok(Board(host))
//!     # }
//!     fn on_upgrade(&self, _: &Request) -> Result<Upgrade> {
//!         Ok(Upgrade::accept().apart())
//!     }
//!
//!     fn on_open(&self, client: &Client, request: &Request) -> Result {
//!         let since = request.query("since");
//!         client.hear_from(match &since {
//!             Some(position) => Since::After { position, or_last: 100 },
//!             None => Since::Last(100),
//!         })?;
//!         Ok(())
//!     }
//!
//!     fn on_message(&self, _: &Client, (): &mut (), message: Message) -> Result {
//!         Ok(self.0.broadcast_kept(message, Keep::default())?)
//!     }
//! }
//! ```
//!
//! Clients learn positions from the messages: leave [`POSITION_PLACE`] in one, and tell with [`Keep::position_at`]
//! where it stands.
//!
//! The server keeps the journals in its memory, so that they live on when the plugin's code is replaced, and begin anew with
//! the server. A client that is behind is given as much as its socket takes, and holds nobody up. If what
//! it is about to get is let go before, it is closed with 1013, to come back and be told.
//!
//! # Timers
//!
//! [`Host::set_timer`] calls [`Plugin::on_timer`] once, [`Host::set_interval`] again and again; both give
//! out a [`Timer`] to tell them apart. They end with the value of the plugin that set them.
//!
//! # Another client's session
//!
//! [`Host::with_session`] runs a closure with the session of any client, on that client's turn: from timers, from threads
//! of the plugin's own, from callbacks of others. [`Client::after`] and [`Client::every`] do so later, and end with the
//! client. No callback of the client runs meanwhile, so that the session needs no lock.
//!
//! # Configuration
//!
//! [`Config::parse`] reads what was set for the route into your own struct:
//!
//! ```
//! # use plugin_api::{Config, Host, Plugin, Result};
//! #[derive(serde::Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Options {
//!     greeting: String,
//! }
//!
//! impl Default for Options {
//!     fn default() -> Options {
//!         Options { greeting: "hello".to_owned() }
//!     }
//! }
//! # struct Greeter { options: Options }
//! # impl Plugin for Greeter {
//! #     type Session = ();
//!
//! fn create(_host: Host, config: Config) -> Result<Self> {
//!     Ok(Greeter { options: config.parse()? })
//! }
//! # }
//! ```
//!
//! What `create` returns as an error is shown to whoever starts the server, and the route is not served.
//! Errors of `parse` name the option, and so does a [`ConfigError`] of your own; the server tells the line
//! where it stands. `export!(Greeter, path = "/greet", options = Options)` lets `server --check` parse the
//! options without a value of the plugin, and [`Plugin::check`] says more.
//!
//! A relative path in an option begins at [`Host::config_folder`]; what the plugin wants to keep from one
//! run of the server to the next goes into [`Host::state_folder`].
//!
//! # Log
//!
//! `log::info!` and its like write to the server's log under `plugin::NAME`, at the server's level. Take
//! `log` from here (`use plugin_api::log;`) or from crates.io, in version 0.4. What is printed to
//! stdout or stderr is not in the log.
//!
//! # Faults
//!
//! `?` works in every callback. An error or a panic in a callback of a client goes to
//! [`on_error`](Plugin::on_error), which closes the client with 1011 unless you say otherwise. The others
//! go on. A plugin that panics again and again is taken out of service.
//!
//! After a panic your value and the session are as the callback left them, maybe half changed; a
//! `Mutex` that was held is poisoned.
//!
//! Not every end can be caught. These end the whole server: a stack overflow, `abort` and
//! `process::exit`, a segmentation fault, a panic while another one unwinds (in a `Drop`), a panic in the
//! destructor of a thread-local. All but `process::exit` leave a last line in the log, which says which
//! plugin, callback, client and library it was. And `panic = "abort"` would make every panic one of them, so
//! [`export!`] does not compile with it.
//!
//! # Replacing a plugin
//!
//! When the library's file has changed, SIGHUP replaces the code of its routes while the clients stay
//! connected: the new library is loaded beside the old one, a new value of the plugin takes over the
//! clients one by one, and nothing is lost, doubled or reordered. Where any step fails, the old one
//! goes on as if nothing had happened.
//!
//! - By default the new value comes from `create`, and its clients come through `on_open`, with the
//!   request of their handshake.
//! - [`save_state`](Plugin::save_state) and [`resume`](Plugin::resume) carry over what the plugin knows;
//!   [`save_session`](Plugin::save_session) and [`on_resume`](Plugin::on_resume), what it knows of each
//!   client. Both are bytes in a format of yours ([`save`] and [`load`] take anything that serde
//!   knows): give it a number (`state_format = 2` in [`export!`]) and raise it when it changes. A library takes over
//!   from another only where it reads the other's format: its own, or one of `reads_state_formats = [1]`;
//!   [`Saved::format`] tells which it is.
//! - Topics and their members are the server's and stay. Timers end; set them in `create` and `resume`.
//! - Threads of the old value are told [`Delivery::Gone`] from the moment that the new one took over.
//!   End and join them in `Drop`.
//! - A callback that blocks holds up the replacement; past a bound it is put off until the next SIGHUP.
//!
//! # Under the hood
//!
//! [`abi`] is what really crosses between server and plugin: C structs and functions, the same as in
//! `include/detent.h`. Nothing of it shows in a plugin that is written in Rust.

pub mod abi;
mod calls;
mod cause;
mod client;
mod client_id;
mod config;
#[doc(hidden)]
pub mod declaration;
#[doc(hidden)]
pub mod export;
mod fault;
mod form;
mod gap;
mod glue;
mod host;
mod hosts;
mod journal;
mod logging;
mod members;
mod message;
pub mod metrics;
mod panics;
mod plugin;
#[doc(hidden)]
pub mod reading;
mod request;
mod response;
mod shared;
mod state;
mod topic_error;
mod turns;
#[cfg(feature = "testing")]
pub mod testing;

pub use cause::{Cause, Initiator};
pub use client::{Client, CloseError, LabelError};
pub use client_id::ClientId;
pub use config::{Config, ConfigError};
pub use fault::{Fault, FaultKind};
pub use form::{BodyError, Field, Form};
pub use gap::{GapCause, RouteGap};
pub use host::{FolderError, Host, Timer, TimerError};
pub use hosts::{EverywhereId, HostNumber, HostsError, MemberEverywhere};
pub use journal::{
    Gap, Joined, JournalError, Keep, Kept, Notice, Notices, Outcome, POSITION_PLACE, Position,
    Published, Since,
};
pub use log;
pub use members::{Member, MembersError, Presence};
pub use message::{Delivery, Message, SendError, ToMessage, json};
pub use plugin::{Checked, Plugin, Reconfigured};
pub use request::{Certificate, Kind, Page, Request};
pub use response::{Response, Upgrade};
pub use shared::Shared;
pub use state::{Saved, load, save};
pub use topic_error::TopicError;
pub use turns::TurnError;

/// Any error; `?` turns every error type into it, and `"text".into()` makes one.
///
/// ```
/// fn parse(text: &str) -> Result<u32, plugin_api::Error> {
///     if text.is_empty() {
///         return Err("nothing to parse".into());
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(parse("").unwrap_err().to_string(), "nothing to parse");
/// ```
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What callbacks return. `Result` alone stands for "done, or an error".
///
/// ```
/// use plugin_api::{Client, Message, Result};
///
/// fn on_message(client: &Client, message: Message) -> Result {
///     let number: u64 = message.as_text().ok_or("text, please")?.parse()?;
///     client.send((number * 2).to_string())?;
///     Ok(())
/// }
/// ```
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// The plugins in the READMEs are compiled as doctests, so that they stay true; they have tests by the kit.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../README.md")]
pub struct Readmes;
