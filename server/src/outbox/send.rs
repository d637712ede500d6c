//! The way to the system call: one non-blocking send, and what of it the socket took.
//!
//! The part of [`Outbox`] that touches the socket for writing. What the hub passes on this way is inlined,
//! see [`Outbox::deliver`].

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};

use super::queue::Queue;
use super::shared::Frames;
use super::{Outbox, State};
use crate::limits::TURN_BYTES;

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

impl Outbox {
    /// Sends the queue and `run`; what is not taken waits for the drain thread.
    #[inline(always)]
    pub(super) fn send(self: &Arc<Self>, state: &mut State, run: Frames<'_>) {
        let sent = match (state.queue.bytes(), run.bytes()) {
            ([], part) | (part, []) => self.send_part(part),
            (queued, run) => self.send_two_parts(queued, run),
        };
        self.note_sent(state, sent, |queue, count| queue.take(count, run));
    }

    /// As [`Outbox::send`], where nothing is queued, as nearly always: then nothing is to be forgotten either.
    #[inline(always)]
    pub(super) fn send_alone(self: &Arc<Self>, state: &mut State, run: Frames<'_>) {
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
    fn begin_waiting(self: &Arc<Self>, state: &mut State) {
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
        while !state.queue.is_empty() {
            if left == 0 {
                // It is the turn of others; the socket is ready still, and comes again at once.
                return;
            }
            let part = state.queue.bytes();
            match self.send_part(&part[..part.len().min(left)]) {
                Some(0) => return,
                Some(sent) => {
                    state.sent += sent as u64;
                    left -= sent;
                    state.queue.advance(sent);
                    state.stall_deadline = Some(now + state.bounds.write_timeout);
                    state.keep_pace(sent, now);
                    state.note_memory();
                    self.room.notify_all();
                }
                None => return self.break_off(state),
            }
        }
        state.queue.clear();
        state.is_waiting = false;
        state.note_memory();
        state.stall_deadline = None;
        state.pace = None;
        self.room.notify_all();
    }

    /// One non-blocking send: how many bytes the socket took, zero where it is full; none where the
    /// connection is dead.
    #[inline(always)]
    fn send_part(&self, bytes: &[u8]) -> Option<usize> {
        taken(|| rustix::net::send(&self.socket, bytes, SEND_FLAGS))
    }

    /// The same for bytes that stand in two places.
    pub(super) fn send_two_parts(&self, first: &[u8], second: &[u8]) -> Option<usize> {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        let mut control = SendAncillaryBuffer::default();
        taken(|| rustix::net::sendmsg(&self.socket, &parts, &mut control, SEND_FLAGS))
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
