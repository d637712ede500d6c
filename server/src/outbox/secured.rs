//! A client by TLS: the same outbox, with records between it and its socket.
//!
//! The part of [`Outbox`] that holds the client's [`Session`], under the same lock and for the same threads. What is said
//! stays plain bytes in the queue until the socket has taken all that was sealed before; so at most one record stands
//! between the two, and the drain thread waits for it as for a backlog. Its bytes count as sent: they have to follow whatever
//! happens, and a frame that begins in them is kept whole.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::net::RecvFlags;
use socket2::Socket;

use super::queue::Queue;
use super::send::{send_parts, send_parts_before_more};
use super::shared::Frames;
use super::{NOTHING, Outbox, Phase, State, pipe};
use crate::limits::{
    QUIET_BYTES_MAX, SPLICED_BYTES_MAX, SPLICES_MAX, TLS_OVERHEAD_BYTES, TLS_RECORD_BYTES,
    TURN_BYTES,
};
use crate::tls::{Agreement, Flushed, PeerCertificate, Session, TlsError};

/// Bytes of a handshake that are read at once; what else has come behind it is data, and stays in the session.
const HANDSHAKE_BYTES: usize = 2048;

/// How far a handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// The client has more to say.
    UnderWay,
    /// What the client says from here on is read by [`Outbox::receive`].
    Done(Agreement),
}

impl Outbox {
    /// From now on everything passes `session`; `early` has come for it already. Only for the client's own thread,
    /// before anything was sent.
    ///
    /// # Errors
    /// See [`Outbox::shake_hands`].
    pub fn secure(
        self: &Arc<Self>,
        session: Box<Session>,
        early: &[u8],
    ) -> Result<Handshake, TlsError> {
        self.state.lock().session = Some(session);
        self.is_secured.store(true, Ordering::Relaxed);
        self.shake_hands(early)
    }

    /// Takes `bytes` of the handshake in, and sends what is to be answered. Only for the client's own thread.
    ///
    /// # Errors
    /// It has failed, and the client is told so, as far as its socket takes that.
    pub fn shake_hands(self: &Arc<Self>, bytes: &[u8]) -> Result<Handshake, TlsError> {
        let mut state = self.state.lock();
        let Some(session) = &mut state.session else {
            return Ok(Handshake::UnderWay);
        };
        let mut taken = 0;
        let mut outcome = Ok(());
        while taken < bytes.len() && outcome.is_ok() {
            match session.take_in(&bytes[taken..]) {
                // What stands behind the handshake is fewer bytes than a session keeps.
                Ok(0) => outcome = Err(TlsError::stuck()),
                Ok(count) => taken += count,
                Err(error) => outcome = Err(error),
            }
        }
        let is_over = !session.is_handshaking();
        let agreement = session.agreement();
        self.answer_quietly(&mut state);
        outcome?;
        Ok(match agreement.filter(|_| is_over) {
            Some(agreement) => Handshake::Done(agreement),
            None => Handshake::UnderWay,
        })
    }

    /// Reads more of the handshake, and goes on with it. Blocks as [`Outbox::receive`] does. Only for the client's own
    /// thread.
    ///
    /// # Errors
    /// As `recv(2)`, and `UnexpectedEof` where the client has gone; inside, as [`Outbox::shake_hands`].
    #[inline(never)]
    pub fn receive_handshake(self: &Arc<Self>) -> io::Result<Result<Handshake, TlsError>> {
        let mut buffer = [0; HANDSHAKE_BYTES];
        let (_, count) = rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
        match count {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(self.shake_hands(&buffer[..count])),
        }
    }

    /// The certificate that the client has shown.
    pub fn peer_certificate(&self) -> Option<PeerCertificate> {
        self.state.lock().session.as_ref()?.peer_certificate()
    }

