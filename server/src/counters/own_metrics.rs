//! What plugins count for themselves: counters, gauges and histograms of one route, over all instances that serve
//! it one after the other.
//!
//! Any thread of a plugin adds, which is an atomic addition and waits for nobody; declaring and naming is rare and
//! takes a lock for a moment. Read by the admin listener. Everything is bounded, so that a plugin that makes a label
//! of what clients say fills its own room and no more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Count;
use crate::limits::{
    METRIC_BOUNDS_MAX, METRIC_HELP_BYTES_MAX, METRIC_LABEL_BYTES_MAX, METRIC_LABELS_MAX,
    METRIC_NAME_BYTES_MAX, METRIC_SERIES_MAX, METRICS_MAX,
};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Numbers by bounds.
    Histogram,
}

/// A metric as a plugin declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// What it is.
    pub kind: MetricKind,
    /// Its name, without what stands before it for the plugin.
    pub name: String,
    /// What it means, for people.
    pub help: String,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Upper bounds of a histogram, ascending.
    pub bounds: Vec<f64>,
}

/// Why a metric or a series is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The declaration cannot stand so.
    #[error("metric {name}: {why}")]
    Invalid {
        /// Which.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The route has as many as it may.
    #[error("this route has {0}, as many as it may")]
    TooMany(&'static str),
    /// There is no such metric or series, or a value is out of what it takes.
    #[error("no such metric, or a value that it does not take")]
    Unknown,
}

/// A declared metric; shared by its series.
#[derive(Debug)]
struct Family {
    declaration: Declaration,
    /// Places of its series by the values of its labels.
    series: Mutex<HashMap<Vec<String>, usize>>,
}

/// One series: a metric with values for its labels.
#[derive(Debug)]
struct Series {
    family: Arc<Family>,
    /// The bits of a number; of a histogram the sum.
    number: AtomicU64,
    /// Of a histogram: up to each bound and above the one before, and above all.
    counts: Box<[Count]>,
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

/// What a series has counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// Of a counter or gauge.
    One(f64),
    /// Of a histogram: the sum, and the numbers by bound, the last one infinite.
    Buckets(f64, Vec<(f64, u64)>),
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
            Some(at) => (at, families[at].declaration == declaration),
            None if families.len() >= METRICS_MAX => {
                return Err(MetricError::TooMany("64 metrics"));
            }
            None => (families.len(), false),
        };
        if !is_same {
            let family = Arc::new(Family {
                declaration,
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
        let counts = match family.declaration.kind {
            MetricKind::Histogram => family.declaration.bounds.len() + 1,
            MetricKind::Counter | MetricKind::Gauge => 0,
        };
        place.get_or_init(|| Series {
            family: family.clone(),
            number: AtomicU64::new(0f64.to_bits()),
            counts: (0..counts).map(|_| Count::new()).collect(),
        });
        series.insert(values, at);
        Ok(at as u64 + 1)
    }

    /// Adds to a counter or a gauge.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is a histogram or nothing, the number is not finite, or negative for a counter.
    pub fn add(&self, series: u64, more: f64) -> Result<(), MetricError> {
        let series = self.find(series)?;
        let is_fitting = match series.family.declaration.kind {
            MetricKind::Counter => more.is_finite() && more >= 0.0,
            MetricKind::Gauge => more.is_finite(),
            MetricKind::Histogram => false,
        };
        if !is_fitting {
            return Err(MetricError::Unknown);
        }
        add(&series.number, more);
        Ok(())
    }

    /// Sets a gauge.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is no gauge, or the number is not finite.
    pub fn set(&self, series: u64, number: f64) -> Result<(), MetricError> {
        let series = self.find(series)?;
        if series.family.declaration.kind != MetricKind::Gauge || !number.is_finite() {
            return Err(MetricError::Unknown);
        }
        series.number.store(number.to_bits(), Ordering::Relaxed);
        Ok(())
    }

    /// Counts one that was so large in a histogram.
    ///
    /// # Errors
    /// [`MetricError::Unknown`]: it is no histogram, or the number is not finite.
    pub fn observe(&self, series: u64, number: f64) -> Result<(), MetricError> {
        let series = self.find(series)?;
        if series.family.declaration.kind != MetricKind::Histogram || !number.is_finite() {
            return Err(MetricError::Unknown);
        }
        let bounds = &series.family.declaration.bounds;
        let place = bounds.partition_point(|&bound| bound < number);
        series.counts[place].add(1);
        add(&series.number, number);
        Ok(())
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
                    Some((values.clone(), place.number(&family.declaration)))
                })
                .collect();
            rows.sort_by(|one, other| one.0.cmp(&other.0));
            OwnFigures {
                declaration: family.declaration.clone(),
                rows,
            }
        };
        families.into_iter().map(read).collect()
    }
}

