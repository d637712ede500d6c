//! Everything there is to tell of the server at one moment: what `/status.json` says, and `/metrics` in other
//! words.
//!
//! Runs on the thread of one connection. Reads what others have counted; each number is right by itself, two
//! of them may be some moments apart.

mod counts;
mod engine;
mod hub;
mod own;
mod route;
mod store;

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::process::{self, Process};
use super::{Certificate, Reload, View};
use crate::counters::COUNTERS;
use crate::limits::memory::LEDGER;
pub(super) use counts::{Counts, code_text};
pub(super) use engine::Engine;
use hub::HubFigures;
use route::Seen;
pub(super) use route::{Journal, RouteFigures};
use store::StoreFigures;

/// The server at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) version: &'static str,
    /// Seconds since 1970.
    pub(super) now: f64,
    pub(super) started: f64,
    /// `ready`, or why no client is to be sent here.
    pub(super) state: String,
    pub(super) capacity: Capacity,
    pub(super) connections: Connections,
    pub(super) routes: Vec<RouteFigures>,
    pub(super) counts: Counts,
    pub(super) hub: HubFigures,
    pub(super) store: StoreFigures,
    pub(super) process: Process,
    pub(super) memory: Memory,
    /// Libraries that were loaded so far; none is ever unloaded.
    pub(super) library_loads: u64,
    pub(super) reloads: Reloads,
    /// What listeners show by TLS.
    pub(super) certificates: Vec<Certificate>,
    /// How handshakes of TLS have ended, and how many.
    pub(super) handshakes: Vec<(&'static str, u64)>,
    pub(super) log_level: String,
}

/// What is held for clients, by part, and how much may be (`limits.memory`).
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    pub(super) limit: u64,
    pub(super) held: u64,
    pub(super) parts: Vec<(&'static str, u64)>,
}

#[derive(Debug, Serialize)]
pub(super) struct Capacity {
    pub(super) connections: u64,
    /// What sets it, and to what that is set.
    pub(super) limit: &'static str,
    pub(super) value: u64,
}

/// Connections that are there now.
#[derive(Debug, Default, Serialize)]
pub(super) struct Connections {
    pub(super) all: u64,
    /// On a route.
    pub(super) clients: u64,
    pub(super) slow: u64,
    pub(super) backlog_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Reloads {
    pub(super) done: u64,
    pub(super) refused: u64,
    pub(super) swaps_done: u64,
    pub(super) swaps_refused: u64,
    pub(super) last: Option<Reload>,
}

impl Memory {
    fn read() -> Memory {
        let parts = LEDGER.parts();
        Memory {
            limit: parts.limit,
            held: parts.sum(),
            parts: parts.named().to_vec(),
        }
    }
}

impl Figures {
    /// Reads everything. Looks at every place for a connection once.
    pub(super) fn read(view: &View) -> Figures {
        let site = view.sites.current();
        let seen = Seen::look(view, site.routes.iter());
        let routes: Vec<_> = site.routes.iter().map(|of| seen.route(of)).collect();
        let totals = COUNTERS.totals(view.roster.all_traffic());
        let published = view.published.lock().clone();
        let main = &COUNTERS.main;
        Figures {
            version: env!("CARGO_PKG_VERSION"),
            now: seconds_since_1970(SystemTime::now()),
            started: seconds_since_1970(view.started),
            state: match view.readiness.check() {
                Ok(()) => "ready".to_owned(),
                Err(why) => why.to_string(),
            },
            capacity: Capacity {
                connections: published.capacity.connections,
                limit: published.capacity.limit(),
                value: published.capacity.value(),
            },
            connections: seen.all,
            counts: Counts::of(totals),
            hub: HubFigures::read(&routes),
            store: StoreFigures::read(),
            routes,
            process: process::read(),
            memory: Memory::read(),
            library_loads: published.library_loads,
            reloads: Reloads {
                done: main.reloads_done.get(),
                refused: main.reloads_refused.get(),
                swaps_done: main.swaps_done.get(),
                swaps_refused: main.swaps_refused.get(),
                last: published.last_reload,
            },
            certificates: published.certificates,
            handshakes: COUNTERS.handshakes().to_vec(),
            log_level: log::max_level().to_string().to_ascii_lowercase(),
        }
    }
}

/// JSON has no infinity.
fn finite(bound: Option<f64>) -> Option<f64> {
    bound.filter(|bound| bound.is_finite())
}

fn seconds_since_1970(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}
