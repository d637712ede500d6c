//! Who sends what a client's own thread has for it: the thread itself, or for a quiet client the drain thread.
//!
//! A thread that has once called `send` on a TCP socket keeps a fragment of 32 KiB of the kernel's memory until
//! it ends (`tcp_sendmsg` copies into `current->task_frag`), which would be half of what an idle client costs.
//! So the thread of a client that seldom has anything to send never does: pings,
//! pongs, now and then a message wait in the outbox until the drain thread comes by, or the hub does. The answer to
//! the handshake takes another way (`outbox::pipe`), since a switch to another thread is dear where many come. A client
//! that is answered often is worth its fragment, and a switch to another thread for each answer is not.
//!
//! Only for connection threads. Nothing here waits.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use super::{NOTHING, Outbox, pipe};
use crate::limits::{QUIET_BYTES_MAX, QUIET_PAUSE, QUIET_SENDS_MAX};

/// How often a thread has something to send.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// So many times since it last paused, most lately then.
    Quiet { sends: u32, last: Option<Instant> },
    /// So often that it sends by itself from now on.
    Busy,
}

thread_local! {
    static PACE: Cell<Pace> = const {
        Cell::new(Pace::Quiet { sends: 0, last: None })
    };
}

/// Takes note that this thread has something to send; true where it seldom has.
fn is_quiet() -> bool {
    let Pace::Quiet { sends, last } = PACE.get() else {
        return false;
    };
    let now = Instant::now();
    let has_paused = last.is_none_or(|last| now.duration_since(last) > QUIET_PAUSE);
    let sends = if has_paused { 1 } else { sends + 1 };
    let is_quiet = sends <= QUIET_SENDS_MAX;
    PACE.set(if is_quiet {
        Pace::Quiet {
            sends,
            last: Some(now),
        }
    } else {
        Pace::Busy
    });
    is_quiet
}

impl Outbox {
    /// As [`Outbox::flush`], for the client's own thread: where the client is quiet, the drain thread sends, all but
    /// the first bytes.
    /// Whoever else has something for the client meanwhile takes it along.
    #[inline]
    pub fn flush_own(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.is_waiting || state.queue.is_empty() {
            return;
        }
        if state.queue.len() > QUIET_BYTES_MAX || !is_quiet() {
            self.send(&mut state, NOTHING);
            return;
        }
        if state.session.is_some() {
            return self.flush_quietly(&mut state);
        }
        let is_first = state.sent == 0;
        let bytes = state.queue.bytes();
        let sent = is_first
            .then(|| pipe::send_first(&self.socket, bytes))
            .flatten();
        if sent.is_some() {
            self.note_sent(&mut state, sent, |queue, count| queue.take(count, NOTHING));
        } else {
            state.is_handed_over = true;
            self.notice(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PACE, Pace, is_quiet};
    use crate::limits::{QUIET_PAUSE, QUIET_SENDS_MAX};
    use std::time::Instant;

    #[test]
    fn a_thread_is_busy_for_good_when_it_has_sent_often_without_a_pause() {
        PACE.set(Pace::Quiet {
            sends: QUIET_SENDS_MAX,
            last: Some(Instant::now() + QUIET_PAUSE),
        });
        assert!(!is_quiet());
        assert!(matches!(PACE.get(), Pace::Busy));
        assert!(!is_quiet());
    }

    #[test]
    fn the_first_sends_of_a_thread_are_quiet() {
        assert!((0..QUIET_SENDS_MAX).all(|_| is_quiet()));
    }

    #[test]
    fn a_pause_makes_a_thread_quiet_again() {
        let last = Instant::now().checked_sub(2 * QUIET_PAUSE);
        assert!(last.is_some(), "the machine runs for longer");
        let sends = QUIET_SENDS_MAX;
        PACE.set(Pace::Quiet { sends, last });
        assert!(is_quiet());
        assert!(matches!(PACE.get(), Pace::Quiet { sends: 1, .. }));
    }
}