impl Series {
    fn number(&self, declaration: &Declaration) -> Number {
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

impl Declaration {
    fn check(&self) -> Result<(), MetricError> {
        match self.wrong() {
            None => Ok(()),
            Some(why) => Err(MetricError::Invalid {
                name: self.name.chars().take(METRIC_NAME_BYTES_MAX).collect(),
                why,
            }),
        }
    }

    /// What is wrong with it.
    fn wrong(&self) -> Option<String> {
        if !is_name(&self.name) {
            return Some(format!(
                "a name is a letter a-z and then a-z, 0-9 and _, {METRIC_NAME_BYTES_MAX} at most"
            ));
        }
        if self.help.is_empty() || self.help.len() > METRIC_HELP_BYTES_MAX {
            return Some(format!(
                "help says what it means in 1 to {METRIC_HELP_BYTES_MAX} bytes"
            ));
        }
        if self.labels.len() > METRIC_LABELS_MAX {
            return Some(format!("it has more than {METRIC_LABELS_MAX} labels"));
        }
        for (at, label) in self.labels.iter().enumerate() {
            if !is_name(label) || OWN_LABELS.contains(&label.as_str()) {
                return Some(format!("`{label}` is no name for a label of a plugin"));
            }
            if self.labels[..at].contains(label) {
                return Some(format!("the label `{label}` stands twice"));
            }
        }
        let is_histogram = self.kind == MetricKind::Histogram;
        if is_histogram == self.bounds.is_empty() || self.bounds.len() > METRIC_BOUNDS_MAX {
            return Some(format!(
                "a histogram, and nothing else, has 1 to {METRIC_BOUNDS_MAX} bounds"
            ));
        }
        let is_ascending = self.bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let is_finite = self.bounds.iter().all(|bound| bound.is_finite());
        (!is_ascending || !is_finite).then(|| "bounds are finite and ascend".to_owned())
    }
}

/// Labels that the server adds, and that of a histogram's bounds.
const OWN_LABELS: [&str; 3] = ["route", "plugin", "le"];

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let is_start = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
    let is_rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    is_start && bytes.all(is_rest) && text.len() <= METRIC_NAME_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::{Declaration, MetricError, MetricKind, Number, OwnMetrics};
    use crate::limits::{METRIC_SERIES_MAX, METRICS_MAX};

    fn declaration(kind: MetricKind, name: &str, labels: &[&str]) -> Declaration {
        let is_histogram = kind == MetricKind::Histogram;
        Declaration {
            kind,
            name: name.to_owned(),
            help: "what it means".to_owned(),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            bounds: if is_histogram {
                vec![1.0, 10.0]
            } else {
                vec![]
            },
        }
    }

    #[test]
    fn each_kind_counts_in_its_way() {
        let own = OwnMetrics::default();
        let made = [
            MetricKind::Counter,
            MetricKind::Gauge,
            MetricKind::Histogram,
        ]
        .map(|kind| {
            let name = format!("{kind:?}").to_lowercase();
            let metric = own.declare(declaration(kind, &name, &["shop"]));
            let series = own.series(metric.expect("it is well-formed"), &["berlin"]);
            series.expect("there is room")
        });
        let [counter, gauge, histogram] = made;
        own.add(counter, 2.5).expect("a counter");
        own.add(gauge, 5.0).expect("a gauge");
        own.add(gauge, -7.0).expect("a gauge");
        for number in [0.5, 1.0, 9.0, 11.0] {
            own.observe(histogram, number).expect("a histogram");
        }
        let rows: Vec<_> = own.read().into_iter().flat_map(|of| of.rows).collect();
        let of = |number| (vec!["berlin".to_owned()], number);
        assert_eq!(
            rows,
            [
                of(Number::One(2.5)),
                of(Number::One(-2.0)),
                of(Number::Buckets(
                    21.5,
                    vec![(1.0, 2), (10.0, 1), (f64::INFINITY, 1)]
                )),
            ]
        );
        own.set(gauge, 1.0).expect("a gauge");
        let wrong = [
            own.add(counter, -1.0),
            own.add(counter, f64::NAN),
            own.set(counter, 1.0),
            own.add(histogram, 1.0),
            own.observe(gauge, 1.0),
            own.set(gauge, f64::INFINITY),
            own.add(0, 1.0),
            own.add(99, 1.0),
            own.series(1, &[]).map(drop),
            own.series(9, &["x"]).map(drop),
        ];
        assert!(
            wrong.iter().all(|of| *of == Err(MetricError::Unknown)),
            "{wrong:?}"
        );
    }

    #[test]
    fn what_is_declared_again_goes_on_and_what_is_declared_otherwise_begins_anew() {
        let own = OwnMetrics::default();
        let count = |own: &OwnMetrics, labels: &[&str], values: &[&str]| {
            let metric = own.declare(declaration(MetricKind::Counter, "orders", labels));
            let series = own.series(metric.expect("it is well-formed"), values);
            own.add(series.expect("there is room"), 1.0)
                .expect("a counter");
            own.read()[0].rows.clone()
        };
        count(&own, &["shop"], &["a"]);
        let again = count(&own, &["shop"], &["a"]);
        assert_eq!(again, [(vec!["a".to_owned()], Number::One(2.0))]);
        assert_eq!(count(&own, &[], &[]), [(vec![], Number::One(1.0))]);
        assert_eq!(own.read().len(), 1);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let own = OwnMetrics::default();
        for number in 0..METRICS_MAX {
            let name = format!("m{number}");
            own.declare(declaration(MetricKind::Gauge, &name, &["x"]))
                .expect("there is room");
        }
        let more = own.declare(declaration(MetricKind::Gauge, "more", &[]));
        assert_eq!(more, Err(MetricError::TooMany("64 metrics")));
        for number in 0..METRIC_SERIES_MAX {
            own.series(1, &[&number.to_string()])
                .expect("there is room");
        }
        for _ in 0..3 {
            assert_eq!(
                own.series(1, &["more"]),
                Err(MetricError::TooMany("1000 series"))
            );
        }
        assert_eq!(own.series(1, &["7"]), Ok(8), "what is there is found");
    }

    #[test]
    fn a_declaration_that_cannot_stand_is_refused() {
        let own = OwnMetrics::default();
        let good = declaration(MetricKind::Counter, "orders", &["shop"]);
        let with = |change: &dyn Fn(&mut Declaration)| {
            let mut declaration = good.clone();
            change(&mut declaration);
            own.declare(declaration)
        };
        let wrong: [&dyn Fn(&mut Declaration); 10] = [
            &|of| of.name = "Orders".to_owned(),
            &|of| of.name = String::new(),
            &|of| of.name = "x".repeat(65),
            &|of| of.help = String::new(),
            &|of| of.labels = vec!["route".to_owned()],
            &|of| of.labels = vec!["a".to_owned(), "a".to_owned()],
            &|of| of.labels = (0..9).map(|at| format!("l{at}")).collect(),
            &|of| of.bounds = vec![1.0],
            &|of| of.kind = MetricKind::Histogram,
            &|of| {
                of.kind = MetricKind::Histogram;
                of.bounds = vec![2.0, 1.0];
            },
        ];
        for (at, change) in wrong.into_iter().enumerate() {
            assert!(
                matches!(with(change), Err(MetricError::Invalid { .. })),
                "{at}"
            );
        }
    }
}
