//! What a plugin counts for itself, for whoever runs the server: counters, gauges, histograms.
//!
//! They appear under `/metrics` of the server's admin listener, as `detent_plugin_PLUGIN_NAME` with the labels
//! `route` and `plugin` beside those given here, and go on when the plugin's library is replaced. Adding is an atomic
//! addition and waits for nobody; declare once, in `create`, and keep what you get.
//!
//! ```
//! use plugin_api::metrics::{Counter, Family, Histogram};
//! use plugin_api::{Client, Config, Host, Message, Plugin, Request, Result};
//!
//! struct Shop {
//!     orders: Family<Counter, 1>,
//!     berlin: Counter,
//!     query: Histogram,
//! }
//!
//! impl Plugin for Shop {
//!     type Session = ();
//!
//!     fn create(host: Host, _config: Config) -> Result<Self> {
//!         let metrics = host.metrics()?;
//!         let orders = metrics.counters("orders", "Orders that came in", ["shop"])?;
//!         Ok(Shop {
//!             berlin: orders.with(["berlin"])?,
//!             query: metrics.histogram("query_seconds", "How long the database takes", &[0.001, 0.01, 0.1, 1.0])?,
//!             orders,
//!         })
//!     }
//!     fn on_open(&self, _client: &Client, _request: &Request) -> Result {
//!         Ok(())
//!     }
//!     fn on_message(&self, _client: &Client, _session: &mut (), message: Message) -> Result {
//!         self.query.time(|| {});
//!         match message.to_string().as_str() {
//!             "berlin" => self.berlin.increment(),
//!             shop if shop == "rome" || shop == "oslo" => self.orders.with([shop])?.increment(),
//!             _ => {}
//!         }
//!         Ok(())
//!     }
//! }
//! # plugin_api::export!(Shop, path = "/shop");
//! ```
//!
//! Bounds, of each route: 64 metrics, 8 labels each, 1,000 series, and 128 bytes of a label's value. So never make a
//! label of what a client says without knowing how many of them there can be.

use std::time::Instant;

use crate::abi::{self, Status};
use crate::calls::{Declared, MetricsCalls};

/// Why there is no metric.
///
/// ```
/// use plugin_api::metrics::{Counter, MetricError};
/// use plugin_api::{Host, log};
///
/// /// Counting is no reason not to serve.
/// fn counter(host: &Host) -> Option<Counter> {
///     let counter = host.metrics().and_then(|metrics| metrics.counter("orders", "Orders that came in"));
///     counter.map_err(|error: MetricError| log::warn!("not counted: {error}")).ok()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The server does not know what a metric is.
    #[error("the server is older than the extension detent.metrics/1: update it")]
    TooOld,
    /// A name, a label or a bound cannot stand so: the server's words.
    #[error("{0}")]
    Invalid(String),
    /// A label's value is longer than 128 bytes.
    #[error("a value of a label has more than 128 bytes")]
    Value,
    /// The route has as many metrics or series as it may.
    #[error("the route has as many metrics or series as it may")]
    TooMany,
    /// The server refused for another reason, such as that the route has ended: a status of the plugin ABI.
    #[error("the server did not take the metric (status {0})")]
    Refused(Status),
}

/// The way to the metrics of a route: [`Host::metrics`](crate::Host::metrics). A small value: copy it, keep it for ever.
///
/// ```
/// use plugin_api::metrics::{Counter, Gauge, Histogram};
/// use plugin_api::{Host, Result};
///
/// struct Figures {
///     orders: Counter,
///     open: Gauge,
///     seconds: Histogram,
/// }
///
/// fn declare(host: &Host) -> Result<Figures> {
///     let metrics = host.metrics()?;
///     Ok(Figures {
///         orders: metrics.counter("orders", "Orders that came in")?,
///         open: metrics.gauge("open_orders", "Orders that wait")?,
///         seconds: metrics.histogram("answer_seconds", "How long the store takes", &[0.01, 0.1, 1.0])?,
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Metrics(MetricsCalls);

impl Metrics {
    pub(crate) fn new(calls: MetricsCalls) -> Metrics {
        Metrics(calls)
    }

