//! What a client has not taken yet: how much of it may wait, and what happens past that.
//!
//! The part of [`Outbox`] that bounds it. Offering bytes is done by the client's thread and by the hub,
//! which never wait; only the client's own thread waits for room.

use std::sync::Arc;
use std::time::Duration;

use log::Level;

use super::cause::{Cause, POLICY};
use super::{Delivery, Outbox, Phase, State};
use crate::counters::COUNTERS;
use crate::limits::{PAUSE_DIVISOR, settings};
use crate::logging::about::About;

/// What happens to a client whose backlog is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowClient {
    /// It is closed with 1008: it comes back and catches up, and misses nothing silently.
    #[default]
    Close,
    /// What does not fit is not sent to it, and counted: right for positions and prices, of which
    /// the next replaces the last.
    Drop,
}

/// The bounds of an outbox; may change while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes that may wait for the client.
    pub backlog_bytes_max: usize,
    /// What happens past that.
    pub slow_client: SlowClient,
    /// How long a full socket may take no byte.
    pub write_timeout: Duration,
    /// How long the closing handshake may take, the backlog before it included.
    pub close_timeout: Duration,
}

impl Default for Bounds {
    /// Those of a connection that is not on a route yet.
    fn default() -> Bounds {
        Bounds {
            backlog_bytes_max: settings::BACKLOG_BYTES.default as usize,
            slow_client: SlowClient::Close,
            write_timeout: settings::WRITE_TIMEOUT.default,
            close_timeout: settings::CLOSE_TIMEOUT.default,
        }
    }
}

impl Outbox {
    /// Other bounds hold from now on.
    pub fn set_bounds(&self, bounds: Bounds) {
        self.state.lock().bounds = bounds;
        self.room.notify_all();
    }

    /// Messages that were not sent since the backlog was full.
    pub fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// Blocks while the socket is full and the backlog is above half its limit; woken by the drain
    /// thread when the backlog falls or the connection ends. Only for the client's own thread.
    pub fn wait_for_room(&self) {
        let mut state = self.state.lock();
        while state.is_waiting
            && state.phase == Phase::Open
            && state.queue.len() > state.bounds.backlog_bytes_max / PAUSE_DIVISOR
        {
            self.room.wait(&mut state);
        }
    }

    pub(super) fn append_to_backlog(
        self: &Arc<Self>,
        state: &mut State,
        frames: &[u8],
    ) -> Delivery {
        let (backlog, limit) = (state.queue.len(), state.bounds.backlog_bytes_max);
        if backlog + frames.len() <= limit {
            state.queue.append(frames);
            return Delivery::Queued;
        }
        let (name, more) = (self.name(), frames.len());
        let too_much = format!(
            "{name} is too slow: a backlog of {backlog} bytes and {more} more are over the limit of {limit}"
        );
        if state.bounds.slow_client == SlowClient::Drop {
            if state.dropped == 0 {
                let line = format_args!("{too_much}; messages that do not fit are dropped");
                self.about().log(Level::Warn, module_path!(), line);
            }
            let room = limit.saturating_sub(backlog);
            let (fitting, left_out) = self.encoding().fitting(frames, room);
            state.queue.append(fitting);
            state.dropped += left_out;
            if let Some(client) = self.client {
                COUNTERS.of(client).dropped.add(left_out);
            }
            return Delivery::Queued;
        }
        let about = About {
            code: Some(POLICY),
            ..self.about()
        };
        let line = format_args!("{too_much}; closed with {POLICY}");
        about.log(Level::Warn, module_path!(), line);
        // What it has not begun to receive is given up, so that the Close frame has a chance.
        state.queue.keep_cut_frame();
        let cause = Cause::server(POLICY, format!("too slow: backlog over {limit} bytes"));
        self.begin_closing(state, cause);
        Delivery::Gone
    }
}
