//! Calls over the line, from the plugin's side: the one file that calls the other side's function pointers.
//!
//! It turns pointers into small values with safe methods, so that `host.rs`, `request.rs`,
//! `response.rs` and `logging.rs` need no `unsafe`. It knows nothing of plugins, sessions or panics.

#![allow(unsafe_code)]

mod compression;
pub(crate) mod journal;
mod body_file;
mod client_view;
mod hosts;
mod label;
mod members;
mod turns;

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::abi::{self, Bytes, ClientId, Status, TimerId};

/// The host's table for one route; valid for ever, for all threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostCalls(NonNull<abi::Host>);

// SAFETY: the ABI says that every call of the table may be made by any thread at any time.
unsafe impl Send for HostCalls {}
// SAFETY: as above; nothing behind the pointer is written by this side.
unsafe impl Sync for HostCalls {}

/// Calls an entry of the host's table.
macro_rules! call {
    ($host:expr, $function:ident($($argument:expr),*)) => {{
        let host: *const abi::Host = $host.0.as_ptr();
        // SAFETY: `HostCalls::new` had the table vouched for; all other pointers in the arguments are
        // borrowed from values that outlive this expression.
        unsafe { ((*host).$function)($($argument),*) }
    }};
}

/// Returns where the host's table is older than an entry that came after version 1.0.
macro_rules! since {
    ($host:expr, $function:ident, $otherwise:expr) => {{
        // SAFETY: `size` is the first field in every version.
        let size = unsafe { (*$host.0.as_ptr()).size };
        if !crate::covers!(size, abi::Host, $function) {
            return $otherwise;
        }
    }};
}

impl HostCalls {
    /// None where the table is missing or shorter than that of version 1.0. What came later is asked for
    /// where it is called.
    ///
    /// # Safety
    /// `host` is null or a host's table, valid for ever.
    pub(crate) unsafe fn new(host: *const abi::Host) -> Option<HostCalls> {
        let host = NonNull::new(host.cast_mut())?;
        // SAFETY: the caller vouches for it; `size` is the first field in every version.
        let size = unsafe { (*host.as_ptr()).size };
        (size >= abi::HOST_SIZE_1_0).then_some(HostCalls(host))
    }

    fn pointer(self) -> *const abi::Host {
        self.0.as_ptr()
    }

    pub(crate) fn send(self, client: ClientId, kind: u32, payload: &[u8]) -> Status {
        call!(
            self,
            send(self.pointer(), client, kind, Bytes::new(payload))
        )
    }

    pub(crate) fn flush(self, client: ClientId) -> Status {
        call!(self, flush(self.pointer(), client))
    }

    pub(crate) fn close(self, client: ClientId, code: u16, reason: &str) -> Status {
        call!(
            self,
            close(
                self.pointer(),
                client,
                code.into(),
                Bytes::new(reason.as_bytes())
            )
        )
    }

    pub(crate) fn join(self, client: ClientId, topic: &str) -> Status {
        call!(
            self,
            join(self.pointer(), client, Bytes::new(topic.as_bytes()))
        )
    }

    pub(crate) fn leave(self, client: ClientId, topic: &str) -> Status {
        call!(
            self,
            leave(self.pointer(), client, Bytes::new(topic.as_bytes()))
        )
    }

    pub(crate) fn publish(
        self,
        topic: &str,
        kind: u32,
        payload: &[u8],
        except: ClientId,
    ) -> Status {
        let topic = Bytes::new(topic.as_bytes());
        call!(
            self,
            publish(self.pointer(), topic, kind, Bytes::new(payload), except)
        )
    }

    pub(crate) fn broadcast(self, kind: u32, payload: &[u8], except: ClientId) -> Status {
        call!(
            self,
            broadcast(self.pointer(), kind, Bytes::new(payload), except)
        )
    }

