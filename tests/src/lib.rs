//! What the end-to-end tests need: the real server with real plugins, clients, and a look at the
//! process from outside.
//!
//! Everything waits by deadline and panics when it passes, with the server's log: what goes wrong
//! here is a failed test. Ports are always 0; only processes that were started here are signalled.

mod artifacts;
mod client;
mod raw;
mod server;
#[cfg(feature = "browser")]
pub mod webdriver;

pub use artifacts::{compile_c, library};
pub use client::{Client, Refused};
pub use raw::{
    BINARY, CLOSE, CONTINUATION, PING, PONG, Raw, TEXT, frame, handshake, unmasked_frame,
};
pub use server::{Finished, Server, Setup};

use std::time::Duration;

/// How long anything may take before a test fails: long, since the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(30);
