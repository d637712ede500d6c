//! A connection before it is a WebSocket: answers in HTTP, one after another, and the stop between
//! them.
//!
//! The part of [`Outbox`] that only the client's own thread uses, but for [`Outbox::stop_http`],
//! which the main thread calls, and [`Outbox::ask_to_leave`], which others call who need its place.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use log::info;

use super::cause::Cause;
use super::encoding::Encoding;
use super::{Outbox, Phase};
use crate::compression::Agreed;
use crate::limits::BYTES_PER_SECOND_LEAST;

/// How far a connection is with what it was asked in HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// It waits for a request, or for the rest of one.
    Reading,
    /// A request is there, and of its answer nothing is said.
    Answering,
    /// Of the answer something is said.
    Said,
    /// It is a WebSocket: the hub tells it of the stop.
    Upgraded,
}

impl Outbox {
    /// Queues bytes of an answer in HTTP behind the answers before it; they are never given up for
    /// others, as a frame may be. Does not send; what one answer may hold bounds what it takes, if
    /// [`Outbox::wait_for_room`] comes before the next.
    pub fn queue_http(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.queue.append_whole(bytes);
            if state.exchange == Exchange::Answering {
                state.exchange = Exchange::Said;
            }
        }
    }

    /// The client may send the body of its request (RFC 9110 section 10.1.1); the answer follows.
    pub fn queue_continue(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.queue.append_whole(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// A whole request is there, and the stop has to let its answer out. False where the connection
    /// has been cut off, so that there can be none.
    pub fn begin_answer(&self) -> bool {
        let mut state = self.state.lock();
        state.exchange = Exchange::Answering;
        state.phase == Phase::Open
    }

    /// Whether the client can be sent more of the answer.
    pub fn is_answered(&self) -> bool {
        self.state.lock().phase == Phase::Open
    }

    /// The answer is queued: the stop may cut the connection off from now on. False where the
    /// server stops already.
    pub fn end_answer(&self) -> bool {
        let mut state = self.state.lock();
        state.exchange = Exchange::Reading;
        !state.is_stopping
    }

    /// Our own code has panicked: a WebSocket is closed with 1011, and a request of whose answer nothing is said yet is
    /// answered with `answer`; `finish` is to follow.
    pub fn end_for_fault(self: &Arc<Self>, answer: &[u8]) {
        let mut state = self.state.lock();
        if !state.phase.is_open() {
            return;
        }
        match state.exchange {
            Exchange::Upgraded => self.begin_closing(&mut state, Cause::fault()),
            Exchange::Reading | Exchange::Answering => state.queue.append_whole(answer),
            // The client takes whatever follows for a part of it.
            Exchange::Said => {}
        }
    }

    /// The answer that is queued is 101; what follows stands in envelopes where `has_envelope`, and is compressed as was
    /// `agreed`.
    pub fn become_websocket(&self, has_envelope: bool, agreed: Option<Agreed>) {
        self.state.lock().exchange = Exchange::Upgraded;
        let encoding = match agreed {
            Some(agreed) => {
                let window = self.agreed.get_or_init(|| agreed).window;
                match has_envelope {
                    true => Encoding::Envelope(Some(window)),
                    false => Encoding::Deflate(window),
                }
            }
            None if has_envelope => Encoding::Envelope(None),
            None => return,
        };
        self.encoding.store(encoding.number(), Ordering::Relaxed);
    }

    /// The answer that is queued is the head of an event stream, which never ends by itself.
    pub fn become_event_stream(&self) {
        let mut state = self.state.lock();
        state.exchange = Exchange::Upgraded;
        state.queue.set_encoding(Encoding::Event);
        self.encoding
            .store(Encoding::Event.number(), Ordering::Relaxed);
    }

    /// Whether the server stops.
    pub fn is_stopping(&self) -> bool {
        self.state.lock().is_stopping
    }

    /// Tells the connection that the server stops. One that waits for a request is cut off at once;
    /// one that answers may say its word, and its thread ends it then; what is a WebSocket already
    /// is the hub's business.
    pub fn stop_http(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.is_stopping = true;
        if state.exchange != Exchange::Reading || state.phase != Phase::Open {
            return;
        }
        if !state.has_unsent() {
            self.wave(&mut state);
            drop(state);
            self.abort();
        } else {
            // What is left of the last answer still goes out: the thread wakes, finds the end of
            // what the peer sent, and finishes. An error means that the peer was faster.
            self.socket.shutdown(Shutdown::Read).ok();
        }
    }

    /// Asks a connection that waits for a request to make room for others: its thread wakes, finds the
    /// end of what the peer sent, and finishes. False where it is not to be asked: what the peer has
    /// sent is about to be read, or what was answered is not sent yet.
    ///
    /// In the moment between the return of a read and [`Outbox::begin_answer`] one may be asked whose
    /// head has just become whole; nobody else can tell what its thread has read.
    pub fn ask_to_leave(&self) -> bool {
        let mut state = self.state.lock();
        let is_waiting = state.exchange == Exchange::Reading && state.phase == Phase::Open;
        let has_unread = self.has_unread_bytes() || Outbox::has_unread_record(&state);
        if !is_waiting || state.has_unsent() || has_unread {
            return false;
        }
        state.is_asked_to_leave = true;
        // An error means that the peer was faster, and then the thread ends by itself.
        self.socket.shutdown(Shutdown::Read).ok();
        true
    }

    /// Whether its place is needed for others, so that nothing more is read.
    pub fn is_asked_to_leave(&self) -> bool {
        self.state.lock().is_asked_to_leave
    }

    fn has_unread_bytes(&self) -> bool {
        rustix::io::ioctl_fionread(&self.socket).is_ok_and(|count| count > 0)
    }

    /// Blocks while the socket is full and something is left to send; woken by the drain thread, at
    /// the latest when the socket has taken nothing for too long. Who takes a little now and then, to hold
    /// the place, is cut off: see [`BYTES_PER_SECOND_LEAST`]. Only for the client's own thread.
    pub fn wait_until_sent(self: &Arc<Self>) {
        let (bytes, patience) = {
            let state = self.state.lock();
            (state.queue.len(), state.bounds.write_timeout)
        };
        self.wait_until_sent_or(deadline(Instant::now(), patience, bytes as u64));
    }

    /// The same amid an answer that has come in pieces since `begin`, of so many bytes until now: with patience for one full
    /// socket in all, or who takes each piece as slowly as it may would be waited for that long each time.
    pub fn wait_until_sent_of(self: &Arc<Self>, begin: Instant, said: u64) {
        let (bytes, patience) = {
            let state = self.state.lock();
            (state.queue.len(), state.bounds.write_timeout)
        };
        let of_piece = deadline(Instant::now(), patience, bytes as u64);
        let of_all = deadline(begin, patience, said);
        self.wait_until_sent_or(of_piece.min(of_all));
    }

    pub(super) fn wait_until_sent_or(self: &Arc<Self>, deadline: Instant) {
        let mut state = self.state.lock();
        while state.is_waiting && state.phase == Phase::Open {
            if self.room.wait_until(&mut state, deadline).timed_out()
                && state.is_waiting
                && state.phase == Phase::Open
            {
                let (name, left) = (self.name(), state.queue.len());
                info!(
                    "{name} takes its answer more slowly than {BYTES_PER_SECOND_LEAST} bytes a second, {left} bytes are left; dropped"
                );
                self.abort_locked(&mut state);
                if state.is_kept {
                    self.notice(&mut state);
                }
            }
        }
    }
}

/// Until when the slowest reader that is served has taken `bytes` from `begin` on, and a full socket nothing for as long as that
/// may be.
pub(super) fn deadline(begin: Instant, patience: Duration, bytes: u64) -> Instant {
    begin + patience + time_for(bytes)
}

/// What the slowest reader that is served takes for `bytes`.
pub(super) fn time_for(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1000) / BYTES_PER_SECOND_LEAST)
}
