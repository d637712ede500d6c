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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::{Intake, Queue, STEP_BYTES, STEPS_PER_LOOK, Slice};
    use crate::hub::intake::Emptied;
    use crate::ids::RouteId;

    /// The step of so many bytes at which it is to be left; none where that is none of a thousand.
    fn left_at(slice: &mut Slice<'_>, bytes: usize) -> Option<usize> {
        (1..=1000).find(|_| !slice.goes_on(bytes))
    }

    #[test]
    fn a_lane_goes_on_while_it_has_time_and_nobody_else_has_something() {
        let intake = Intake::new();
        for others in [None, Some(&*intake)] {
            let mut slice = Slice::new(u64::MAX, others);
            for bytes in [0, STEP_BYTES, STEPS_PER_LOOK * STEP_BYTES] {
                assert_eq!(left_at(&mut slice, bytes), None, "{bytes} bytes");
            }
            assert!(!slice.is_over());
        }
    }

    /// Cause: mutants survived that looked at the clock with each send, or never.
    #[test]
    fn the_clock_and_the_others_are_looked_at_after_so_many_steps_and_pages() {
        let Emptied(intake) = &Emptied(Intake::new());
        intake.list(Arc::new(Queue::new(RouteId(0), intake.clone())));
        for (time, others) in [(0, None), (u64::MAX, Some(&**intake))] {
            for (bytes, step) in [
                (0, STEPS_PER_LOOK),
                (STEP_BYTES - 1, STEPS_PER_LOOK),
                (STEP_BYTES, STEPS_PER_LOOK / 2),
                (STEPS_PER_LOOK * STEP_BYTES, 1),
            ] {
                let mut slice = Slice::new(time, others);
                // The steps are counted anew behind each look.
                for _ in 0..2 {
                    assert_eq!(left_at(&mut slice, bytes), Some(step), "{bytes} bytes");
                }
            }
        }
    }

    #[test]
    fn its_time_is_over_once_it_has_lasted_for_so_long() {
        let slice = Slice::new(1_000_000, None);
        thread::sleep(Duration::from_millis(1));
        assert!(slice.elapsed() >= 1_000_000);
        assert!(slice.is_over());
    }
}
