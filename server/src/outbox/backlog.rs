//! What a client has not taken yet: how much of it may wait, and what happens past that.
//!
//! The part of [`Outbox`] that bounds it. Offering bytes is done by the client's thread and by the hub,
//! which never wait; only the client's own thread waits for room.
//!
//! # How much, and how long
//!
//! Every byte that waits counts, a share of a large broadcast like a copy. What would not fit is refused as
//! [`SlowClient`] says, with one exception: a single message that is larger than the limit passes an empty
//! outbox, alone. So a large message reaches who reads, whatever the limit is, and a client holds the limit or
//! one message.
//!
//! Nobody holds a backlog for ever by taking a little of it now and then. A full socket has to take something
//! within `write_timeout`; what is over the limit has to be gone within `write_timeout`; and a backlog that fits has to be taken
//! at [`BYTES_PER_SECOND_LEAST`] on average, `write_timeout` later at the latest ([`Pace`]).

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use log::Level;

use super::cause::{Cause, POLICY};
use super::http_phase::{Exchange, time_for};
use super::shared::Frames;
use super::{Delivery, Outbox, Phase, State};
use crate::counters::COUNTERS;
use crate::limits::memory::Ledger;
use crate::limits::{
    BYTES_PER_SECOND_LEAST, FLUSH_BYTES, MEMORY_GRAIN_BYTES, MEMORY_LOOK_AGAIN, PAUSE_DIVISOR,
    settings,
};
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

/// So much of a backlog has to be taken by then.
pub(super) struct Pace {
    /// Bytes that are left of it.
    left: usize,
    deadline: Instant,
    /// They are those over the limit.
    is_excess: bool,
}

impl Outbox {
    /// Other bounds hold from now on.
    pub fn set_bounds(&self, bounds: Bounds) {
        let mut state = self.state.lock();
        state.bounds = bounds;
        if state.is_waiting {
            state.set_pace(Instant::now());
        }
        drop(state);
        self.room.notify_all();
    }

    /// How long a full socket may take nothing of the answer that comes next.
    pub fn set_write_timeout(&self, write_timeout: Duration) {
        self.state.lock().bounds.write_timeout = write_timeout;
    }