    /// A number that only grows. The server adds `_total` to the name.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, MetricError> {
        self.counters(name, help, [])?.with([])
    }

    /// Such numbers by labels.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn counters<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
    ) -> Result<Family<Counter, N>, MetricError> {
        self.declare(abi::COUNTER, name, help, labels, &[])
    }

    /// A number that goes up and down.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, MetricError> {
        self.gauges(name, help, [])?.with([])
    }

    /// Such numbers by labels.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
    ) -> Result<Family<Gauge, N>, MetricError> {
        self.declare(abi::GAUGE, name, help, labels, &[])
    }

    /// How many there were up to each of `bounds`, which ascend, 1 to 32 of them.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
    ) -> Result<Histogram, MetricError> {
        self.histograms(name, help, [], bounds)?.with([])
    }

    /// The same by labels.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn histograms<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        bounds: &[f64],
    ) -> Result<Family<Histogram, N>, MetricError> {
        self.declare(abi::HISTOGRAM, name, help, labels, bounds)
    }

    fn declare<K, const N: usize>(
        &self,
        kind: u32,
        name: &str,
        help: &str,
        labels: [&str; N],
        bounds: &[f64],
    ) -> Result<Family<K, N>, MetricError> {
        let declared = Declared {
            kind,
            name,
            help,
            labels: &labels,
            bounds,
        };
        match self.0.declare(&declared) {
            (abi::OK, metric, _) => Ok(Family {
                calls: self.0,
                metric,
                kind: std::marker::PhantomData,
            }),
            (abi::INVALID, _, why) => Err(MetricError::Invalid(
                String::from_utf8_lossy(&why).into_owned(),
            )),
            (abi::EXHAUSTED, ..) => Err(MetricError::TooMany),
            (status, ..) => Err(MetricError::Refused(status)),
        }
    }
}

/// A metric with `N` labels, of which there is a series for each set of values.
///
/// ```
/// use plugin_api::metrics::{Counter, Family};
/// use plugin_api::{Host, Result};
///
/// fn count(host: &Host) -> Result {
///     let orders: Family<Counter, 1> = host.metrics()?.counters("orders", "Orders that came in", ["country"])?;
///     orders.with(["fr"])?.increment();
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Family<K, const N: usize> {
    calls: MetricsCalls,
    metric: u64,
    kind: std::marker::PhantomData<fn() -> K>,
}

impl<K: From<Series>, const N: usize> Family<K, N> {
    /// The series with these values, in the order of the labels; it begins at zero, and the same values lead to the same
    /// one. Takes a lock for a moment: keep what you use often.
    ///
    /// # Errors
    /// [`MetricError::TooMany`], [`MetricError::Value`].
    pub fn with(&self, values: [&str; N]) -> Result<K, MetricError> {
        match self.calls.series(self.metric, &values) {
            (abi::OK, number) => Ok(K::from(Series {
                calls: self.calls,
                number,
            })),
            (abi::EXHAUSTED, _) => Err(MetricError::TooMany),
            (abi::INVALID, _) => Err(MetricError::Value),
            (status, _) => Err(MetricError::Refused(status)),
        }
    }
}

/// One series, of whichever kind.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Series {
    calls: MetricsCalls,
    number: u64,
}

/// A number that only grows. A small value: copy it, keep it for ever.
///
/// ```
/// use plugin_api::metrics::Counter;
///
/// fn ordered(orders: &Counter, pieces: u32) {
///     orders.add(pieces.into());
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Counter(Series);

/// A number that goes up and down. A small value: copy it, keep it for ever.
///
/// ```
/// use plugin_api::metrics::Gauge;
///
/// fn measured(temperature: &Gauge, degrees: f64) {
///     temperature.set(degrees);
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Gauge(Series);

/// How many there were up to each bound. A small value: copy it, keep it for ever.
///
/// ```
/// use plugin_api::metrics::Histogram;
///
/// fn ask(seconds: &Histogram) -> u32 {
///     seconds.time(|| 6 * 7)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Histogram(Series);

impl From<Series> for Counter {
    fn from(series: Series) -> Counter {
        Counter(series)
    }
}

impl From<Series> for Gauge {
    fn from(series: Series) -> Gauge {
        Gauge(series)
    }
}

impl From<Series> for Histogram {
    fn from(series: Series) -> Histogram {
        Histogram(series)
    }
}

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1.0);
    }

    /// So many more; what is negative or no number counts as nothing.
    pub fn add(&self, more: f64) {
        self.0.calls.add(self.0.number, more);
    }
}

impl Gauge {
    /// So many more, or less; what is no number counts as nothing.
    pub fn add(&self, more: f64) {
        self.0.calls.add(self.0.number, more);
    }

    /// So many from now on.
    pub fn set(&self, number: f64) {
        self.0.calls.set(self.0.number, number);
    }
}

impl Histogram {
    /// One that was so large; what is no number counts as nothing.
    pub fn observe(&self, number: f64) {
        self.0.calls.observe(self.0.number, number);
    }

    /// Runs `work` and counts how many seconds it took.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.observe(began.elapsed().as_secs_f64());
        done
    }
}
