//! The write path of one client: every byte to its socket passes its outbox, whole frames only.
//!
//! Used by the client's connection thread (its own answers, flushed before it blocks in a read),
//! by the hub (broadcasts) and by the drain thread (what a full socket did not take). Only calls of the client's own
//! thread wait: [`Outbox::receive`] and [`Outbox::receive_handshake`] for what the client sends,
//! [`Outbox::wait_for_room`] and [`Outbox::wait_until_sent`] for what it takes, [`Outbox::wait_for_memory`] while memory
//! is short, and an answer that is compressed for a compressor, 50 ms at most. Sends are non-blocking, and the
//! lock is held for a copy and one send at most, by TLS for a turn of records. Knows its socket and the drain thread; knows
//! neither hub, routes nor plugins.

pub mod answer;
mod backlog;
pub mod cause;
mod compressed;
mod deliver;
pub mod drain;
pub mod encoding;
mod ending;
pub mod envelope;
mod event;
mod figures;
pub mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz_records;
mod http_phase;
mod json;
mod leaving;
pub mod marked;
mod named;
mod once;
mod own;
mod own_compressed;
mod piece;
mod pipe;
mod pressure;
mod queue;
mod quiet;
mod secured;
mod send;
pub mod shared;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use rustix::net::RecvFlags;
use socket2::Socket;

use crate::compression::Agreed;
use crate::counters::Exchanged;
use crate::ids::ClientId;
use crate::limits::memory::{Account, AtRest, Part, at_rest_bytes};
use crate::logging::Address;
use crate::tls::Session;
use cause::Cause;
use drain::DrainHandle;
use encoding::Encoding;
use http_phase::Exchange;
use leaving::Leaver;
use named::Place;
use once::Once;
use queue::Queue;
use shared::Frames;

use backlog::Pace;

pub use backlog::{Bounds, SlowClient};
pub use ending::Ending;
pub use figures::{Figures, Kind};
pub use once::{Answerer, Last};
pub use own::{
    OwnOutbox, come_behind, end_own_for_fault, forget_own_outbox, own_outbox, set_own_outbox,
    with_own_outbox,
};
pub use piece::{Offered, Waker};
pub use secured::Handshake;

/// For a send of what is queued alone.
const NOTHING: Frames<'_> = Frames::copied(&[]);

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
    socket: Socket,
    client: Option<ClientId>,
    /// Once it is on a route.
    place: OnceLock<Place>,
    /// The client's address as the log has it.
    address: OnceLock<Address>,
    /// What its plugin says that it is called.
    label: Mutex<Option<Arc<str>>>,
    drain: DrainHandle,
    /// When it was made.
    since: Instant,
    /// What the slot's clients before this one had said and were answered.
    before: Exchanged,
    state: Mutex<State>,
    /// Signalled when the backlog falls, for the one thread that waits for it.
    room: Condvar,
    /// Bytes that its thread holds of what comes in, in whole grains.
    incoming: AtomicUsize,
    /// The drain thread knows that it may hold much of that.
    is_watched: AtomicBool,
    /// It was closed since memory is short: its thread is to let go of what it holds.
    evicted: AtomicBool,
    /// What it costs while it does nothing; none where it has no thread.
    _at_rest: Option<AtRest>,
    /// Our side has ended the connection; read without the lock for each message.
    closing: AtomicBool,
    /// The number of an [`Encoding`]. Set by its thread before anyone else knows of the client.
    encoding: AtomicU8,
    /// What was agreed about compression.
    agreed: OnceLock<Agreed>,
    /// The hub has something to give it first; read without the lock for each answer.
    behind: AtomicBool,
    /// It came as one that does not hear yet what is said to everyone.
    apart: AtomicBool,
    /// Everything passes a session of TLS; set by its thread before anyone else knows of the client.
    is_secured: AtomicBool,
}

struct State {
    queue: Queue,
    /// What stands between the queue and the socket, where that is TLS. What is sealed in it and not sent is being
    /// waited for, or handed over.
    session: Option<Box<Session>>,
    /// Of the memory that a full socket makes the queue hold.
    account: Account,
    bounds: Bounds,
    /// Bytes that the socket has taken.
    sent: u64,
    /// Messages that did not fit.
    dropped: u64,
    phase: Phase,
    /// The socket was full: only the drain thread sends until the queue is empty.
    is_waiting: bool,
    /// The hub has queued something here that it is going to flush.
    is_promised: bool,
    /// The drain thread is to send what is queued, though the socket may have room.
    is_handed_over: bool,
    /// The drain thread has been told and has not looked yet.
    is_noticed: bool,
    /// The drain thread holds on to this outbox.
    is_kept: bool,
    exchange: Exchange,
    /// The server stops: no further request is taken.
    is_stopping: bool,
    /// Its place is needed for others: nothing more is read.
    is_asked_to_leave: bool,
    /// Counts it among those that have had their last word.
    leaver: Option<Leaver>,
    /// When a full socket has to have taken something.
    stall_deadline: Option<Instant>,
    /// How much a full socket has to have taken by when.
    pace: Option<Pace>,
    /// When the connection is cut off whatever is left to send or to hear.
    close_deadline: Option<Instant>,
    cause: Option<Cause>,
    /// Who is to hear that the socket has taken all.
    waker: Option<Waker>,
    /// Of one who waits for one message.
    once: Option<Box<Once>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Messages are taken.
    Open,
    /// One message is taken, as the answer that it waits for.
    Once,
    /// A Close frame is queued or sent: nothing follows it. The connection thread reads on.
    Closing,
    /// The connection thread is done with the socket; the drain thread sends the rest, then reads
    /// and drops until the peer closes too.
    Lingering,
    /// Nothing is sent any more. The connection thread reads on where that was not our wish.
    Closed,
}