    /// Messages that were not sent since the backlog was full.
    pub fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// Blocks while the socket is full and the backlog is above a quarter of its limit (`PAUSE_DIVISOR`); woken by the drain
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
        frames: Frames<'_>,
    ) -> Delivery {
        let (backlog, limit) = (state.queue.len(), state.bounds.backlog_bytes_max);
        let more = frames.bytes().len();
        if backlog + more <= limit {
            state.queue.append_frames(frames);
            state.note_memory();
            return Delivery::Queued;
        }
        let too_much =
            format!("a backlog of {backlog} bytes and {more} more are over the limit of {limit}");
        if state.bounds.slow_client == SlowClient::Close {
            self.close_for_backlog(state, &too_much);
            return Delivery::Gone;
        }
        let room = limit.saturating_sub(backlog);
        let (fitting, left_out) = self.encoding().fitting(frames.bytes(), room);
        state.queue.append(fitting);
        state.note_memory();
        self.note_dropped(state, left_out, &too_much);
        Delivery::Queued
    }

    /// The socket is full, and this is what it has left: it must fit, or be one message.
    pub(super) fn check_backlog(self: &Arc<Self>, state: &mut State) {
        let (backlog, limit) = (state.queue.len(), state.bounds.backlog_bytes_max);
        let is_upgraded = state.exchange == Exchange::Upgraded;
        if backlog <= limit || state.queue.is_one_frame() || !is_upgraded {
            return;
        }
        let too_much = format!("a backlog of {backlog} bytes is over the limit of {limit}");
        if state.bounds.slow_client == SlowClient::Close {
            return self.close_for_backlog(state, &too_much);
        }
        let left_out = state.queue.give_up_past(limit);
        state.set_pace(Instant::now());
        self.note_dropped(state, left_out, &too_much);
    }

    fn note_dropped(&self, state: &mut State, left_out: u64, too_much: &str) {
        if state.dropped == 0 {
            let name = self.name();
            let line = format_args!(
                "{name} is too slow: {too_much}; messages that do not fit are dropped"
            );
            self.about().log(Level::Warn, module_path!(), line);
        }
        state.dropped += left_out;
        if let Some(client) = self.client {
            COUNTERS.of(client).visits.dropped.add(left_out);
        }
        if let Some(place) = self.place.get() {
            place.counts.visits.dropped.add(left_out);
        }
    }

    fn close_for_backlog(self: &Arc<Self>, state: &mut State, too_much: &str) {
        let limit = state.bounds.backlog_bytes_max;
        let reason = format!("too slow: backlog over {limit} bytes");
        self.close_for_slowness(state, too_much, reason);
    }

    /// It has not kept its pace.
    pub(super) fn close_for_pace(self: &Arc<Self>, state: &mut State) {
        let time = humantime::format_duration(state.bounds.write_timeout);
        let (backlog, limit) = (state.queue.len(), state.bounds.backlog_bytes_max);
        let (why, reason) = if state.pace.take().is_some_and(|pace| pace.is_excess) {
            (
                format!(
                    "a backlog of {backlog} bytes has been over the limit of {limit} for {time}"
                ),
                format!("too slow: backlog over {limit} bytes for {time}"),
            )
        } else {
            let pace = BYTES_PER_SECOND_LEAST;
            (
                format!("it takes fewer than {pace} bytes a second, and {backlog} wait"),
                format!("too slow: fewer than {pace} bytes a second"),
            )
        };
        self.close_for_slowness(state, &why, reason);
    }

    fn close_for_slowness(self: &Arc<Self>, state: &mut State, why: &str, reason: String) {
        let name = self.name();
        let line = format_args!("{name} is too slow: {why}; closed with {POLICY}");
        let about = About {
            code: Some(POLICY),
            ..self.about()
        };
        about.log(Level::Warn, module_path!(), line);
        // What it has not begun to receive is given up, so that the Close frame has a chance.
        state.queue.keep_cut_frame();
        state.note_memory();
        self.begin_closing(state, Cause::server(POLICY, reason));
    }

    /// Its thread holds so many bytes of what comes in, in whole grains; from the first time on the drain thread
    /// knows of it. Only for the client's own thread.
    pub fn set_incoming(self: &Arc<Self>, bytes: usize) {
        self.incoming.store(bytes, Ordering::Relaxed);
        if !self.is_watched.load(Ordering::Relaxed) {
            self.is_watched.store(true, Ordering::Relaxed);
            self.drain.watch(self);
        }
    }

    /// Nothing more is read from who holds much while memory is short, as `ledger` says. Blocks until it is not, until
    /// `deadline`, or until the client is closed; woken by the drain thread, and looks by itself now and then. Only for the
    /// client's own thread.
    pub fn wait_for_memory(&self, ledger: &Ledger, deadline: Instant) {
        while ledger.is_paused() && !self.is_closing() && Instant::now() < deadline {
            ledger.wait_while_paused(deadline.min(Instant::now() + MEMORY_LOOK_AGAIN));
        }
    }

    /// Bytes that are held for this client, in both directions.
    pub fn held_bytes(&self) -> usize {
        let waiting = self.state.lock().queue.memory_with_shares();
        waiting + self.incoming.load(Ordering::Relaxed)
    }

    /// Whether it was closed since memory is short.
    #[inline(always)]
    pub fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Memory is short, as `why` says, and this client holds more than others: it is closed with 1008, or cut off
    /// where what has to come before a Close frame is too much to keep. Gives the bytes that its thread is about to let go.
    pub(super) fn evict(self: &Arc<Self>, level: Level, why: &str) -> u64 {
        let mut state = self.state.lock();
        let about = About {
            code: Some(POLICY),
            ..self.about()
        };
        let line = format_args!(
            "{}: memory is short: {why}; closed with {POLICY}",
            self.name()
        );
        about.log(level, module_path!(), line);
        let cause = Cause::server(POLICY, "the server is short of memory");
        state.queue.keep_cut_frame();
        let is_little = state.queue.len() < MEMORY_GRAIN_BYTES;
        if state.phase == Phase::Open && state.exchange == Exchange::Upgraded && is_little {
            self.begin_closing(&mut state, cause);
        } else {
            state.cause.get_or_insert(cause);
            self.abort_locked(&mut state);
        }
        state.note_memory();
        self.evicted.store(true, Ordering::Release);
        // Wakes its thread, which looks and goes. An error means that the peer was faster.
        self.socket.shutdown(Shutdown::Read).ok();
        self.incoming.load(Ordering::Relaxed) as u64
    }
}

impl State {
    /// What the queue holds has changed, and the socket is or was full.
    pub(super) fn note_memory(&mut self) {
        let is_held = self.is_waiting || self.queue.memory() > FLUSH_BYTES;
        let held = || self.queue.memory() + self.sealed_memory();
        let held = if is_held { held() } else { 0 };
        self.account.set(held);
    }

    /// What waits now is to be taken from now on. Answers in HTTP have their pace from the thread that waits for
    /// them.
    pub(super) fn set_pace(&mut self, now: Instant) {
        if self.exchange != Exchange::Upgraded {
            return;
        }
        let backlog = self.queue.len();
        let excess = backlog.saturating_sub(self.bounds.backlog_bytes_max);
        let (left, time) = match excess {
            0 => (backlog, time_for(backlog as u64)),
            excess => (excess, Duration::ZERO),
        };
        self.pace = Some(Pace {
            left,
            deadline: now + self.bounds.write_timeout + time,
            is_excess: excess > 0,
        });
    }

    /// So much was taken.
    pub(super) fn keep_pace(&mut self, bytes: usize, now: Instant) {
        if let Some(pace) = &mut self.pace {
            pace.left = pace.left.saturating_sub(bytes);
            if pace.left == 0 {
                self.set_pace(now);
            }
        }
    }

    /// When the pace is to be kept; none while our Close frame has a deadline of its own.
    pub(super) fn pace_deadline(&self) -> Option<Instant> {
        let pace = self.pace.as_ref().filter(|_| self.phase == Phase::Open);
        pace.map(|pace| pace.deadline)
    }
}
