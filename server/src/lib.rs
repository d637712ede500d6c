//! Detent: a runtime-free WebSocket server whose routes are plugins.
//!
//! # The way of the data
//!
//! ```text
//! accept -> request head -> route -> 101 -> connection thread -> plugin callback
//!                                               |   ^                |
//!                                               |   | own answers    | publish, join, close ...
//!                                               v   |                v
//!                                            outbox <------------  hub thread
//!                                               |
//!                                               v
//!                                            socket   (when it is full: the drain thread waits for it)
//! ```
//!
//! Every client has a thread of its own ([`connection`]), which reads its socket and runs the
//! plugin's callbacks for it; a callback that blocks holds up that client and no other. What a
//! callback sends to its own client goes straight into that client's [`outbox`], which is flushed
//! before the thread blocks again. Everything that concerns others is an event for the [`hub`],
//! the one owner of who is here: it writes each broadcast once and offers it to every member's
//! socket without ever waiting for one. What a socket does not take waits in its outbox for the
//! drain thread ([`outbox::drain`]).
//!
//! | thread | number | runs | waits on |
//! | --- | --- | --- | --- |
//! | main | 1 | start, signals, reload, watchdog, stop | signals, a tick |
//! | `signals` | 1 | signals to messages | signals |
//! | `accept` | 1 a listener | permits, connection threads | accept |
//! | `client-N` | 1 a client | handshake, reads, callbacks | its socket; the hub's queue while it is full |
//! | `hub` | 1 | membership, broadcasts | its queue |
//! | `drain` | 1 | full sockets, closing and lingering ones | epoll |
//! | `timers` | 1 a route with timers | `on_timer` | the next deadline |
//! | `reaper` | 1 | joins connection threads | its queue |
//! | `log` | 1 | writes the log | its queue, the disk |
//!
//! # Invariants
//!
//! - The hub never runs plugin code, never blocks, and takes no lock that is held across a blocking
//!   call. No client map stands behind a mutex.
//! - All bytes to a client pass its outbox, whole frames only; tungstenite never writes to a socket.
//! - Nothing is sent message by message: a connection thread flushes before it blocks, the hub at
//!   the end of a round.
//! - Every queue and buffer has a bound, and it stands in [`limits`].
//! - `on_close` comes exactly once for each `on_open` that succeeded.
//! - Only `connection` and `http::upgrade` name tungstenite, only `plugin` names libloading, only `signals`
//!   names signal-hook, only `plugin` and `stack` hold `unsafe`.
//!
//! - A module imports only modules that stand below it in this list.
//!
//! The test `architecture` holds the last two.

pub mod run;
pub mod check;
pub mod stop;
pub mod reload;
pub mod server;
pub mod service_manager;
pub mod signals;
pub mod mounts;
pub mod watchdog;
pub mod listeners;
pub mod acceptor;
pub mod connection;
pub mod admission;
pub mod refusal_log;
pub mod reaper;
pub mod routes;
pub mod config;
pub mod plugin;
pub mod roster;
pub mod http;
pub mod hub;
pub mod outbox;
pub mod activity;
pub mod capacity;
pub mod logging;
pub mod stack;
pub mod limits;
pub mod ids;
