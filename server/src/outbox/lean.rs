//! The way of a quiet client's few bytes, which leaves nothing behind in the kernel.
//!
//! A thread that has once called `send` on a TCP socket keeps a fragment of 32 KiB of the kernel's memory until
//! it ends (`tcp_sendmsg` copies into `current->task_frag`), which would be half of what an idle client costs.
//! What comes through a pipe by `splice` is handed over as the page that it stands in and needs no fragment. It
//! costs two system calls more, so that only a thread that seldom sends takes this way: the answer to a
//! handshake, a ping, a pong, now and then a message. One that sends much soon goes by `send`, and keeps to it.
//!
//! Only for the client's own thread; hub and drain thread have one fragment each, for all clients.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

use super::Outbox;
use crate::limits::{LEAN_BYTES_MAX, LEAN_PAUSE, LEAN_PIPES, LEAN_SENDS_MAX};

/// Pipes that all connection threads share, each empty whenever its lock is free.
pub(super) struct Pipes([Mutex<Pipe>; LEAN_PIPES]);

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Pipes {
    /// # Errors
    /// No file descriptor is to be had.
    pub(super) fn open() -> io::Result<Pipes> {
        let mut pipes = Vec::with_capacity(LEAN_PIPES);
        for _ in 0..LEAN_PIPES {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            pipes.push(Mutex::new(Pipe { reader, writer }));
        }
        let pipes = pipes.try_into();
        Ok(Pipes(
            pipes.unwrap_or_else(|_| unreachable!("as many as were made")),
        ))
    }
}

impl Pipe {
    /// Hands `bytes` to the socket and says how many it took; none where nothing was done. Waits where the kernel
    /// has no memory for sockets left at all, for as long as the listening socket's timeout for sending says.
    fn pass(&self, bytes: &[u8], outbox: &Outbox) -> Option<usize> {
        let written = rustix::io::write(&self.writer, bytes);
        let taken = (written == Ok(bytes.len()))
            .then(|| {
                let (from, to) = (&self.reader, outbox.socket());
                splice(from, None, to, None, bytes.len(), SpliceFlags::NONBLOCK).ok()
            })
            .flatten();
        if taken != Some(bytes.len()) {
            self.empty();
        }
        taken
    }

    /// What the socket did not take still stands in the outbox.
    fn empty(&self) {
        let mut rest = [0; LEAN_BYTES_MAX];
        while matches!(
            rustix::io::read(&self.reader, &mut rest),
            Ok(1..) | Err(Errno::INTR)
        ) {}
    }
}

/// How often a thread sends.
#[derive(Clone, Copy)]
enum Pace {
    /// Never yet.
    New,
    /// So many times since it last paused, most lately then.
    Quiet { sends: u32, last: Instant },
    /// So often that it goes by `send` from now on.
    Busy,
}

thread_local! {
    static PACE: Cell<Pace> = const { Cell::new(Pace::New) };
}

/// Takes note that this thread is about to send; true where it seldom does.
fn is_quiet() -> bool {
    let pace = match PACE.get() {
        Pace::Busy => return false,
        Pace::New => Pace::Quiet {
            sends: 1,
            last: Instant::now(),
        },
        Pace::Quiet { sends, last } => {
            let now = Instant::now();
            let has_paused = now.duration_since(last) > LEAN_PAUSE;
            match if has_paused { 1 } else { sends + 1 } {
                sends if sends > LEAN_SENDS_MAX => Pace::Busy,
                sends => Pace::Quiet { sends, last: now },
            }
        }
    };
    PACE.set(pace);
    matches!(pace, Pace::Quiet { .. })
}

impl Outbox {
    /// As [`Outbox::flush`], for the client's own thread: few bytes of one that seldom sends leave nothing
    /// behind in the kernel.
    pub fn flush_own(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.is_waiting || state.queue.is_empty() {
            return;
        }
        if state.queue.len() <= LEAN_BYTES_MAX
            && is_quiet()
            && let Some(count) = self.send_lean(state.queue.bytes())
        {
            return self.note_sent(&mut state, Some(count), |queue, count| {
                queue.take(count, &[])
            });
        }
        self.send(&mut state, &[]);
    }

    /// How many of `bytes` the socket took; none where they have to go another way, which also finds out
    /// what is wrong. Called under the lock, where nobody else can fill the socket: `splice` onto a full one that
    /// is not `O_NONBLOCK` would wait, and the hub with it.
    fn send_lean(&self, bytes: &[u8]) -> Option<usize> {
        let mut room = [PollFd::new(&self.socket, PollFlags::OUT)];
        let polled = poll(&mut room, Some(&Timespec::default()));
        if polled != Ok(1) || room[0].revents() != PollFlags::OUT {
            return None;
        }
        let Pipes(pipes) = self.drain.pipes();
        let client = self.client.map_or(0, |client| client.0);
        let pipe = &pipes[client as usize % LEAN_PIPES];
        pipe.lock().pass(bytes, self)
    }
}

#[cfg(test)]
mod tests {
    use super::{PACE, Pace, is_quiet};
    use crate::limits::{LEAN_PAUSE, LEAN_SENDS_MAX};
    use std::time::Instant;

    #[test]
    fn a_thread_is_busy_for_good_when_it_has_sent_often_without_a_pause() {
        assert!((0..LEAN_SENDS_MAX).all(|_| is_quiet()));
        assert!(!is_quiet());
        assert!(matches!(PACE.get(), Pace::Busy) && !is_quiet());
    }

    #[test]
    fn a_pause_makes_a_thread_quiet_again() {
        let last = Instant::now()
            .checked_sub(2 * LEAN_PAUSE)
            .expect("the machine runs for longer");
        let sends = LEAN_SENDS_MAX;
        PACE.set(Pace::Quiet { sends, last });
        assert!(is_quiet());
        assert!(matches!(PACE.get(), Pace::Quiet { sends: 1, .. }));
    }
}
