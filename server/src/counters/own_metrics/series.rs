//! One series of a metric: the number that any thread of a plugin adds to, and that is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::declaration::{Declaration, MetricError, MetricKind};
use crate::counters::Count;

/// A metric with values for its labels.
#[derive(Debug)]
pub(super) struct Series {
    declaration: Arc<Declaration>,
    /// The bits of a number; of a histogram the sum.
    number: AtomicU64,
    /// Of a histogram: up to each bound and above the one before, and above all.
    counts: Box<[Count]>,
}

/// What a series has counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// Of a counter or gauge.
    One(f64),
    /// Of a histogram: the sum, and the numbers by bound, the last one infinite.
    Buckets(f64, Vec<(f64, u64)>),
}

impl Series {
    pub(super) fn new(declaration: Arc<Declaration>) -> Series {
        let counts = match declaration.kind {
            MetricKind::Histogram => declaration.bounds.len() + 1,
            MetricKind::Counter | MetricKind::Gauge => 0,
        };
        Series {
            declaration,
            number: AtomicU64::new(0f64.to_bits()),
            counts: (0..counts).map(|_| Count::new()).collect(),
        }
    }

    /// Adds to a counter or a gauge.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is a histogram, the number is not finite, or negative for a counter.
    pub(super) fn add(&self, more: f64) -> Result<(), MetricError> {
        let is_fitting = match self.declaration.kind {
            MetricKind::Counter => more.is_finite() && more >= 0.0,
            MetricKind::Gauge => more.is_finite(),
            MetricKind::Histogram => false,
        };
        if !is_fitting {
            return Err(MetricError::Unknown);
        }
        add(&self.number, more);
        Ok(())
    }

    /// Sets a gauge.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is no gauge, or the number is not finite.
    pub(super) fn set(&self, number: f64) -> Result<(), MetricError> {
        if self.declaration.kind != MetricKind::Gauge || !number.is_finite() {
            return Err(MetricError::Unknown);
        }
        self.number.store(number.to_bits(), Ordering::Relaxed);
        Ok(())
    }

    /// Counts one that was so large in a histogram.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is no histogram, or the number is not finite.
    pub(super) fn observe(&self, number: f64) -> Result<(), MetricError> {
        if self.declaration.kind != MetricKind::Histogram || !number.is_finite() {
            return Err(MetricError::Unknown);
        }
        let bounds = &self.declaration.bounds;
        let place = bounds.partition_point(|&bound| bound < number);
        self.counts[place].add(1);
        add(&self.number, number);
        Ok(())
    }

    /// What it has counted.
    pub(super) fn read(&self) -> Number {
        let declaration = &self.declaration;
        let number = f64::from_bits(self.number.load(Ordering::Relaxed));
        match declaration.kind {
            MetricKind::Counter | MetricKind::Gauge => Number::One(number),
            MetricKind::Histogram => {
                let bounds = declaration.bounds.iter().copied().chain([f64::INFINITY]);
                let counts = self.counts.iter().map(Count::get);
                Number::Buckets(number, bounds.zip(counts).collect())
            }
        }
    }
}

fn add(number: &AtomicU64, more: f64) {
    let sum = |bits| Some((f64::from_bits(bits) + more).to_bits());
    // It always has a next value.
    number
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum)
        .ok();
}
