//! The write path of one client: every byte to its socket passes its outbox, whole frames only.
//!
//! Used by the client's connection thread (its own answers, flushed before it blocks in a read),
//! by the hub (broadcasts) and by the drain thread (what a full socket did not take). No call but
//! [`Outbox::wait_for_room`] and [`Outbox::wait_until_sent`] waits: sends are non-blocking, and the
//! lock is held for a copy and one send at most. Knows its socket and the drain thread; knows neither
//! hub, routes nor plugins.

pub mod cause;
pub mod drain;
mod ending;
pub mod frame;
mod http_phase;
mod own;
mod queue;

use std::io::IoSlice;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use log::warn;
use parking_lot::{Condvar, Mutex};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};

use crate::ids::ClientId;
use crate::limits::{FLUSH_BYTES, PAUSE_DIVISOR, settings};
use cause::{Cause, POLICY};
use drain::DrainHandle;
use frame::{HEADER_BYTES_MAX, Opcode};
use http_phase::Exchange;
use queue::Queue;

pub use ending::Ending;
pub use own::{own_outbox, set_own_outbox};

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

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

/// What became of bytes that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// They leave, or wait in the backlog, in the order they came.
    Queued,
    /// The connection is closing or closed; nothing was done.
    Gone,
}

/// The outbox of one client; shared by its thread, the hub, the drain thread and the roster.
pub struct Outbox {
    socket: TcpStream,
    client: Option<ClientId>,
    /// Counts this open socket wherever it is held.
    _presence: Arc<()>,
    route: OnceLock<Arc<str>>,
    drain: DrainHandle,
    state: Mutex<State>,
    /// Signalled when the backlog falls, for the one thread that waits for it.
    room: Condvar,
    /// The phase is past [`Phase::Open`]; read without the lock for each message.
    closing: AtomicBool,
}

struct State {
    queue: Queue,
    bounds: Bounds,
    /// Messages that did not fit.
    dropped: u64,
    phase: Phase,
    /// The socket was full: only the drain thread sends until the queue is empty.
    is_waiting: bool,
    /// The drain thread has been told and has not looked yet.
    is_noticed: bool,
    /// The drain thread holds on to this outbox.
    is_kept: bool,
    exchange: Exchange,
    /// The server stops: no further request is taken.
    is_stopping: bool,
    /// When a full socket has to have taken something.
    stall_deadline: Option<Instant>,
    /// When the connection is cut off whatever is left to send or to hear.
    close_deadline: Option<Instant>,
    cause: Option<Cause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Frames are taken.
    Open,
    /// A Close frame is queued or sent: nothing follows it. The connection thread reads on.
    Closing,
    /// The connection thread is done with the socket; the drain thread sends the rest, then reads
    /// and drops until the peer closes too.
    Lingering,
    /// Nothing is sent any more.
    Closed,
}

impl Outbox {
    /// An outbox for the connection of `client`, which was just accepted. It holds `presence` as long
    /// as its socket is open, so that sockets can be counted.
    pub fn new(
        socket: TcpStream,
        client: ClientId,
        presence: Arc<()>,
        drain: DrainHandle,
    ) -> Arc<Outbox> {
        Outbox::make(socket, Some(client), presence, drain)
    }

    /// An outbox for a connection that is only told that there is no room. It holds `presence` as
    /// long as it lives, so that refusals can be counted.
    pub fn for_refusal(socket: TcpStream, presence: Arc<()>, drain: DrainHandle) -> Arc<Outbox> {
        Outbox::make(socket, None, presence, drain)
    }

    fn make(
        socket: TcpStream,
        client: Option<ClientId>,
        presence: Arc<()>,
        drain: DrainHandle,
    ) -> Arc<Outbox> {
        Arc::new(Outbox {
            socket,
            client,
            _presence: presence,
            route: OnceLock::new(),
            drain,
            state: Mutex::new(State {
                queue: Queue::default(),
                bounds: Bounds::default(),
                dropped: 0,
                phase: Phase::Open,
                is_waiting: false,
                is_noticed: false,
                is_kept: false,
                exchange: Exchange::Reading,
                is_stopping: false,
                stall_deadline: None,
                close_deadline: None,
                cause: None,
            }),
            room: Condvar::new(),
            closing: AtomicBool::new(false),
        })
    }

    /// The socket, for reading and its options; writing to it would break the one write path.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Names the route in what is logged about this client.
    pub fn set_route(&self, path: Arc<str>) {
        self.route.get_or_init(|| path);
    }

    /// Other bounds hold from now on.
    pub fn set_bounds(&self, bounds: Bounds) {
        self.state.lock().bounds = bounds;
        self.room.notify_all();
    }

    /// Messages that were not sent since the backlog was full.
    pub fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// Whether a Close frame is queued or sent, or the connection is dead.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether the socket is full and bytes wait for it.
    pub fn is_waiting(&self) -> bool {
        self.state.lock().is_waiting
    }

    /// Why the connection ends, where our side was the first to say so.
    pub fn cause(&self) -> Option<Cause> {
        self.state.lock().cause.clone()
    }