    pub(crate) fn client_count(self) -> (Status, u64) {
        let mut count = 0;
        (
            call!(self, client_count(self.pointer(), &raw mut count)),
            count,
        )
    }

    pub(crate) fn member_count(self, topic: &str) -> (Status, u64) {
        let mut count = 0;
        let topic = Bytes::new(topic.as_bytes());
        (
            call!(self, member_count(self.pointer(), topic, &raw mut count)),
            count,
        )
    }

    pub(crate) fn set_timer(self, delay_ms: u64, period_ms: u64) -> (Status, TimerId) {
        let mut timer = 0;
        (
            call!(
                self,
                set_timer(self.pointer(), delay_ms, period_ms, &raw mut timer)
            ),
            timer,
        )
    }

    pub(crate) fn cancel_timer(self, timer: TimerId) -> Status {
        call!(self, cancel_timer(self.pointer(), timer))
    }

    pub(crate) fn route_path(self) -> Vec<u8> {
        collect(|sink| call!(self, route_path(self.pointer(), sink))).1
    }

    pub(crate) fn config(self) -> Vec<u8> {
        collect(|sink| call!(self, config(self.pointer(), sink))).1
    }

    pub(crate) fn config_folder(self) -> (Status, Vec<u8>) {
        since!(self, config_folder, (abi::UNSUPPORTED, Vec::new()));
        collect(|sink| call!(self, config_folder(self.pointer(), sink)))
    }

    /// The format of what the instance before has written; none where there is none, or the host is older.
    pub(crate) fn old_state_format(self) -> Option<u32> {
        since!(self, old_state_format, None);
        let mut format = 0;
        let status = call!(self, old_state_format(self.pointer(), &raw mut format));
        (status == abi::OK).then_some(format)
    }

    /// The status, with the folder or the error's text.
    pub(crate) fn state_folder(self) -> (Status, Vec<u8>) {
        since!(self, state_folder, (abi::UNSUPPORTED, Vec::new()));
        // The host writes to one of the two.
        collect(|sink| call!(self, state_folder(self.pointer(), sink, sink)))
    }
}

/// A metric as [`crate::metrics`] declares it.
pub(crate) struct Declared<'a> {
    pub(crate) kind: u32,
    pub(crate) name: &'a str,
    pub(crate) help: &'a str,
    pub(crate) labels: &'a [&'a str],
    pub(crate) bounds: &'a [f64],
}

/// The host's extension for metrics with the host; valid for ever, for all threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricsCalls {
    host: HostCalls,
    table: NonNull<abi::Metrics>,
}

// SAFETY: the ABI says that every call of the table may be made by any thread at any time.
unsafe impl Send for MetricsCalls {}
// SAFETY: as above; nothing behind the pointer is written by this side.
unsafe impl Sync for MetricsCalls {}

/// Calls an entry of the table of metrics.
macro_rules! call_metrics {
    ($calls:expr, $function:ident($($argument:expr),*)) => {{
        let table: *const abi::Metrics = $calls.table.as_ptr();
        // SAFETY: `HostCalls::metrics` has seen that the table holds all of them; all pointers in the arguments are
        // borrowed from values that outlive this expression.
        unsafe { ((*table).$function)($calls.host.pointer(), $($argument),*) }
    }};
}

impl HostCalls {
    /// The extension `detent.metrics/1`; none where the host does not have it.
    pub(crate) fn metrics(self) -> Option<MetricsCalls> {
        let id = Bytes::new(abi::METRICS.as_bytes());
        let table = call!(self, get_extension(self.pointer(), id));
        let table = NonNull::new(table.cast_mut().cast::<abi::Metrics>())?;
        // SAFETY: the host gives out a table of this type, valid for ever; `size` is its first field.
        let size = unsafe { (*table.as_ptr()).size };
        crate::covers!(size, abi::Metrics, observe).then_some(MetricsCalls { host: self, table })
    }
}