    /// As [`Outbox::receive`]: ciphertext into the caller's buffer without the lock, then in steps of a record under
    /// it to what it says, in the same buffer. What is read takes no more room than what it was read from, but for a record
    /// that was nearly whole before: the rest of that stays in the session, and is what the next call gives.
    ///
    /// # Errors
    /// `Interrupted` where what has come is no data yet.
    #[cold]
    #[inline(never)]
    pub(super) fn receive_secured(self: &Arc<Self>, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(outcome) = self.read_ahead(buffer) {
            return outcome;
        }
        let received = rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::empty())?.0;
        let (mut taken, mut read) = (0, 0);
        while taken < received {
            let mut state = self.state.lock();
            let Some(session) = &mut state.session else {
                return Ok(0);
            };
            let end = received.min(taken + TLS_RECORD_BYTES);
            while taken < end {
                let step = session.take_in(&buffer[taken..end]);
                let count = step.as_ref().map_or(0, |count| *count);
                taken += count;
                // Behind a failure nothing is taken any more, and what was said before it may have its place.
                let room = if step.is_ok() { taken } else { received };
                let before = read;
                read += session.read(&mut buffer[read..room]);
                if count == 0 && read == before {
                    // The session is over, and all that was said before that is read, or is what the next call gives.
                    taken = received;
                    if step.is_ok() {
                        session.fail();
                    }
                    break;
                }
            }
            self.answer(&mut state);
        }
        if read > 0 {
            return Ok(read);
        }
        if received == 0 {
            // The end without a word of it: whatever is not whole by then is not taken, here as above.
            return Ok(0);
        }
        let outcome = self.read_ahead(&mut []);
        outcome.unwrap_or_else(|| Err(ErrorKind::Interrupted.into()))
    }

    /// What stands in the session, or its end; none where more has to come.
    fn read_ahead(&self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let mut state = self.state.lock();
        let Some(session) = &mut state.session else {
            return Some(Ok(0));
        };
        let count = session.read(buffer);
        if count > 0 {
            return Some(Ok(count));
        }
        if let Some(error) = session.failure() {
            return Some(Err(io::Error::new(ErrorKind::InvalidData, error)));
        }
        session.has_ended().then_some(Ok(0))
    }

    /// Whether the client has said something that its thread has not read.
    pub(super) fn has_unread_record(state: &State) -> bool {
        state.session.as_ref().is_some_and(|of| of.has_unread())
    }

    /// Sends what the session answers by itself: alerts, new keys.
    fn answer(self: &Arc<Self>, state: &mut State) {
        let is_flushed = state.session.as_ref().is_none_or(|of| of.is_flushed());
        if !is_flushed && !state.is_waiting && state.phase != Phase::Closed {
            self.send_secured(state, NOTHING);
        }
    }

    /// As [`Outbox::send`], by records.
    #[cold]
    #[inline(never)]
    pub(super) fn send_secured(self: &Arc<Self>, state: &mut State, run: Frames<'_>) {
        let sent = self.seal_and_send(state, run.bytes());
        self.note_sealed(state, sent, |queue, count| queue.take(count, run));
    }

    /// Sends the queue and `payload`, of which its last header speaks; see [`Outbox::queue_message`].
    #[cold]
    #[inline(never)]
    pub(super) fn send_payload_secured(self: &Arc<Self>, state: &mut State, payload: &[u8]) {
        let sent = self.seal_and_send(state, payload);
        self.note_sealed(state, sent, |queue, count| {
            queue.take_payload(count, payload)
        });
    }

    fn note_sealed(
        self: &Arc<Self>,
        state: &mut State,
        sent: Option<usize>,
        take: impl FnOnce(&mut Queue, usize) -> bool,
    ) {
        self.note_sent(state, sent, take);
        if !state.is_waiting && state.has_unsent() {
            self.begin_waiting(state);
        }
    }

    /// Seals and sends what is queued and then `behind`, record by record, until the socket is full or a turn is over: the
    /// hub may wait for the lock, and the drain thread goes on. Gives the bytes that were sealed; none where the connection
    /// is dead.
    fn seal_and_send(&self, state: &mut State, behind: &[u8]) -> Option<usize> {
        let State { queue, session, .. } = state;
        let session = session.as_mut()?;
        let (mut first, mut second) = (queue.bytes(), behind);
        let mut sealed = 0;
        loop {
            let is_last = sealed >= TURN_BYTES || (first.is_empty() && second.is_empty());
            let flushed = match is_last {
                true => flush(session, &self.socket),
                false => session.flush(|parts| send_parts_before_more(&self.socket, parts)),
            };
            match flushed {
                Flushed::All => {}
                Flushed::Full => return Some(sealed),
                Flushed::Broken => return None,
            }
            if is_last {
                return Some(sealed);
            }
            let count = session.seal(first, second);
            if count == 0 {
                return None;
            }
            sealed += count;
            let of_first = count.min(first.len());
            (first, second) = (&first[of_first..], &second[count - of_first..]);
        }
    }

    /// Sends of a backlog what was sealed, and one record more: how many bytes of the queue were sealed, and how many the socket
    /// took. None where the connection is dead.
    #[cold]
    #[inline(never)]
    pub(super) fn send_record(&self, state: &mut State, most: usize) -> Option<(usize, usize)> {
        let State { queue, session, .. } = state;
        let session = session.as_mut()?;
        let before = session.sent();
        let mut sealed = 0;
        if flush(session, &self.socket) == Flushed::All {
            let part = queue.bytes();
            let part = &part[..part.len().min(most)];
            if !part.is_empty() {
                sealed = session.seal(part, &[]);
                if sealed == 0 {
                    return None;
                }
            }
        }
        match flush(session, &self.socket) {
            Flushed::Broken => None,
            Flushed::All | Flushed::Full => {
                let sent = usize::try_from(session.sent() - before).unwrap_or(usize::MAX);
                Some((sealed, sent))
            }
        }
    }

    /// As [`Outbox::flush_own`] where the thread is quiet: the first bytes by the pipe, all others by the drain thread.
    #[cold]
    #[inline(never)]
    pub(super) fn flush_quietly(self: &Arc<Self>, state: &mut State) {
        let State { queue, session, .. } = &mut *state;
        if let Some(session) = session {
            let bytes = queue.bytes();
            let fits = bytes.len() + TLS_OVERHEAD_BYTES <= QUIET_BYTES_MAX;
            if fits && session.is_flushed() && has_surely_room(session.sends(), session.sent()) {
                let sealed = session.seal(bytes, &[]);
                if sealed > 0 {
                    queue.take(sealed, NOTHING);
                    state.sent += sealed as u64;
                }
            }
        }
        self.answer_quietly(state);
    }

    /// What is sealed leaves by the pipe where it may; else what is sealed and what is queued is handed over.
    fn answer_quietly(self: &Arc<Self>, state: &mut State) {
        if state.is_waiting || state.phase == Phase::Closed {
            return;
        }
        if let Some(session) = &mut state.session {
            splice(session, &self.socket);
        }
        if state.has_unsent() {
            state.is_handed_over = true;
            self.notice(state);
        }
    }

    /// Says that nothing more comes, behind all that was said; once, and only where nothing else is left to send. What the
    /// socket does not take of it waits for the drain thread.
    #[inline(never)]
    pub(super) fn say_goodbye(self: &Arc<Self>, state: &mut State) {
        let Some(session) = &mut state.session else {
            return;
        };
        if session.has_said_goodbye() || session.is_handshaking() {
            return;
        }
        session.say_goodbye();
        self.send_secured(state, NOTHING);
    }

    /// The same where nobody is going to wait for it.
    #[inline(never)]
    pub(super) fn wave(&self, state: &mut State) {
        if let Some(session) = &mut state.session
            && !session.is_handshaking()
            && session.is_flushed()
        {
            session.say_goodbye();
            flush(session, &self.socket);
        }
    }
}

