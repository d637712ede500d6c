//! How an outbox ends: the closing handshake, the last word, the cut.
//!
//! The other half of [`Outbox`]; the same threads and rules hold.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use log::Level;
use rustix::net::RecvFlags;

use super::cause::{self, Cause};
use super::http_phase::time_for;
use super::once::Once;
use super::{Delivery, NOTHING, Outbox, Phase, State};
use crate::counters::COUNTERS;
use crate::limits::LINGER_TIMEOUT;
use crate::logging::about::About;

/// How a connection thread leaves its socket behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both sides said that they are done.
    Complete,
    /// The last word is ours; the peer may still be sending, and a plain close would reset the
    /// connection before it has read that word.
    LastWord,
    /// The connection is dead; what is queued cannot arrive.
    Broken,
}

/// What the drain thread is to do about an outbox next.
pub(super) enum Service {
    /// Nothing to wait for any more.
    Done,
    /// Wait for the socket, until the deadline.
    Wait {
        /// The socket is full.
        for_write: bool,
        /// The peer may still send what is to be dropped.
        for_read: bool,
        /// When to look again.
        deadline: Option<Instant>,
    },
}

impl Outbox {
    /// Our side is going to close: from here on nothing that the client says is taken. [`Outbox::close`] follows,
    /// behind what is on its way here.
    pub fn announce_close(&self, cause: &Cause) -> Delivery {
        let mut state = self.state.lock();
        let was_closing = self.closing.swap(true, Ordering::AcqRel);
        if was_closing || !state.phase.is_open() {
            return Delivery::Gone;
        }
        state.cause = Some(cause.clone());
        Delivery::Queued
    }

    /// Begins the closing handshake: a Close frame behind what is queued, flushed, and nothing
    /// after it. The peer has its close timeout to answer. Does nothing where it has begun before; a
    /// connection that cannot be written to any more is cut off.
    pub fn close(self: &Arc<Self>, cause: Cause) -> Delivery {
        let mut state = self.state.lock();
        if state.phase.is_open() {
            self.begin_closing(&mut state, cause);
            return Delivery::Queued;
        }
        if !self.is_closing() {
            state.cause = Some(cause);
            self.abort_locked(&mut state);
        }
        Delivery::Gone
    }

