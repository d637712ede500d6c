//! Open loop: messages leave when they are due, whatever has become of those before, and their
//! latency counts from when they were due. So a server that stalls cannot hide it by being asked less.

use std::time::{Duration, Instant};

/// A fixed rate.
pub struct Pace {
    start: Instant,
    interval: Duration,
    next: u64,
}

impl Pace {
    /// So many messages a second, from now on.
    pub fn new(per_second: f64) -> Pace {
        Pace {
            start: Instant::now(),
            interval: Duration::from_secs_f64(1.0 / per_second),
            next: 0,
        }
    }

    /// Begins anew, from now on.
    pub fn begin(&mut self) {
        self.start = Instant::now();
        self.next = 0;
    }

    /// When message `index` was or will be due.
    pub fn due_of(&self, index: u64) -> Instant {
        self.start + Duration::from_nanos(self.interval.as_nanos() as u64 * index)
    }

    /// When the next message is due.
    pub fn due(&self) -> Instant {
        self.due_of(self.next)
    }

    /// Takes the next message's index.
    pub fn take(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}
