//! The queue to the thread of a file: the hub puts in and never waits; the thread takes all at once.
//!
//! Knows what jobs weigh and which are urgent, not what they are. What is not urgent is left for a moment in which
//! more comes, so that the hub wakes the thread a few times a second and not for each message, and many messages
//! become one batch. What waits is bounded by `STORE_QUEUE_BYTES` and counts in no sum (`limits::memory`).

use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::holes::Holes;
use crate::counters::COUNTERS;
use crate::limits::{STORE_GATHER, STORE_QUEUE_BYTES};

/// Shared by the hub's thread and that of the file.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    wake: Condvar,
    /// Everything up to this offset is in the file, or lost.
    done: AtomicU64,
    /// Offsets up to it may be given out.
    reserved: AtomicU64,
}

struct State<J> {
    jobs: Vec<J>,
    /// What they weigh, those under way included, in bytes.
    bytes: usize,
    is_urgent: bool,
    sleep: Sleep,
    holes: Holes,
    has_left_out: bool,
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleep {
    Awake,
    /// Until something comes.
    Deep,
    /// Until something urgent comes, or its time is over.
    Gathering,
}

/// What was taken.
pub(super) struct Taken<J> {
    pub(super) jobs: Vec<J>,
    pub(super) bytes: usize,
    pub(super) holes: Holes,
    /// Topics that were forgotten, and that there was no room to tell of.
    pub(super) has_left_out: bool,
    /// Nothing more will come.
    pub(super) is_over: bool,
}

/// There is no room.
pub(super) struct Full<J>(pub(super) J);

impl<J> Queue<J> {
    pub(super) fn new() -> Queue<J> {
        Queue {
            state: Mutex::new(State {
                jobs: Vec::new(),
                bytes: 0,
                is_urgent: false,
                sleep: Sleep::Awake,
                holes: Holes::default(),
                has_left_out: false,
                is_over: false,
            }),
            wake: Condvar::new(),
            done: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
        }
    }

    /// Puts a job in; never waits.
    ///
    /// # Errors
    /// What waits is too much already, or nothing is taken any more: the job comes back.
    pub(super) fn post(&self, job: J, bytes: usize, is_urgent: bool) -> Result<(), Full<J>> {
        let mut state = self.state.lock();
        if state.is_over || state.bytes > STORE_QUEUE_BYTES {
            return Err(Full(job));
        }
        self.put(&mut state, job, bytes, is_urgent);
        Ok(())
    }

    /// Puts a job in that there are few of; never waits.
    pub(super) fn post_always(&self, job: J) {
        let mut state = self.state.lock();
        if !state.is_over {
            self.put(&mut state, job, 0, true);
        }
    }

    fn put(&self, state: &mut State<J>, job: J, bytes: usize, is_urgent: bool) {
        state.jobs.push(job);
        state.bytes += bytes;
        COUNTERS.hub.filed_bytes.add(bytes as u64);
        state.is_urgent |= is_urgent || state.bytes > STORE_QUEUE_BYTES / 4;
        let must_wake = match state.sleep {
            Sleep::Awake => false,
            Sleep::Deep => true,
            Sleep::Gathering => state.is_urgent,
        };
        if must_wake {
            state.sleep = Sleep::Awake;
            self.wake.notify_one();
        }
    }

    /// A message of the topic is not in the queue and will not be in the file.
    pub(super) fn lose(&self, topic: &Arc<str>, offset: u64) {
        self.state.lock().holes.add(topic, offset);
    }

    /// A topic that was forgotten is not in the queue.
    pub(super) fn leave_out(&self) {
        self.state.lock().has_left_out = true;
    }

    /// Nothing is taken any more.
    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.wake.notify_one();
    }

    /// What waits is dropped, and with it whoever waits for it is told.
    pub(super) fn clear(&self) {
        let mut state = self.state.lock();
        COUNTERS
            .store
            .taken_bytes
            .add(take(&mut state.bytes) as u64);
        let jobs = take(&mut state.jobs);
        drop(state);
        drop(jobs);
    }

    /// Everything that waits; blocks until something comes, then for a moment in which more may come, or until
    /// `deadline`. The only caller is the file's thread; the hub wakes it.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Taken<J> {
        let mut state = self.state.lock();
        while state.jobs.is_empty() && !state.is_over {
            state.sleep = Sleep::Deep;
            let is_late = match deadline {
                Some(deadline) => self.wake.wait_until(&mut state, deadline).timed_out(),
                None => {
                    self.wake.wait(&mut state);
                    false
                }
            };
            if is_late {
                break;
            }
        }
        let gathered = Instant::now() + STORE_GATHER;
        while !state.jobs.is_empty() && !state.is_urgent && !state.is_over {
            state.sleep = Sleep::Gathering;
            if self.wake.wait_until(&mut state, gathered).timed_out() {
                break;
            }
        }
        state.sleep = Sleep::Awake;
        state.is_urgent = false;
        Taken {
            jobs: take(&mut state.jobs),
            bytes: state.bytes,
            holes: take(&mut state.holes),
            has_left_out: take(&mut state.has_left_out),
            is_over: state.is_over,
        }
    }

    /// What was taken is done with.
    pub(super) fn give_back(&self, bytes: usize) {
        self.state.lock().bytes -= bytes;
        COUNTERS.store.taken_bytes.add(bytes as u64);
    }

    /// Everything up to `offset` is in the file, or lost.
    pub(super) fn set_done(&self, offset: u64) {
        self.done.store(offset, Ordering::Release);
    }

    /// Offsets up to `offset` may be given out.
    pub(super) fn set_reserved(&self, offset: u64) {
        self.reserved.store(offset, Ordering::Release);
    }

    /// See [`Queue::set_reserved`].
    pub(super) fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Acquire)
    }

    /// See [`Queue::set_done`].
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }
}
