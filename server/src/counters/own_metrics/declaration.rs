//! A metric as a plugin declares it, and what is wrong with it.
//!
//! Pure functions on a declaration.

use crate::limits::{
    METRIC_BOUNDS_MAX, METRIC_HELP_BYTES_MAX, METRIC_LABELS_MAX, METRIC_NAME_BYTES_MAX,
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

impl Declaration {
    pub(super) fn check(&self) -> Result<(), MetricError> {
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
