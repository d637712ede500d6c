//! Extension `detent.metrics/1` of the host, since 1.1: what a plugin counts for itself.

use super::{Bytes, Host, Sink, Status};

/// Id of the host's extension [`Metrics`].
pub const METRICS: &str = "detent.metrics/1";

/// A number that only grows.
pub const COUNTER: u32 = 1;
/// A number that goes up and down.
pub const GAUGE: u32 = 2;
/// Numbers by bounds.
pub const HISTOGRAM: u32 = 3;

/// A metric as a plugin declares it.
#[repr(C)]
pub struct MetricDeclaration {
    /// Bytes of this struct.
    pub size: u32,
    /// [`COUNTER`], [`GAUGE`] or [`HISTOGRAM`].
    pub kind: u32,
    /// Name: a letter a-z, then a-z, 0-9 and `_`; 64 bytes at most. The server puts `detent_plugin_` and the
    /// plugin's name before it, and behind that of a counter `_total`.
    pub name: Bytes,
    /// What it means, for people: 1 to 256 bytes.
    pub help: Bytes,
    /// First of `label_count` names of labels, as `name`; may be null. Not `route`, `plugin` or `le`.
    pub labels: *const Bytes,
    /// Number of labels, 8 at most.
    pub label_count: usize,
    /// First of `bound_count` upper bounds of a histogram, finite and ascending; null for the others.
    pub bounds: *const f64,
    /// Number of bounds, 1 to 32 for a histogram.
    pub bound_count: usize,
}

/// Extension [`METRICS`] of the host: what a plugin counts for itself, shown with the server's own metrics. Of each
/// route there are 64 metrics and 1,000 series at most; they go on when the library is replaced. Since 1.1.
#[repr(C)]
pub struct Metrics {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Declares a metric and writes its number to `metric`: that of one that was declared in the same way before, by the
    /// library before this one too. One of the same name that was declared otherwise is forgotten.
    /// [`INVALID`](super::INVALID) with what is wrong in `error`; [`EXHAUSTED`](super::EXHAUSTED): the route has as many as
    /// it may. `[any]`
    pub declare: unsafe extern "C" fn(
        host: *const Host,
        declaration: *const MetricDeclaration,
        metric: *mut u64,
        error: *const Sink,
    ) -> Status,
    /// Writes the number of the series of `metric` with these `value_count` values of its labels, 128 bytes each at most.
    /// [`INVALID`](super::INVALID): no such metric, another number of values, no UTF-8, or too long;
    /// [`EXHAUSTED`](super::EXHAUSTED). `[any]`
    pub series: unsafe extern "C" fn(
        host: *const Host,
        metric: u64,
        values: *const Bytes,
        value_count: usize,
        series: *mut u64,
    ) -> Status,
    /// Adds to a counter (nothing negative) or a gauge. [`INVALID`](super::INVALID): it is neither, or `more` is not finite.
    /// `[any]`
    pub add: unsafe extern "C" fn(host: *const Host, series: u64, more: f64) -> Status,
    /// Sets a gauge. [`INVALID`](super::INVALID) as in `add`. `[any]`
    pub set: unsafe extern "C" fn(host: *const Host, series: u64, number: f64) -> Status,
    /// Counts one of this size in a histogram. [`INVALID`](super::INVALID) as in `add`. `[any]`
    pub observe: unsafe extern "C" fn(host: *const Host, series: u64, number: f64) -> Status,
}
