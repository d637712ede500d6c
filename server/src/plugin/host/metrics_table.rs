//! The extension `detent.metrics/1` in C layout: each function turns C's types into Rust's and calls the route's
//! [`OwnMetrics`].
//!
//! As in `host_table`, any thread may be inside any of them at any time, and the plugin vouches, by the ABI, for
//! `host` being what `create` got and for bytes and places being valid for the time of the call.
#![allow(unsafe_code)]

use plugin_api::abi::{
    self, Bytes, COUNTER, EXHAUSTED, GAUGE, HISTOGRAM, INVALID, MetricDeclaration, OK, Sink, Status,
};
use plugin_api::covers;

use super::RouteHost;
use super::guard::guard;
use super::sink;
use crate::counters::{Declaration, MetricError, MetricKind, OwnMetrics};
use crate::limits::{METRIC_BOUNDS_MAX, METRIC_LABELS_MAX};

/// The table; the same for all routes.
pub(in crate::plugin) static METRICS: abi::Metrics = abi::Metrics {
    size: size_of::<abi::Metrics>() as u32,
    reserved: 0,
    declare,
    series,
    add,
    set,
    observe,
};

/// # Safety
/// `host` is what the instance's `create` got.
unsafe fn own<'a>(host: *const abi::Host) -> &'a OwnMetrics {
    // SAFETY: the caller vouches for it.
    unsafe { &RouteHost::from_abi(host).route.own_metrics }
}

fn status(result: &Result<(), MetricError>) -> Status {
    match result {
        Ok(()) => OK,
        Err(MetricError::TooMany(_)) => EXHAUSTED,
        Err(MetricError::Invalid { .. } | MetricError::Unknown) => INVALID,
    }
}

/// # Safety
/// `place` is null or may be written.
unsafe fn answer(result: Result<u64, MetricError>, place: *mut u64) -> Status {
    if place.is_null() {
        return INVALID;
    }
    // SAFETY: the caller vouches for it.
    status(&result.map(|number| unsafe { place.write(number) }))
}

/// # Safety
/// `first` is null or the first of `count` values that are valid for the time of the call.
unsafe fn list<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for it.
    unsafe { std::slice::from_raw_parts(first, count) }
}

fn text(bytes: &Bytes) -> Result<&str, MetricError> {
    // SAFETY: valid for the time of the call, as the ABI asks.
    let bytes = unsafe { bytes.as_slice() };
    str::from_utf8(bytes).map_err(|_| MetricError::Unknown)
}

unsafe extern "C" fn declare(
    host: *const abi::Host,
    declaration: *const MetricDeclaration,
    metric: *mut u64,
    error: *const Sink,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (own, declared) = unsafe { (own(host), read(declaration)) };
        let result = declared.and_then(|declared| own.declare(declared));
        if let Err(why) = &result {
            // SAFETY: see above.
            unsafe { sink::write(error, why.to_string().as_bytes()) };
        }
        // SAFETY: see above.
        unsafe { answer(result, metric) }
    })
}

/// # Safety
/// `declaration` is null or valid for the time of the call, with all that it points to.
unsafe fn read(declaration: *const MetricDeclaration) -> Result<Declaration, MetricError> {
    // SAFETY: the caller vouches for it.
    let of = unsafe { declaration.as_ref() }.ok_or(MetricError::Unknown)?;
    if !covers!(of.size, MetricDeclaration, bound_count) {
        return Err(MetricError::Unknown);
    }
    let kind = match of.kind {
        COUNTER => MetricKind::Counter,
        GAUGE => MetricKind::Gauge,
        HISTOGRAM => MetricKind::Histogram,
        _ => return Err(MetricError::Unknown),
    };
    // One more than there may be is enough to be refused.
    let labels = of.label_count.min(METRIC_LABELS_MAX + 1);
    let bounds = of.bound_count.min(METRIC_BOUNDS_MAX + 1);
    // SAFETY: the caller vouches for it.
    let (labels, bounds) = unsafe { (list(of.labels, labels), list(of.bounds, bounds)) };
    let labels = labels.iter().map(|label| text(label).map(str::to_owned));
    Ok(Declaration {
        kind,
        name: text(&of.name)?.to_owned(),
        help: text(&of.help)?.to_owned(),
        labels: labels.collect::<Result<_, _>>()?,
        bounds: bounds.to_vec(),
    })
}

unsafe extern "C" fn series(
    host: *const abi::Host,
    metric: u64,
    values: *const Bytes,
    value_count: usize,
    place: *mut u64,
) -> Status {
    guard(|| {
        if value_count > METRIC_LABELS_MAX {
            return INVALID;
        }
        // SAFETY: see above.
        let (own, values) = unsafe { (own(host), list(values, value_count)) };
        let values: Result<Vec<_>, _> = values.iter().map(text).collect();
        let found = values.and_then(|values| own.series(metric, &values));
        // SAFETY: see above.
        unsafe { answer(found, place) }
    })
}

unsafe extern "C" fn add(host: *const abi::Host, series: u64, more: f64) -> Status {
    // SAFETY: see above.
    guard(|| status(&unsafe { own(host) }.add(series, more)))
}

unsafe extern "C" fn set(host: *const abi::Host, series: u64, number: f64) -> Status {
    // SAFETY: see above.
    guard(|| status(&unsafe { own(host) }.set(series, number)))
}

unsafe extern "C" fn observe(host: *const abi::Host, series: u64, number: f64) -> Status {
    // SAFETY: see above.
    guard(|| status(&unsafe { own(host) }.observe(series, number)))
}