impl MetricsCalls {
    /// The status, the metric's number, and what is wrong.
    pub(crate) fn declare(self, declared: &Declared<'_>) -> (Status, u64, Vec<u8>) {
        let text = |text: &str| Bytes::new(text.as_bytes());
        let labels: Vec<Bytes> = declared.labels.iter().map(|label| text(label)).collect();
        let declaration = abi::MetricDeclaration {
            size: size_of::<abi::MetricDeclaration>() as u32,
            kind: declared.kind,
            name: text(declared.name),
            help: text(declared.help),
            labels: labels.as_ptr(),
            label_count: labels.len(),
            bounds: declared.bounds.as_ptr(),
            bound_count: declared.bounds.len(),
        };
        let mut metric = 0;
        let (status, why) = collect(|sink| {
            call_metrics!(self, declare(&raw const declaration, &raw mut metric, sink))
        });
        (status, metric, why)
    }

    pub(crate) fn series(self, metric: u64, values: &[&str]) -> (Status, u64) {
        let values: Vec<Bytes> = values
            .iter()
            .map(|value| Bytes::new(value.as_bytes()))
            .collect();
        let mut series = 0;
        let status = call_metrics!(
            self,
            series(metric, values.as_ptr(), values.len(), &raw mut series)
        );
        (status, series)
    }

    pub(crate) fn add(self, series: u64, more: f64) {
        call_metrics!(self, add(series, more));
    }

    pub(crate) fn set(self, series: u64, number: f64) {
        call_metrics!(self, set(series, number));
    }

    pub(crate) fn observe(self, series: u64, number: f64) {
        call_metrics!(self, observe(series, number));
    }
}

/// Gathers what the host writes to a sink, behind the call's status.
fn collect(fill: impl FnOnce(*const abi::Sink) -> Status) -> (Status, Vec<u8>) {
    unsafe extern "C" fn append(context: *mut c_void, bytes: Bytes) {
        // SAFETY: `context` is the vector below, borrowed by nobody else while the host fills it, and
        // `bytes` is readable until this returns.
        unsafe { (*context.cast::<Vec<u8>>()).extend_from_slice(bytes.as_slice()) };
    }
    let mut bytes = Vec::new();
    let sink = abi::Sink {
        size: size_of::<abi::Sink>() as u32,
        reserved: 0,
        context: (&raw mut bytes).cast(),
        write: append,
    };
    let status = fill(&raw const sink);
    (status, bytes)
}

/// A request, for as long as the callback that it was given to.
#[derive(Debug)]
pub(crate) struct RequestCalls {
    host: HostCalls,
    request: *const abi::Request,
}

impl RequestCalls {
    /// # Safety
    /// `request` is a request of this host, and the value is gone when the callback returns.
    pub(crate) unsafe fn new(host: HostCalls, request: *const abi::Request) -> RequestCalls {
        RequestCalls { host, request }
    }

    /// A `FIELD_` of the request, where it has one.
    pub(crate) fn field(&self, field: u32) -> Option<&[u8]> {
        let mut value = Bytes::NONE;
        let status = call!(
            self.host,
            request_field(self.request, field, &raw mut value)
        );
        self.borrowed(status, value)
    }

    pub(crate) fn header(&self, name: &str, index: usize) -> Option<&[u8]> {
        let mut value = Bytes::NONE;
        let name = Bytes::new(name.as_bytes());
        let status = call!(
            self.host,
            request_header(self.request, name, index, &raw mut value)
        );
        self.borrowed(status, value)
    }

    pub(crate) fn header_at(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let (mut name, mut value) = (Bytes::NONE, Bytes::NONE);
        let status = call!(
            self.host,
            request_header_at(self.request, index, &raw mut name, &raw mut value)
        );
        Some((self.borrowed(status, name)?, self.borrowed(status, value)?))
    }

    pub(crate) fn param(&self, name: &str) -> Option<&[u8]> {
        let mut value = Bytes::NONE;
        let name = Bytes::new(name.as_bytes());
        let status = call!(self.host, request_param(self.request, name, &raw mut value));
        self.borrowed(status, value)
    }

