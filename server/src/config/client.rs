//! What holds for each client, on all routes or on one.
//!
//! Plain data; how it is read stands in `load_client.rs`.

use std::time::Duration;

use crate::compression::{Effort, Mode};
use crate::http::origin::AllowedOrigins;
use crate::limits::settings as limits;
use crate::outbox::SlowClient;

/// What holds for each client; shared by all clients of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSettings {
    /// Origins whose pages may connect beside the server's own (RFC 6455 section 10.2). Default:
    /// none. A browser sends its user's cookies from any page, so that `*` trusts every page.
    pub origins: AllowedOrigins,
    /// Bytes of one message; a larger one closes its client with 1009. 1 B to 1 GiB, default 64 KiB.
    /// A message is held in memory whole, for each client.
    pub message_bytes_max: usize,
    /// Bytes that may wait for a client whose socket is full. 1 KiB to 1 GiB, default 1 MiB. More
    /// forgives longer stalls and costs memory for each slow client.
    pub backlog_bytes_max: usize,
    /// What happens to a client past its backlog. Default: it is closed.
    pub slow_client: SlowClient,
    /// Messages that a client may send; per second 0 (no limit, the default) to 1,000,000.
    pub messages: Rate,
    /// Bytes of messages that a client may send; per second 0 (no limit, the default) to 64 GiB.
    pub bytes: Rate,
    /// What is offered to clients that can do permessage-deflate (RFC 7692). Default: shared. Holds for who
    /// comes; who is there keeps what was agreed.
    pub compression: Mode,
    /// Which messages are compressed for those who have agreed to it, and how hard. Threshold: 1 B to 1 GiB, default
    /// 256 B; level: 1 to 9, default 6.
    pub compression_effort: Effort,
    /// Silence after which a client is sent a ping; none for never. 1 ms to 1 day, default 25 s.
    /// Shorter notices the vanished sooner and wakes phones more often.
    pub ping_interval: Option<Duration>,
    /// Time for the answer to a ping; any byte is one. 1 ms to 1 day, default 10 s.
    pub pong_timeout: Duration,
    /// Time without a message from the client after which it is closed; none for never, the
    /// default. 1 ms to 30 days. A pong is no message.
    pub idle_timeout: Option<Duration>,
    /// A full socket that takes no byte for this long is dropped. 1 ms to 1 day, default 30 s.
    pub write_timeout: Duration,
    /// Time for the peer to answer a Close frame, the backlog before it included. 1 ms to 1 day,
    /// default 5 s.
    pub close_timeout: Duration,
    /// Time after which a connection is closed; none for never, the default. 1 ms to 30 days.
    pub lifetime: Option<Duration>,
    /// Up to so much is added to the lifetime of each connection at random. 0 (the default) to 30
    /// days. More spreads the reconnects of clients that came together.
    pub lifetime_jitter: Duration,
}

/// How much a client may send: so much a second, and so much at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// So much a second; 0 for no limit.
    pub per_second: u64,
    /// So much at once, where it was given.
    pub burst: Option<u64>,
}

impl Default for ClientSettings {
    fn default() -> ClientSettings {
        ClientSettings {
            origins: AllowedOrigins::default(),
            message_bytes_max: bytes(limits::MESSAGE_BYTES.default),
            backlog_bytes_max: bytes(limits::BACKLOG_BYTES.default),
            slow_client: SlowClient::default(),
            messages: Rate {
                per_second: limits::MESSAGES_PER_SECOND.default,
                burst: None,
            },
            bytes: Rate {
                per_second: limits::BYTES_PER_SECOND.default,
                burst: None,
            },
            compression: Mode::default(),
            compression_effort: Effort {
                threshold: bytes(limits::COMPRESSION_THRESHOLD.default),
                level: limits::COMPRESSION_LEVEL.default as u8,
            },
            ping_interval: unless_zero(limits::PING_INTERVAL.default),
            pong_timeout: limits::PONG_TIMEOUT.default,
            idle_timeout: unless_zero(limits::IDLE_TIMEOUT.default),
            write_timeout: limits::WRITE_TIMEOUT.default,
            close_timeout: limits::CLOSE_TIMEOUT.default,
            lifetime: unless_zero(limits::LIFETIME.default),
            lifetime_jitter: limits::LIFETIME_JITTER.default,
        }
    }
}

impl ClientSettings {
    /// Messages that a client may send at once: one second's worth where nothing is said. None
    /// where their rate is not limited.
    pub fn messages_burst(&self) -> Option<u64> {
        let Rate { per_second, burst } = self.messages;
        (per_second > 0).then(|| burst.unwrap_or(per_second))
    }

    /// Bytes that a client may send at once: one second's worth where nothing is said, and room for
    /// the largest message, which could never be sent otherwise. None where their rate is not
    /// limited.
    pub fn bytes_burst(&self) -> Option<u64> {
        let Rate { per_second, burst } = self.bytes;
        (per_second > 0).then(|| burst.unwrap_or(per_second.max(self.message_bytes_max as u64)))
    }
}

/// A time of which zero stands for never.
pub(super) fn unless_zero(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// A size that a machine of 16 bits could not hold is the most that it can.
pub(super) fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
