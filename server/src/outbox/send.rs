//! The way to the system call: one non-blocking send, and what of it the socket took.
//!
//! The part of [`Outbox`] that touches the socket for writing, where nothing stands between them: what goes by TLS takes
//! another way (`outbox::secured`) at the same places. What the hub passes on this way is inlined,
//! see [`Outbox::deliver`].

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use socket2::Socket;

use super::queue::Queue;
use super::shared::Frames;
use super::{Outbox, State};
use crate::limits::TURN_BYTES;

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

impl Outbox {
    /// Sends the queue and `run`; what is not taken waits for the drain thread.
    #[inline(always)]
    pub(super) fn send(self: &Arc<Self>, state: &mut State, run: Frames<'_>) {
        if state.session.is_some() {
            return self.send_secured(state, run);
        }
        let sent = match (state.queue.bytes(), run.bytes()) {
            ([], part) | (part, []) => self.send_part(part),
            (queued, run) => self.send_two_parts(queued, run),
        };
        self.note_sent(state, sent, |queue, count| queue.take(count, run));
    }

    /// As [`Outbox::send`], where nothing is queued, as nearly always: then nothing is to be forgotten either.
    #[inline(always)]
    pub(super) fn send_alone(self: &Arc<Self>, state: &mut State, run: Frames<'_>) {
        if state.session.is_some() {
            return self.send_secured(state, run);
        }
        match self.send_part(run.bytes()) {
            Some(count) if count == run.bytes().len() => state.sent += count as u64,
            sent => self.note_sent(state, sent, |queue, count| queue.take(count, run)),
        }
    }

    /// Takes note of a send, which failed where there is no number: `take` keeps what was not sent,
    /// and is true where nothing is left.
    #[inline(always)]
    pub(super) fn note_sent(
        self: &Arc<Self>,
        state: &mut State,
        sent: Option<usize>,
        take: impl FnOnce(&mut Queue, usize) -> bool,
    ) {
        match sent {
            Some(count) => {
                state.sent += count as u64;
                if !take(&mut state.queue, count) {
                    self.begin_waiting(state);
                }
            }
            None => self.break_off(state),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn begin_waiting(self: &Arc<Self>, state: &mut State) {
        state.is_waiting = true;
        state.note_memory();
        let now = Instant::now();
        state.stall_deadline = Some(now + state.bounds.write_timeout);
        state.set_pace(now);
        self.notice(state);
        self.check_backlog(state);
    }

    pub(super) fn send_backlog(&self, state: &mut State, now: Instant) {
        let mut left = TURN_BYTES;
        while state.has_unsent() {
            if left == 0 {
                // It is the turn of others; the socket is ready still, and comes again at once.
                return;
            }
            let Some((taken, sent)) = self.send_some(state, left) else {
                return self.break_off(state);
            };
            state.sent += taken as u64;
            if taken > 0 {
                state.queue.advance(taken);
            }
            if sent == 0 {
                return;
            }
            left = left.saturating_sub(sent);
            state.stall_deadline = Some(now + state.bounds.write_timeout);
            state.keep_pace(sent, now);
            state.note_memory();
            self.room.notify_all();
        }
        state.queue.clear();
        state.is_waiting = false;
        state.note_memory();
        state.stall_deadline = None;
        state.pace = None;
        self.room.notify_all();
    }

    /// One non-blocking send of a backlog: how many bytes of the queue are on their way, and how many bytes the socket
    /// took, zero where it is full. None where the connection is dead.
    fn send_some(&self, state: &mut State, most: usize) -> Option<(usize, usize)> {
        if state.session.is_some() {
            return self.send_record(state, most);
        }
        let part = state.queue.bytes();
        let sent = self.send_part(&part[..part.len().min(most)])?;
        Some((sent, sent))
    }

    /// One non-blocking send: how many bytes the socket took, zero where it is full; none where the
    /// connection is dead.
    #[inline(always)]
    fn send_part(&self, bytes: &[u8]) -> Option<usize> {
        taken(|| rustix::net::send(&self.socket, bytes, SEND_FLAGS))
    }

    /// The same for bytes that stand in two places.
    pub(super) fn send_two_parts(&self, first: &[u8], second: &[u8]) -> Option<usize> {
        send_parts(&self.socket, &[IoSlice::new(first), IoSlice::new(second)])
    }
}

/// One non-blocking send of bytes that stand in several places.
pub(super) fn send_parts(socket: &Socket, parts: &[IoSlice<'_>]) -> Option<usize> {
    send_parts_by(socket, parts, SEND_FLAGS)
}

/// The same where more follows at once, so that the kernel need not send a segment that is not full (`MSG_MORE`): whoever
/// calls it has to send what follows by another way.
pub(super) fn send_parts_before_more(socket: &Socket, parts: &[IoSlice<'_>]) -> Option<usize> {
    send_parts_by(socket, parts, SEND_FLAGS.union(SendFlags::MORE))
}

fn send_parts_by(socket: &Socket, parts: &[IoSlice<'_>], flags: SendFlags) -> Option<usize> {
    if let [part] = parts {
        return taken(|| rustix::net::send(socket, part, flags));
    }
    let mut control = SendAncillaryBuffer::default();
    taken(|| rustix::net::sendmsg(socket, parts, &mut control, flags))
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
