//! What plugins count for themselves, for the status in JSON.

use serde::Serialize;

use crate::counters::{MetricKind, Number, OwnFigures};

/// A metric of a plugin's own.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct OwnMetric {
    name: String,
    kind: &'static str,
    help: String,
    labels: Vec<String>,
    rows: Vec<OwnRow>,
    #[serde(skip)]
    pub(in crate::admin) figures: OwnFigures,
}

/// One series of it.
#[derive(Debug, Serialize)]
struct OwnRow {
    /// Values of the labels.
    labels: Vec<String>,
    /// The number; of a histogram the sum.
    value: f64,
    /// Of a histogram how many there were.
    count: Option<u64>,
}

impl OwnMetric {
    pub(super) fn of(figures: OwnFigures) -> OwnMetric {
        let declaration = &figures.declaration;
        let rows = figures.rows.iter().map(|(labels, number)| {
            let (value, count) = match number {
                Number::One(value) => (*value, None),
                Number::Buckets(sum, buckets) => {
                    (*sum, Some(buckets.iter().map(|bucket| bucket.1).sum()))
                }
            };
            let labels = labels.clone();
            OwnRow {
                labels,
                value,
                count,
            }
        });
        OwnMetric {
            name: declaration.name.clone(),
            kind: match declaration.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            },
            help: declaration.help.clone(),
            labels: declaration.labels.clone(),
            rows: rows.collect(),
            figures,
        }
    }
}
