//! Requests and answers before there is a WebSocket, and connections that are kept for more of them.

use std::time::Duration;

/// Bytes of all chunk extensions of one body, which are ignored: nobody sends more than a few.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 4 * 1024;

/// Requests of one connection before it is closed, as nginx does it: so that a client that never
/// pauses gives its place back now and then.
pub const REQUESTS_PER_CONNECTION_MAX: usize = 1000;

/// How long a request may wait for a message: some of the proxies on the way give up sooner.
pub const POLL_WAIT_MAX: Duration = Duration::from_secs(300);

/// Bytes of the response body that a plugin may give; larger files belong to the proxy.
pub const RESPONSE_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of a file that are read and sent in one go where it is a body: a download holds no more of it in memory, twice.
pub const BODY_FILE_PIECE_BYTES: usize = 128 * 1024;

/// Bytes of a header of the PROXY protocol: the addresses, and what clouds and HAProxy add to them, a
/// client's certificate at the most.
pub const PROXY_HEADER_BYTES_MAX: usize = 4096;

/// First size of the buffer for a request head: most heads fit. More than the 1,032 bytes up to which the C library
/// keeps what a thread frees for that thread alone: who is silent after its handshake would hold it for good.
pub const HEAD_BYTES_FIRST: usize = 1280;
