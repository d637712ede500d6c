//! What plugins count for themselves: counters, gauges and histograms of one route, over all instances that serve
//! it one after the other.
//!
//! Any thread of a plugin adds, which is an atomic addition and waits for nobody; declaring and naming is rare and
//! takes a lock for a moment. Read by the admin listener. Everything is bounded, so that a plugin that makes a label
//! of what clients say fills its own room and no more.

mod declaration;
mod series;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::limits::{METRIC_LABEL_BYTES_MAX, METRIC_SERIES_MAX, METRICS_MAX};
use series::Series;

pub use declaration::{Declaration, MetricError, MetricKind};
pub use series::Number;

/// A declared metric; shared by its series.
#[derive(Debug)]
struct Family {
    declaration: Arc<Declaration>,
    /// Places of its series by the values of its labels.
    series: Mutex<HashMap<Vec<String>, usize>>,
}

/// Those of one route.
#[derive(Debug, Default)]
pub struct OwnMetrics {
    families: Mutex<Vec<Arc<Family>>>,
    /// Made with the first series; a place that is taken stays so.
    series: OnceLock<Box<[OnceLock<Series>]>>,
    taken: AtomicUsize,
}

/// A metric as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnFigures {
    /// As it was declared.
    pub declaration: Declaration,
    /// Values of the labels, and the number.
    pub rows: Vec<(Vec<String>, Number)>,
}

impl OwnMetrics {
    /// Declares a metric, or finds the one that was declared in the same way before: by the instance whose place this
    /// one has taken, say. One of that name that was declared otherwise is forgotten. Gives its handle.
    ///
    /// # Errors
    /// [`MetricError::Invalid`], [`MetricError::TooMany`].
    pub fn declare(&self, declaration: Declaration) -> Result<u64, MetricError> {
        declaration.check()?;
        let mut families = self.families.lock();
        let is_same_name = |of: &Arc<Family>| of.declaration.name == declaration.name;
        let found = families.iter().position(is_same_name);
        let (at, is_same) = match found {
            Some(at) => (at, *families[at].declaration == declaration),
            None if families.len() >= METRICS_MAX => {
                return Err(MetricError::TooMany("64 metrics"));
            }
            None => (families.len(), false),
        };
        if !is_same {
            let family = Arc::new(Family {
                declaration: Arc::new(declaration),
                series: Mutex::default(),
            });
            match found {
                Some(at) => families[at] = family,
                None => families.push(family),
            }
        }
        Ok(at as u64 + 1)
    }

    /// The series of a metric with these values of its labels; made where it is not there. Gives its handle.
    ///
    /// # Errors
    /// [`MetricError::Unknown`] for another number of values or a value that is too long; [`MetricError::TooMany`].
    pub fn series(&self, metric: u64, values: &[&str]) -> Result<u64, MetricError> {
        let family = usize::try_from(metric)
            .ok()
            .and_then(|of| of.checked_sub(1));
        let family = family.and_then(|at| self.families.lock().get(at).cloned());
        let family = family.ok_or(MetricError::Unknown)?;
        let is_long = |value: &&str| value.len() > METRIC_LABEL_BYTES_MAX;
        if values.len() != family.declaration.labels.len() || values.iter().any(is_long) {
            return Err(MetricError::Unknown);
        }
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        let mut series = family.series.lock();
        if let Some(at) = series.get(&values) {
            return Ok(*at as u64 + 1);
        }
        let places = self.series.get_or_init(|| {
            let places = (0..METRIC_SERIES_MAX).map(|_| OnceLock::new());
            places.collect()
        });
        let at = self.taken.fetch_add(1, Ordering::Relaxed);
        let Some(place) = places.get(at) else {
            self.taken.store(METRIC_SERIES_MAX, Ordering::Relaxed);
            return Err(MetricError::TooMany("1000 series"));
        };
        place.get_or_init(|| Series::new(family.declaration.clone()));
        series.insert(values, at);
        Ok(at as u64 + 1)
    }

    /// Adds to a counter or a gauge.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is a histogram or nothing, the number is not finite, or negative for a counter.
    pub fn add(&self, series: u64, more: f64) -> Result<(), MetricError> {
        self.find(series)?.add(more)
    }

    /// Sets a gauge.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is no gauge, or the number is not finite.
    pub fn set(&self, series: u64, number: f64) -> Result<(), MetricError> {
        self.find(series)?.set(number)
    }

    /// Counts one that was so large in a histogram.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is no histogram, or the number is not finite.
    pub fn observe(&self, series: u64, number: f64) -> Result<(), MetricError> {
        self.find(series)?.observe(number)
    }

    fn find(&self, series: u64) -> Result<&Series, MetricError> {
        let at = usize::try_from(series)
            .ok()
            .and_then(|of| of.checked_sub(1));
        let place = at.and_then(|at| self.series.get()?.get(at)?.get());
        place.ok_or(MetricError::Unknown)
    }

    /// Everything, in the order of declaration.
    pub fn read(&self) -> Vec<OwnFigures> {
        let families = self.families.lock().clone();
        let read = |family: Arc<Family>| {
            let series = family.series.lock();
            let mut rows: Vec<_> = series
                .iter()
                .filter_map(|(values, at)| {
                    let place = self.series.get()?.get(*at)?.get()?;
                    Some((values.clone(), place.read()))
                })
                .collect();
            rows.sort_by(|one, other| one.0.cmp(&other.0));
            OwnFigures {
                declaration: (*family.declaration).clone(),
                rows,
            }
        };
        families.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests;