    pub(crate) fn is_inside(&self) -> bool {
        call!(self.host, request_is_inside(self.request)) == 1
    }

    fn borrowed(&self, status: Status, value: Bytes) -> Option<&[u8]> {
        // SAFETY: the host's bytes are valid until the callback returns, and `new` made sure that
        // `self` does not outlive it.
        (status == abi::OK).then(|| unsafe { value.as_slice() })
    }
}

/// A response under construction, for as long as the callback that it was given to.
pub(crate) struct ResponseCalls {
    host: HostCalls,
    response: *mut abi::Response,
}

impl ResponseCalls {
    /// # Safety
    /// `response` is a response of this host, and the value is gone when the callback returns.
    pub(crate) unsafe fn new(host: HostCalls, response: *mut abi::Response) -> ResponseCalls {
        ResponseCalls { host, response }
    }

    pub(crate) fn status(&self, status: u16) -> Status {
        call!(self.host, response_status(self.response, status.into()))
    }

    pub(crate) fn header(&self, name: &str, value: &str) -> Status {
        let (name, value) = (Bytes::new(name.as_bytes()), Bytes::new(value.as_bytes()));
        call!(self.host, response_header(self.response, name, value))
    }

    pub(crate) fn body(&self, body: &[u8]) -> Status {
        call!(self.host, response_body(self.response, Bytes::new(body)))
    }

    pub(crate) fn subprotocol(&self, subprotocol: &str) -> Status {
        let subprotocol = Bytes::new(subprotocol.as_bytes());
        call!(self.host, response_subprotocol(self.response, subprotocol))
    }

    pub(crate) fn envelope(&self) -> Status {
        self.host.envelope(self.response)
    }

    pub(crate) fn apart(&self) -> Status {
        self.host.apart(self.response)
    }
}

/// Where a callback writes bytes; valid until the callback returns.
pub(crate) struct OutputSink(*const abi::Sink);

impl OutputSink {
    /// # Safety
    /// `sink` is null or a sink, and the value is gone when the call returns that it came with.
    pub(crate) unsafe fn new(sink: *const abi::Sink) -> OutputSink {
        OutputSink(sink)
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: `new` had the sink vouched for; the bytes outlive the call.
        unsafe { ((*self.0).write)((*self.0).context, Bytes::new(bytes)) };
    }
}

/// Where a callback writes its error text; valid until the callback returns.
pub(crate) struct ErrorSink(OutputSink);

impl ErrorSink {
    /// # Safety
    /// As [`OutputSink::new`].
    pub(crate) unsafe fn new(sink: *const abi::Sink) -> ErrorSink {
        // SAFETY: as the caller says.
        ErrorSink(unsafe { OutputSink::new(sink) })
    }

    pub(crate) fn write(&self, text: &str) {
        self.0.write(text.as_bytes());
    }
}

/// The server's log; valid for ever, for all threads.
pub(crate) struct LogCalls(NonNull<abi::Log>);

// SAFETY: the ABI says that any thread may write at any time.
unsafe impl Send for LogCalls {}
// SAFETY: as above.
unsafe impl Sync for LogCalls {}

impl LogCalls {
    /// # Safety
    /// `log` is null or the host's log, valid for ever.
    pub(crate) unsafe fn new(log: *const abi::Log) -> Option<LogCalls> {
        NonNull::new(log.cast_mut()).map(LogCalls)
    }

    pub(crate) fn write(&self, level: u32, target: &str, message: &str) {
        let log: *const abi::Log = self.0.as_ptr();
        let (target, message) = (
            Bytes::new(target.as_bytes()),
            Bytes::new(message.as_bytes()),
        );
        // SAFETY: `new` had the log vouched for; both texts outlive the call.
        unsafe { ((*log).write)((*log).context, level, target, message) };
    }
}