impl State {
    /// Whether something that was said has not left yet.
    fn has_unsent(&self) -> bool {
        let session = self.session.as_ref();
        !self.queue.is_empty() || session.is_some_and(|of| !of.is_flushed())
    }
}

impl Phase {
    /// Our side has not begun to end the connection.
    fn is_open(self) -> bool {
        matches!(self, Phase::Open | Phase::Once)
    }
}

impl Outbox {
    /// An outbox for the connection of `client`, which was just accepted.
    pub fn new(socket: impl Into<Socket>, client: ClientId, drain: DrainHandle) -> Arc<Outbox> {
        Outbox::counting_from(Exchanged::default(), socket.into(), client, drain)
    }

    /// The same where others in the place of `client` have said, and were answered, so much `before`.
    pub fn counting_from(
        before: Exchanged,
        socket: Socket,
        client: ClientId,
        drain: DrainHandle,
    ) -> Arc<Outbox> {
        Outbox::make(socket, Some(client), drain, before)
    }

    /// An outbox for a connection that is only told that there is no room.
    pub fn for_refusal(socket: Socket, drain: DrainHandle) -> Arc<Outbox> {
        Outbox::make(socket, None, drain, Exchanged::default())
    }

    fn make(
        socket: Socket,
        client: Option<ClientId>,
        drain: DrainHandle,
        before: Exchanged,
    ) -> Arc<Outbox> {
        Arc::new(Outbox {
            socket,
            client,
            place: OnceLock::new(),
            address: OnceLock::new(),
            label: Mutex::default(),
            drain,
            since: Instant::now(),
            before,
            state: Mutex::new(State {
                queue: Queue::default(),
                session: None,
                account: Account::new(Part::Backlogs),
                bounds: Bounds::default(),
                sent: 0,
                dropped: 0,
                phase: Phase::Open,
                is_waiting: false,
                is_promised: false,
                is_handed_over: false,
                is_noticed: false,
                is_kept: false,
                exchange: Exchange::Reading,
                is_stopping: false,
                is_asked_to_leave: false,
                leaver: None,
                stall_deadline: None,
                pace: None,
                close_deadline: None,
                cause: None,
                waker: None,
                once: None,
            }),
            room: Condvar::new(),
            incoming: AtomicUsize::new(0),
            is_watched: AtomicBool::new(false),
            evicted: AtomicBool::new(false),
            _at_rest: client.map(|_| AtRest::new(at_rest_bytes())),
            closing: AtomicBool::new(false),
            encoding: AtomicU8::new(Encoding::Frame.number()),
            agreed: OnceLock::new(),
            behind: AtomicBool::new(false),
            apart: AtomicBool::new(false),
            is_secured: AtomicBool::new(false),
        })
    }

    /// The socket, for its options and to wait for; writing to it would break the one write path.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Reads what the client has sent. Blocks until it sends something or ends, for as long as the socket's
    /// read timeout says, or until another thread shuts the socket down.
    ///
    /// # Errors
    /// As `recv(2)`; `Interrupted` also where what came has said nothing yet, so that the caller can look at the time.
    /// `InvalidData` where what came is no TLS that was agreed on.
    #[inline]
    pub fn receive(self: &Arc<Self>, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_secured.load(Ordering::Relaxed) {
            return self.receive_secured(buffer);
        }
        // Straight to the kernel, as sends are: the C library's `recv` prepares for a cancelled thread each time.
        Ok(rustix::net::recv(&self.socket, buffer, RecvFlags::empty())?.0)
    }

    /// The socket's own IP address; none where it has none, as unix sockets.
    pub fn local_address(&self) -> Option<IpAddr> {
        let address = self.socket.local_addr().ok()?;
        address.as_socket().map(|of| of.ip())
    }

    /// Whether our side has ended the connection: it has said so or is about to, or has cut it off. From then
    /// on what the client says is not taken any more. A write that has failed is no such end: what the
    /// client said before it went is in the socket still.
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

    /// How the client is written to: what is queued and delivered here has to be in this encoding.
    pub fn encoding(&self) -> Encoding {
        Encoding::from_number(self.encoding.load(Ordering::Relaxed))
    }

    /// Gives memory back that a client does not need while it is silent. Only for its own thread.
    pub fn shrink(&self) {
        own_compressed::forget();
        self.state.lock().queue.shrink();
    }

    /// Our side ends the connection.
    fn set_phase(&self, state: &mut State, phase: Phase) {
        state.phase = phase;
        self.closing.store(true, Ordering::Release);
        self.room.notify_all();
    }

    fn notice(self: &Arc<Self>, state: &mut State) {
        if !state.is_noticed {
            state.is_noticed = true;
            self.drain.notice(self.clone());
        }
    }
}

#[cfg(test)]
mod tests;