impl State {
    /// Bytes that a record takes which is sealed and has not left; as many as one may have, since how many are left of it
    /// does not matter to anybody.
    #[inline]
    pub(super) fn sealed_memory(&self) -> usize {
        let is_there = self.session.as_ref().is_some_and(|of| !of.is_flushed());
        if is_there { TLS_RECORD_BYTES } else { 0 }
    }
}

fn flush(session: &mut Session, socket: &Socket) -> Flushed {
    session.flush(|parts| send_parts(socket, parts))
}

/// Whether a socket that has taken so many sends and bytes has room for a page more, whether its client takes any of it
/// or not: the pipe waits where there is none, and the outbox is locked.
fn has_surely_room(sends: u32, bytes: u64) -> bool {
    sends < SPLICES_MAX && bytes <= SPLICED_BYTES_MAX
}

/// Sends by the pipe what may be sent so.
#[inline(never)]
fn splice(session: &mut Session, socket: &Socket) {
    let (mut sends, mut bytes) = (session.sends(), session.sent());
    session.flush(|parts: &[IoSlice<'_>]| {
        if !has_surely_room(sends, bytes) {
            return Some(0);
        }
        let mut page = [0; QUIET_BYTES_MAX];
        let mut length = 0;
        for part in parts {
            let count = part.len().min(page.len() - length);
            page[length..length + count].copy_from_slice(&part[..count]);
            length += count;
        }
        let sent = pipe::send_first(socket, &page[..length]).unwrap_or(0);
        sends += 1;
        bytes += sent as u64;
        Some(sent)
    });
}

#[cfg(test)]
mod tests;
