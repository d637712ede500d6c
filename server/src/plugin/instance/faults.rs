//! Counts the panics of one route and takes it out of service when they come too often.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use crate::limits::{PANIC_WINDOW, PANICS_MAX};

/// Shared by all threads that call the route's plugin.
#[derive(Default)]
pub(in crate::plugin) struct Faults {
    recent: Mutex<VecDeque<Instant>>,
    is_out: AtomicBool,
}

impl Faults {
    /// Counts one panic; true where it is the one that takes the route out of service.
    pub(in crate::plugin) fn count_panic(&self, now: Instant) -> bool {
        let mut recent = self.recent.lock();
        while recent
            .front()
            .is_some_and(|first| now.duration_since(*first) > PANIC_WINDOW)
        {
            recent.pop_front();
        }
        recent.push_back(now);
        recent.len() >= PANICS_MAX && !self.is_out.swap(true, Ordering::AcqRel)
    }

    /// Whether nothing but `on_close` is called any more.
    pub(in crate::plugin) fn is_out_of_service(&self) -> bool {
        self.is_out.load(Ordering::Acquire)
    }

    /// Back into service with a clean record; true where it was out.
    pub(in crate::plugin) fn forgive(&self) -> bool {
        self.recent.lock().clear();
        self.is_out.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::Faults;
    use crate::limits::{PANIC_WINDOW, PANICS_MAX};
    use std::time::{Duration, Instant};

    #[test]
    fn only_many_panics_in_a_short_time_take_a_route_out() {
        let start = Instant::now();
        let faults = Faults::default();
        for count in 0..3 * PANICS_MAX {
            let step = PANIC_WINDOW / (PANICS_MAX as u32 - 1) + Duration::from_secs(1);
            assert!(!faults.count_panic(start + step * count as u32));
        }
        let faults = Faults::default();
        for _ in 1..PANICS_MAX {
            assert!(!faults.count_panic(start));
        }
        assert!(faults.count_panic(start + PANIC_WINDOW), "just within it");
        assert!(!faults.count_panic(start), "told once");
        assert!(faults.is_out_of_service());
        assert!(faults.forgive());
        assert!(!faults.is_out_of_service());
    }
}
