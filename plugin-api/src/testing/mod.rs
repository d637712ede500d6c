//! Tests of a plugin without a server (feature `testing`): its callbacks, run in memory through the same C entry points
//! that the server calls.
//!
//! Put the crate under `[dev-dependencies]` once more, with the feature, and write tests as usual; `cargo test` runs
//! them:
//!
//! ```toml
//! [dev-dependencies]
//! plugin-api = { version = "0.1", features = ["testing"] }
//! ```
//!
//! ```
//! # use std::sync::atomic::{AtomicU32, Ordering};
//! # use plugin_api::{Cause, Client, Config, Host, Message, Plugin, Result};
//! # struct Chat { host: Host }
//! # impl Plugin for Chat {
//! #     type Session = ();
//! #     fn create(host: Host, _: Config) -> Result<Self> { Ok(Chat { host }) }
//! #     fn on_message(&self, client: &Client, _: &mut (), message: Message) -> Result {
//! #         self.host.broadcast(format!("{}: {message}", client.id()))?;
//! #         Ok(())
//! #     }
//! # }
//! # plugin_api::export!(Chat, path = "/chat");
//! # fn main() {
//! use plugin_api::testing::Route;
//!
//! // What everybody says, everybody hears.
//! let route = Route::of::<Chat>().start();
//! let (ann, bob) = (route.connect("/chat"), route.connect("/chat?nick=bob"));
//! ann.send("hello");
//! assert_eq!(ann.text(), "1: hello");
//! assert_eq!(bob.text(), "1: hello");
//!
//! // Each `on_open` is followed by one `on_close`.
//! ann.close(1000, "bye");
//! bob.vanish();
//! assert_eq!(route.counts().closed, 2);
//! # }
//! ```
//!
//! # It is stepped
//!
//! Nothing happens by itself: each call of a test runs the callbacks that follow from it, on the thread that makes the
//! call, and returns when they have. There is nothing to wait for, and no `sleep`. Timers fire when
//! [`Route::advance`] lets time pass. A client can be driven from several threads at once, as clients are in the server:
//! callbacks of one wait for each other, those of different clients overlap.
//!
//! # What can be tried
//!
//! | what | how |
//! | --- | --- |
//! | options, good and bad | [`Setup::option`], [`Setup::try_start`], [`Setup::check`], [`Route::reload_with`] |
//! | requests of any sort | [`Ask`]: query, headers, cookies, address, inside, kind, body |
//! | who is let in | [`Route::connect`], [`Route::try_connect`] |
//! | what each client gets, in order | [`Client::text`], [`Client::json`], [`Client::received`], [`Client::closed`] |
//! | every end | [`Client::close`], [`Client::cut`], [`Client::break_off`], [`Client::vanish`], [`Route::stop`] |
//! | sends that fail | [`Client::let_sends_answer`] |
//! | plain HTTP | [`Route::request`] |
//! | timers | [`Route::advance`], [`Route::fire_next_timer`] |
//! | a replacement | [`Route::replace_by`], [`Route::replace_by_itself`], [`Route::replace_by_library`] |
//! | something that other hosts have said is missing | [`Route::lose`] |
//! | who waits for one message | [`Ask::waiting`], [`Client::answer`] |
//! | journals in memory and in a file, a start anew, a disk that fails | [`Setup::journal_file`], [`Route::restart`], [`Route::let_disk_fail`] |
//! | journals, topics, metrics, labels | [`Setup::journal_messages`], [`Route::members`], [`Route::metric`], [`Client::label`] |
//! | faults | a panic is caught as in the server; [`Route::log`] has it with its place |
//!
//! A plugin in another language is tested by its library: [`Route::of_library`].
//!
//! # What it is not
//!
//! There is no network: nothing is too slow, no limit of the configuration is reached, the origin of a page is not checked.
//! For that there is [`Server`]: the real one with the author's library, on a free port, ended with the test.
//! That the host in memory keeps the promises of the server is held by a suite of Detent's that runs on both.

mod ask;
mod body_file_table;
mod call;
mod client;
mod client_view_table;
mod code;
mod counts;
mod disk;
mod host;
mod host_table;
mod http;
mod instance;
mod job;
mod journal;
mod journal_table;
mod label_table;
mod hosts_table;
mod members_table;
mod metrics;
mod metrics_table;
mod opening;
mod place;
mod poll;
mod reading_table;
mod received;
mod replacing;
mod route;
mod server;
mod shared;
mod topics;
mod turns_table;
mod world;

pub use ask::Ask;
pub use client::{Client, SendAnswer};
pub use counts::Counts;
pub use received::Received;
pub use route::{Route, Setup};
pub use server::Server;
