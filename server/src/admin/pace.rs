//! How many orders a second there may be: each is in the log with who gave it, and none of these lines may be left out.

use std::time::{Duration, Instant};

use http::StatusCode;
use parking_lot::Mutex;

use crate::http::refusal::Refusal;
use crate::limits::ADMIN_ORDERS_PER_SECOND_MAX;

/// Orders since some moment, and when that was.
#[derive(Default)]
pub(super) struct Pace(Mutex<Option<(Instant, u32)>>);

impl Pace {
    /// Takes note of one more at `now`.
    ///
    /// # Errors
    /// 429 where there were too many within a second.
    pub(super) fn take(&self, now: Instant) -> Result<(), Refusal> {
        let mut held = self.0.lock();
        let since = |began: Instant| now.saturating_duration_since(began);
        let second = held.filter(|&(began, _)| since(began) < Duration::from_secs(1));
        let (began, count) = second.unwrap_or((now, 0));
        if count >= ADMIN_ORDERS_PER_SECOND_MAX {
            let why =
                format!("more than {ADMIN_ORDERS_PER_SECOND_MAX} orders within a second: wait");
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, why));
        }
        *held = Some((began, count + 1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;
    use crate::limits::ADMIN_ORDERS_PER_SECOND_MAX;

    #[test]
    fn there_are_so_many_orders_a_second_and_then_more() {
        let (pace, began) = (Pace::default(), Instant::now());
        for _ in 0..ADMIN_ORDERS_PER_SECOND_MAX {
            assert!(pace.take(began).is_ok());
        }
        assert!(pace.take(began + Duration::from_millis(999)).is_err());
        assert!(pace.take(began + Duration::from_secs(1)).is_ok());
    }
}