    /// Queues a Close frame that answers the peer's: the cause is the peer's and already known.
    pub fn answer_close(self: &Arc<Self>, frame: &[u8]) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.queue.append(frame);
            self.set_phase(&mut state, Phase::Closing);
        }
    }

    /// The connection thread is done with the socket: sends what is left and closes it as `ending`
    /// asks. Does not wait; the drain thread does.
    pub fn finish(self: &Arc<Self>, ending: Ending) {
        let mut state = self.state.lock();
        if ending == Ending::Broken || state.phase == Phase::Closed {
            self.abort_locked(&mut state);
        } else {
            if !state.is_waiting && state.has_unsent() {
                self.send(&mut state, NOTHING);
            }
            if ending == Ending::Complete && !state.has_unsent() {
                self.wave(&mut state);
                self.abort_locked(&mut state);
            } else if state.phase != Phase::Closed {
                let time = if state.has_unsent() {
                    state.bounds.close_timeout
                } else {
                    LINGER_TIMEOUT
                };
                state.close_deadline = Some(Instant::now() + time);
                state.leaver = Some(self.drain.leaver());
                self.set_phase(&mut state, Phase::Lingering);
            }
        }
        if state.phase == Phase::Lingering || state.is_kept {
            self.notice(&mut state);
        }
    }

    /// Cuts one off that lingers and has its answer: what has come until now is read, so that the
    /// answer is not overtaken by a reset. Only for the drain thread.
    pub(super) fn cut(&self) {
        self.linger();
        self.abort_locked(&mut self.state.lock());
    }

    /// Whether the last word has been given to the socket whole.
    pub fn has_last_word(&self) -> bool {
        let state = self.state.lock();
        state.phase == Phase::Lingering && !state.has_unsent()
    }

    /// Cuts the connection off at once; wakes its thread from any read or wait.
    pub fn abort(self: &Arc<Self>) {
        let mut state = self.state.lock();
        self.abort_locked(&mut state);
        if state.is_kept {
            self.notice(&mut state);
        }
    }

    /// One step of the drain thread: sends, reads and drops, or gives up, as the time demands.
    pub(super) fn service(self: &Arc<Self>, now: Instant) -> Service {
        let mut state = self.state.lock();
        let service = self.serve_locked(&mut state, now);
        state.is_noticed = false;
        state.is_kept = !matches!(service, Service::Done);
        let waker = match state.is_waiting {
            true => None,
            false => state.waker.take(),
        };
        drop(state);
        if let Some(wake) = waker {
            wake();
        }
        service
    }

    fn serve_locked(self: &Arc<Self>, state: &mut State, now: Instant) -> Service {
        let is_handed_over = std::mem::take(&mut state.is_handed_over);
        if is_handed_over && !state.is_waiting && state.has_unsent() {
            state.is_waiting = true;
            state.stall_deadline = Some(now + state.bounds.write_timeout);
            state.set_pace(now);
        }
        if state.is_waiting {
            self.send_backlog(state, now);
        }
        if state.phase == Phase::Lingering && !state.is_waiting {
            self.say_goodbye(state);
        }
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_over(state.stall_deadline) || is_over(state.close_deadline) {
            self.give_up(state);
        } else if is_over(state.pace_deadline()) {
            self.close_for_pace(state);
        }
        let deadlines = [
            state.stall_deadline,
            state.pace_deadline(),
            state.close_deadline,
        ];
        let deadline = deadlines.into_iter().flatten().min();
        if state.phase == Phase::Closed {
            return Service::Done;
        }
        let lingers = state.phase == Phase::Lingering && !state.is_waiting;
        if lingers && self.linger() {
            self.abort_locked(state);
            return Service::Done;
        }
        if !state.is_waiting && state.phase.is_open() {
            return Service::Done;
        }
        Service::Wait {
            for_write: state.is_waiting,
            for_read: lingers,
            deadline,
        }
    }

    pub(super) fn begin_closing(self: &Arc<Self>, state: &mut State, cause: Cause) {
        let encoding = self.encoding();
        self.say_last(state, cause, |once, cause| match once {
            Some(once) => once.end(cause.code, &cause.reason),
            None => encoding.end(cause.code, &cause.reason),
        });
    }

    /// Queues what `end` makes of the cause as the last that is said, and sends it.
    pub(super) fn say_last(
        self: &Arc<Self>,
        state: &mut State,
        cause: Cause,
        end: impl FnOnce(Option<Once>, &Cause) -> Vec<u8>,
    ) {
        let once = state.once.take().map(|once| *once);
        // The first to say why is right.
        let cause = state.cause.get_or_insert(cause);
        let end = end(once, cause);
        let time = state.bounds.close_timeout + time_for(end.len() as u64);
        if state.phase == Phase::Once {
            state.queue.append_whole(&end);
        } else {
            state.queue.append(&end);
        }
        state.close_deadline = Some(Instant::now() + time);
        self.set_phase(state, Phase::Closing);
        if !state.is_waiting {
            self.send(state, NOTHING);
        }
        if self.encoding().is_one_way() {
            // There is no answer to wait for: its thread wakes, and leaves the rest to the drain thread. An
            // error means that the peer was faster.
            self.socket.shutdown(Shutdown::Read).ok();
        }
        self.notice(state);
    }

    /// Ends our side and drops what the peer still sends. True when nothing more can come.
    fn linger(&self) -> bool {
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return true;
        }
        let mut dropped = [0; 4096];
        // Bounded, so that one peer that floods does not keep the drain thread from the others.
        for _ in 0..16 {
            match rustix::net::recv(&self.socket, &mut dropped[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return true,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return false,
                Err(_) => return true,
            }
        }
        false
    }

    fn give_up(&self, state: &mut State) {
        if state.is_waiting {
            let time = humantime::format_duration(state.bounds.write_timeout);
            if state.cause.is_none() && state.phase.is_open() {
                COUNTERS.drain.stalled.add(1);
                let line = format_args!("{} has taken no byte for {time}; dropped", self.name());
                let about = About {
                    code: Some(cause::ABNORMAL),
                    ..self.about()
                };
                about.log(Level::Warn, module_path!(), line);
                let reason = format!("took no byte for {time}");
                state.cause = Some(Cause::server(cause::ABNORMAL, reason));
            }
        }
        self.abort_locked(state);
    }

    pub(super) fn abort_locked(&self, state: &mut State) {
        state.give_up_sending();
        state.session = None;
        self.set_phase(state, Phase::Closed);
        // An error means that the peer was faster; there is nothing left to shut down.
        self.socket.shutdown(Shutdown::Both).ok();
    }

    /// A write has failed: nothing is sent any more. What the client said before stands in the socket, and
    /// its thread reads on until the end of that.
    pub(super) fn break_off(&self, state: &mut State) {
        if self.is_closing() {
            return self.abort_locked(state);
        }
        state.give_up_sending();
        state.phase = Phase::Closed;
        self.room.notify_all();
        // Where only our side is broken, the peer is to hear that it ends.
        self.socket.shutdown(Shutdown::Write).ok();
    }
}

impl State {
    fn give_up_sending(&mut self) {
        self.queue.clear();
        if let Some(session) = &mut self.session {
            session.fall_silent();
        }
        self.is_waiting = false;
        self.stall_deadline = None;
        self.pace = None;
        self.close_deadline = None;
        self.note_memory();
    }
}
