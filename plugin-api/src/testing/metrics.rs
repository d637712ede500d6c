//! What a plugin counts for itself, kept so that a test can read it.

use crate::abi::{self, Status};

/// The metrics of one route, in the order they were declared; a number given out is an index, from 1.
#[derive(Default)]
pub(super) struct MetricBook {
    metrics: Vec<(String, u32, usize)>,
    series: Vec<(usize, Vec<String>, f64)>,
}

impl MetricBook {
    /// The value of a series: of a histogram how often it observed.
    pub(super) fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let metric = self.metrics.iter().rposition(|(of, ..)| of == name)?;
        let mut series = self.series.iter();
        let found = series.find(|(of, values, _)| *of == metric && values == labels);
        found.map(|(.., value)| *value)
    }

    pub(super) fn declare(&mut self, name: String, kind: u32, label_count: usize) -> u64 {
        let declared = (name, kind, label_count);
        let found = self.metrics.iter().position(|metric| *metric == declared);
        let index = found.unwrap_or_else(|| {
            self.metrics.push(declared);
            self.metrics.len() - 1
        });
        index as u64 + 1
    }

    pub(super) fn series(&mut self, metric: u64, values: Vec<String>) -> Option<u64> {
        let metric = usize::try_from(metric).ok()?.checked_sub(1)?;
        let (_, _, label_count) = self.metrics.get(metric)?;
        if values.len() != *label_count {
            return None;
        }
        let mut all = self.series.iter();
        let found = all.position(|(of, labels, _)| *of == metric && *labels == values);
        let index = found.unwrap_or_else(|| {
            self.series.push((metric, values, 0.0));
            self.series.len() - 1
        });
        Some(index as u64 + 1)
    }

    pub(super) fn change(
        &mut self,
        series: u64,
        kinds: &[u32],
        change: impl FnOnce(&mut f64),
    ) -> Status {
        let index = usize::try_from(series)
            .ok()
            .and_then(|at| at.checked_sub(1));
        let Some((metric, _, value)) = index.and_then(|index| self.series.get_mut(index)) else {
            return abi::INVALID;
        };
        if !kinds.contains(&self.metrics[*metric].1) {
            return abi::INVALID;
        }
        change(value);
        abi::OK
    }
}
