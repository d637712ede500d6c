//! Of TLS.

use std::time::Duration;

/// Bytes of data in one record of TLS at most (RFC 8446 section 5.1).
pub const TLS_RECORD_BYTES: usize = 16 * 1024;

/// Bytes that a record has beside its data at most: head, nonce, type and tag, by any version and cipher.
pub const TLS_OVERHEAD_BYTES: usize = 32;

/// Bytes of a file with certificates or a key at most: some hundred authorities fit.
pub const TLS_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How often the log may tell that a certificate ends soon.
pub const TLS_LOOK: Duration = Duration::from_secs(60);

/// Whole days that are left of a certificate when the log begins to tell.
pub const TLS_DAYS_LOW: i64 = 14;

/// Seconds of a day.
pub const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Bytes that a client of TLS costs more while it does nothing, as measured: its keys, and what its handshake has left.
pub const TLS_AT_REST_BYTES: u64 = 24 * 1024;

/// Bytes that a socket has been sent at most when it is sent more by a pipe; see [`SPLICES_MAX`].
pub const SPLICED_BYTES_MAX: u64 = 8 * 1024;

/// Times that a socket is sent something by a pipe at most: a flight of two pages, tickets, the first answer, and two more. Who
/// takes nothing of it has 8 KiB waiting in five pieces by then, each of which costs the kernel 1.3 KiB beside its bytes: less
/// than the 16 KiB that a socket takes before it has heard from its other end (`net.ipv4.tcp_wmem`), so that none waits there.
pub const SPLICES_MAX: u32 = 6;
