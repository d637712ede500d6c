//! How far one lane may work before the hub looks round.
//!
//! The clock and the other routes are looked at after some steps, not at each: a step is a few
//! nanoseconds here beside a `send` of some thousand.

use std::time::Instant;

use super::intake::Intake;
use super::queue::Queue;
use crate::counters::nanoseconds_since;
use crate::limits::{STEP_BYTES, STEPS_PER_LOOK};

/// A stretch of work on one lane.
pub(super) struct Slice<'a> {
    start: Instant,
    /// Nanoseconds.
    time: u64,
    /// Looked at for others, if the lane gives way.
    others: Option<&'a Intake<Queue>>,
    /// Steps before the next look.
    steps: usize,
}

impl<'a> Slice<'a> {
    /// Begins now and ends after `time` nanoseconds, or when somebody is listed in `others`.
    pub(super) fn new(time: u64, others: Option<&'a Intake<Queue>>) -> Slice<'a> {
        Slice {
            start: Instant::now(),
            time,
            others,
            steps: STEPS_PER_LOOK,
        }
    }

    /// Takes note of a step that has moved so many bytes; false where the lane is to be left now.
    #[inline(always)]
    pub(super) fn goes_on(&mut self, bytes: usize) -> bool {
        self.has_room_for(Slice::steps_of(bytes))
    }

    /// What moving so many bytes counts as.
    #[inline(always)]
    pub(super) fn steps_of(bytes: usize) -> usize {
        1 + bytes / STEP_BYTES
    }

    /// As [`Slice::goes_on`], for what counts as so many steps.
    #[inline(always)]
    pub(super) fn has_room_for(&mut self, steps: usize) -> bool {
        if steps < self.steps {
            self.steps -= steps;
            return true;
        }
        self.look()
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self) -> bool {
        self.steps = STEPS_PER_LOOK;
        !self.others.is_some_and(Intake::has_listed) && !self.is_over()
    }

    /// Whether its time is used up.
    pub(super) fn is_over(&self) -> bool {
        self.elapsed() >= self.time
    }

    /// How long it has lasted, in nanoseconds.
    pub(super) fn elapsed(&self) -> u64 {
        nanoseconds_since(self.start)
    }
}
