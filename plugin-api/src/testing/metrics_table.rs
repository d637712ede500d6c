//! The extension `detent.metrics/1` of the host in memory.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::host::MemoryHost;
use super::place::{slice, text, write};
use crate::abi::{self, Bytes, Status};

static TABLE: abi::Metrics = abi::Metrics {
    size: size_of::<abi::Metrics>() as u32,
    reserved: 0,
    declare,
    series,
    add,
    set,
    observe,
};

pub(super) fn table() -> *const c_void {
    (&raw const TABLE).cast()
}

unsafe extern "C" fn declare(
    host: *const abi::Host,
    declaration: *const abi::MetricDeclaration,
    metric: *mut u64,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the plugin vouches for all of it, as the ABI asks.
    unsafe {
        let host = MemoryHost::from_abi(host);
        let declaration = &*declaration;
        let name = text(declaration.name);
        let is_histogram = declaration.kind == abi::HISTOGRAM;
        if name.is_empty() || is_histogram != (declaration.bound_count > 0) {
            write(error, b"a metric has a name, and a histogram bounds");
            return abi::INVALID;
        }
        let mut state = host.world.lock();
        let number = state
            .metrics
            .declare(name, declaration.kind, declaration.label_count);
        metric.write(number);
    }
    abi::OK
}

unsafe extern "C" fn series(
    host: *const abi::Host,
    metric: u64,
    values: *const Bytes,
    value_count: usize,
    series: *mut u64,
) -> Status {
    // SAFETY: the plugin vouches for all of it, as the ABI asks.
    unsafe {
        let values = slice(values, value_count).iter().map(|value| text(*value));
        let host = MemoryHost::from_abi(host);
        let number = host.world.lock().metrics.series(metric, values.collect());
        match number {
            Some(number) => series.write(number),
            None => return abi::INVALID,
        }
    }
    abi::OK
}

unsafe extern "C" fn add(host: *const abi::Host, series: u64, more: f64) -> Status {
    // SAFETY: the plugin vouches for it, as the ABI asks.
    let host = unsafe { MemoryHost::from_abi(host) };
    let metrics = &mut host.world.lock().metrics;
    metrics.change(series, &[abi::COUNTER, abi::GAUGE], |value| *value += more)
}

unsafe extern "C" fn set(host: *const abi::Host, series: u64, number: f64) -> Status {
    // SAFETY: the plugin vouches for it, as the ABI asks.
    let host = unsafe { MemoryHost::from_abi(host) };
    let metrics = &mut host.world.lock().metrics;
    metrics.change(series, &[abi::GAUGE], |value| *value = number)
}

unsafe extern "C" fn observe(host: *const abi::Host, series: u64, _: f64) -> Status {
    // SAFETY: the plugin vouches for it, as the ABI asks.
    let host = unsafe { MemoryHost::from_abi(host) };
    let metrics = &mut host.world.lock().metrics;
    metrics.change(series, &[abi::HISTOGRAM], |value| *value += 1.0)
}
