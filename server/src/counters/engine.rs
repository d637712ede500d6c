//! What is counted of a route's way to other hosts, and how it stands. Written by the engine's threads and by publishers, read
//! by the admin listener.

use parking_lot::Mutex;

use super::{Count, Histogram};

/// Of one route that several hosts share.
#[derive(Debug, Default)]
pub struct EngineCounts {
    /// Where Redis is.
    pub address: String,
    /// How it stands.
    pub state: Mutex<EngineState>,
    /// Messages of this host that came back by the stream, and how long that took.
    pub returned: Histogram,
    /// Messages of other hosts.
    pub heard: Count,
    /// What other hosts had for one client each that had gone from here.
    pub undelivered: Count,
    /// Messages of this host that were taken and then given up, or refused at once.
    pub refused: Count,
    /// Messages of this host that were heard here while Redis was away, and elsewhere later.
    pub alone: Count,
    /// Times that Redis was away.
    pub aways: Count,
    /// Epochs that began.
    pub epochs: Count,
    /// Times that something of the stream could not be had any more.
    pub gaps: Count,
}

/// How the way to other hosts stands.
#[derive(Clone, Debug, Default)]
pub struct EngineState {
    /// Why Redis is away; none where it is there.
    pub away: Option<String>,
    /// The server that was reached last, of those that the address leads to; empty before.
    pub server: String,
    /// The last entry that was read.
    pub position: String,
    /// Messages and bytes that are on their way through the stream.
    pub waiting: u64,
    /// See above.
    pub waiting_bytes: u64,
}
