//! What holds for each client, on all routes or on one: the settings, and how they are read.

use std::time::Duration;

use super::forms::{Number, Origin, Size, Time};
use super::table::{Given, Table};
use crate::http::origin::AllowedOrigins;
use crate::limits::settings as limits;
use crate::limits::settings::Bounds;
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

    /// Reads the keys of a table; what it does not say is as in `base`.
    pub(super) fn read(table: &mut Table<'_>, base: &ClientSettings) -> ClientSettings {
        let messages_per_second = table.bounded::<Number>(
            "messages_per_second",
            &limits::MESSAGES_PER_SECOND,
            base.messages.per_second,
        );
        let messages_burst =
            table.given_bounded::<Number>("messages_burst", &limits::MESSAGES_BURST);
        let bytes_per_second = table.bounded::<Size>(
            "bytes_per_second",
            &limits::BYTES_PER_SECOND,
            base.bytes.per_second,
        );
        let bytes_burst = table.given_bounded::<Size>("bytes_burst", &limits::BYTES_BURST);
        let jitter = table.given_bounded::<Time>("lifetime_jitter", &limits::LIFETIME_JITTER);
        let settings = ClientSettings {
            origins: read_origins(table).unwrap_or_else(|| base.origins.clone()),
            message_bytes_max: read_bytes(
                table,
                "message",
                &limits::MESSAGE_BYTES,
                base.message_bytes_max,
            ),
            backlog_bytes_max: read_bytes(
                table,
                "backlog",
                &limits::BACKLOG_BYTES,
                base.backlog_bytes_max,
            ),
            slow_client: table.value("slow_client").unwrap_or(base.slow_client),
            messages: Rate {
                per_second: messages_per_second,
                burst: value(messages_burst.as_ref().map(|of| of.value.0), base.messages),
            },
            bytes: Rate {
                per_second: bytes_per_second,
                burst: value(bytes_burst.as_ref().map(|of| of.value.0), base.bytes),
            },
            ping_interval: read_optional(
                table,
                "ping_interval",
                &limits::PING_INTERVAL,
                base.ping_interval,
            ),
            pong_timeout: table.bounded::<Time>(
                "pong_timeout",
                &limits::PONG_TIMEOUT,
                base.pong_timeout,
            ),
            idle_timeout: read_optional(
                table,
                "idle_timeout",
                &limits::IDLE_TIMEOUT,
                base.idle_timeout,
            ),
            write_timeout: table.bounded::<Time>(
                "write_timeout",
                &limits::WRITE_TIMEOUT,
                base.write_timeout,
            ),
            close_timeout: table.bounded::<Time>(
                "close_timeout",
                &limits::CLOSE_TIMEOUT,
                base.close_timeout,
            ),
            lifetime: read_optional(table, "lifetime", &limits::LIFETIME, base.lifetime),
            lifetime_jitter: jitter
                .as_ref()
                .map_or(base.lifetime_jitter, |jitter| jitter.value.0),
        };
        settings.check(table, messages_burst, bytes_burst, jitter);
        settings
    }

    /// Notes what each by itself is right and together makes no sense.
    fn check(
        &self,
        table: &Table<'_>,
        messages_burst: Option<Given<Number>>,
        bytes_burst: Option<Given<Size>>,
        jitter: Option<Given<Time>>,
    ) {
        let message = self.message_bytes_max as u64;
        if let Some(burst) = messages_burst.filter(|_| self.messages.per_second == 0) {
            let text = "has no effect without a rate: set messages_per_second too";
            table.note_value("messages_burst", &burst.source, text);
        }
        if let Some(burst) = bytes_burst {
            if self.bytes.per_second == 0 {
                let text = "has no effect without a rate: set bytes_per_second too";
                table.note_value("bytes_burst", &burst.source, text);
            } else if burst.value.0 < message {
                let (written, message) = (burst.written, Size(message));
                let text = format!(
                    "{written} is less than `message`, so that a message of {message} could never \
                     be sent: raise it or lower `message`"
                );
                table.note_value("bytes_burst", &burst.source, &text);
            }
        }
        let is_given = |jitter: &Given<Time>| !jitter.value.0.is_zero();
        if let Some(jitter) = jitter.filter(|jitter| self.lifetime.is_none() && is_given(jitter)) {
            let text = "has no effect without a lifetime: set lifetime too";
            table.note_value("lifetime_jitter", &jitter.source, text);
        }
    }
}

fn value(given: Option<u64>, base: Rate) -> Option<u64> {
    given.or(base.burst)
}

fn read_origins(table: &mut Table<'_>) -> Option<AllowedOrigins> {
    let given = table.list::<Origin>("origins")?;
    let texts = given.iter().map(|given| given.value.0.as_str());
    // Each by itself has been found to be one.
    AllowedOrigins::parse(texts).ok()
}

/// A size that is held in memory.
pub(super) fn read_bytes(
    table: &mut Table<'_>,
    key: &'static str,
    bounds: &Bounds<u64>,
    default: usize,
) -> usize {
    bytes(table.bounded::<Size>(key, bounds, default as u64))
}

/// A time of which zero stands for never.
fn read_optional(
    table: &mut Table<'_>,
    key: &'static str,
    bounds: &Bounds<Duration>,
    default: Option<Duration>,
) -> Option<Duration> {
    unless_zero(table.bounded::<Time>(key, bounds, default.unwrap_or_default()))
}

fn unless_zero(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// A size that a machine of 16 bits could not hold is the most that it can.
pub(super) fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
