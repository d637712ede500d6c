//! The HTTP edge: requests by deadline, what they ask for, and plain answers (RFC 9110, RFC 9112).
//!
//! Runs on connection threads. Knows sockets only through a reader that honours the deadline;
//! knows neither routes nor plugins. What another program on the way could read differently is
//! refused, not repaired: that is how requests are smuggled past a proxy.

pub mod reader;
pub mod redirect;
pub mod incoming;
pub mod request;
pub mod request_line;
pub mod target;
mod fields;
pub mod framing;
pub mod body_file;
mod chunked;
pub mod refusal;
pub mod host;
pub mod origin;
pub mod peer;
pub mod forwarded;
mod proxy_protocol;
pub mod inside;
pub mod provenance;
pub mod upgrade;
pub mod poll;
pub mod event_stream;
pub mod extensions;
pub mod response;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use crate::limits::settings;

/// How much of a request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Bytes of a head; then 431.
    pub head_bytes: usize,
    /// Header lines; then 431.
    pub headers: usize,
    /// Bytes of a body; then 413.
    pub body_bytes: usize,
}

impl HttpLimits {
    /// No limits.
    pub const MOST: HttpLimits = HttpLimits {
        head_bytes: usize::MAX,
        headers: usize::MAX,
        body_bytes: usize::MAX,
    };
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            head_bytes: settings::HEAD_BYTES.default as usize,
            headers: settings::HEADERS.default as usize,
            body_bytes: settings::BODY_BYTES.default as usize,
        }
    }
}