    /// Queues whole frames; they leave with the next flush, in this order. A backlog over its limit
    /// closes the client (1008).
    pub fn queue(self: &Arc<Self>, frames: &[u8]) -> Delivery {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Delivery::Gone;
        }
        if state.is_waiting {
            return self.append_to_backlog(&mut state, frames);
        }
        if state.queue.len() + frames.len() > FLUSH_BYTES {
            self.send(&mut state, frames);
        } else {
            state.queue.append(frames);
        }
        Delivery::Queued
    }

    /// Queues one message, as [`Outbox::queue`] does; a large one is sent at once from where it is.
    pub fn queue_message(self: &Arc<Self>, opcode: Opcode, payload: &[u8]) -> Delivery {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Delivery::Gone;
        }
        if state.is_waiting {
            return self.append_to_backlog(&mut state, &frame::encode(opcode, payload));
        }
        if state.queue.len() + payload.len() + HEADER_BYTES_MAX <= FLUSH_BYTES {
            state.queue.append_frame(opcode, payload);
            return Delivery::Queued;
        }
        state.queue.append_header(opcode, payload.len());
        let sent = self.send_two_parts(state.queue.bytes(), payload);
        self.note_sent(&mut state, sent, |queue, count| {
            queue.take_payload(count, payload)
        });
        Delivery::Queued
    }

    /// Sends what is queued and then `run`, a run of whole frames, with one non-blocking send;
    /// only what the socket does not take is copied.
    ///
    /// Inlined with all that it calls down to the system call, as [`Outbox::flush`] is. The kernel
    /// leaves its own return addresses where the processor looks for ours, and where it guards its
    /// returns ("Safe RET", AMD's Zen 1 to 4) the first return behind a `send` costs half a
    /// microsecond, a seventh of a delivery. The hub's loop has none.
    #[inline(always)]
    pub fn deliver(self: &Arc<Self>, run: &[u8]) -> Delivery {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Delivery::Gone;
        }
        if state.is_waiting {
            return self.append_to_backlog(&mut state, run);
        }
        self.send(&mut state, run);
        Delivery::Queued
    }

    /// Sends what is queued as far as the socket takes it; the drain thread sees to the rest.
    #[inline(always)]
    pub fn flush(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if !state.is_waiting && !state.queue.is_empty() {
            self.send(&mut state, &[]);
        }
    }

    /// Gives memory back that a client does not need while it is silent.
    pub fn shrink(&self) {
        self.state.lock().queue.shrink();
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

    fn append_to_backlog(self: &Arc<Self>, state: &mut State, frames: &[u8]) -> Delivery {
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
                warn!("{too_much}; messages that do not fit are dropped");
            }
            let (fitting, left_out) = frame::fitting(frames, limit.saturating_sub(backlog));
            state.queue.append(fitting);
            state.dropped += left_out;
            return Delivery::Queued;
        }
        warn!("{too_much}; closed with {POLICY}");
        // What it has not begun to receive is given up, so that the Close frame has a chance.
        state.queue.keep_cut_frame();
        let cause = Cause::server(POLICY, format!("too slow: backlog over {limit} bytes"));
        self.begin_closing(state, cause);
        Delivery::Gone
    }

    fn set_phase(&self, state: &mut State, phase: Phase) {
        state.phase = phase;
        self.closing.store(true, Ordering::Release);
        self.room.notify_all();
    }

    /// Sends the queue and `run`; what is not taken waits for the drain thread.
    #[inline(always)]
    fn send(self: &Arc<Self>, state: &mut State, run: &[u8]) {
        let sent = match (state.queue.bytes(), run) {
            ([], part) | (part, []) => self.send_part(part),
            (queued, run) => self.send_two_parts(queued, run),
        };
        self.note_sent(state, sent, |queue, count| queue.take(count, run));
    }

    /// Takes note of a send, which failed where there is no number: `take` keeps what was not sent,
    /// and is true where nothing is left.
    fn note_sent(
        self: &Arc<Self>,
        state: &mut State,
        sent: Option<usize>,
        take: impl FnOnce(&mut Queue, usize) -> bool,
    ) {
        match sent {
            Some(count) => {
                if !take(&mut state.queue, count) {
                    state.is_waiting = true;
                    state.stall_deadline = Some(Instant::now() + state.bounds.write_timeout);
                    self.notice(state);
                }
            }
            None => self.abort_locked(state),
        }
    }

    fn send_backlog(&self, state: &mut State, now: Instant) {
        while !state.queue.is_empty() {
            match self.send_part(state.queue.bytes()) {
                Some(0) => return,
                Some(sent) => {
                    state.queue.take(sent, &[]);
                    state.stall_deadline = Some(now + state.bounds.write_timeout);
                    self.room.notify_all();
                }
                None => return self.abort_locked(state),
            }
        }
        state.is_waiting = false;
        state.stall_deadline = None;
        self.room.notify_all();
    }

    /// One non-blocking send: how many bytes the socket took, zero where it is full; none where the
    /// connection is dead.
    #[inline(always)]
    fn send_part(&self, bytes: &[u8]) -> Option<usize> {
        taken(|| rustix::net::send(&self.socket, bytes, SEND_FLAGS))
    }

    /// The same for bytes that stand in two places.
    fn send_two_parts(&self, first: &[u8], second: &[u8]) -> Option<usize> {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        let mut control = SendAncillaryBuffer::default();
        taken(|| rustix::net::sendmsg(&self.socket, &parts, &mut control, SEND_FLAGS))
    }

    fn notice(self: &Arc<Self>, state: &mut State) {
        if !state.is_noticed {
            state.is_noticed = true;
            self.drain.notice(self.clone());
        }
    }

    /// The client as the log names it: `client 3 on /chat`.
    pub fn name(&self) -> String {
        let route = self.route.get().map_or("a handshake", |path| path);
        match self.client {
            Some(client) => format!("client {client} on {route}"),
            None => "a refused connection".to_owned(),
        }
    }
}

/// What a socket took of a non-blocking send; none where it failed for good.
#[inline(always)]
fn taken(mut send: impl FnMut() -> Result<usize, Errno>) -> Option<usize> {
    loop {
        match send() {
            Ok(count) => return Some(count),
            Err(Errno::AGAIN) => return Some(0),
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests;
