//! How often one publisher may publish: a bucket for each token and address.
//!
//! Connection threads; locked for a look. Bounded: where there are too many buckets, those that are full
//! again go, since a new one would be the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Buckets that are kept.
const BUCKETS_MAX: usize = 4096;

pub(crate) struct Rates {
    /// Messages a second, and how many may come at once; zero for no limit.
    per_second: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    pub(crate) fn new(per_second: u32) -> Rates {
        Rates {
            per_second: per_second.into(),
            buckets: Mutex::default(),
        }
    }

    /// Whether `who` may publish `messages` now; they are counted where it may.
    pub(crate) fn take(&self, who: String, messages: usize, now: Instant) -> bool {
        if self.per_second == 0.0 {
            return true;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&who) {
            buckets.retain(|_, bucket| self.fill(bucket, now) < self.per_second);
            if buckets.len() >= BUCKETS_MAX {
                return false;
            }
        }
        let bucket = buckets.entry(who).or_insert(Bucket {
            left: self.per_second,
            at: now,
        });
        bucket.left = self.fill(bucket, now);
        bucket.at = now;
        // Who names more topics than fit into a second waits for a full bucket and no longer.
        let wanted = (messages as f64).min(self.per_second);
        let is_enough = bucket.left >= wanted;
        if is_enough {
            bucket.left -= wanted;
        }
        is_enough
    }

    fn fill(&self, bucket: &Bucket, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + seconds * self.per_second).min(self.per_second)
    }
}
