//! One table of the file to what holds for each client: `[client]`, or a `[[route]]` over it.

use std::time::Duration;

use super::client::{ClientSettings, Rate, unless_zero};
use super::forms::{Number, Origin, Size, Time};
use super::table::{Given, Table};
use crate::compression::Effort;
use crate::http::origin::AllowedOrigins;
use crate::limits::settings as limits;
use crate::limits::settings::Bounds;

impl ClientSettings {
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
        let effort = base.compression_effort;
        let level = u64::from(effort.level);
        let level = table.bounded::<Number>("compression_level", &limits::COMPRESSION_LEVEL, level);
        let threshold = &limits::COMPRESSION_THRESHOLD;
        let compression_effort = Effort {
            threshold: table.bytes("compression_threshold", threshold, effort.threshold),
            level: level as u8,
        };
        let jitter = table.given_bounded::<Time>("lifetime_jitter", &limits::LIFETIME_JITTER);
        let settings = ClientSettings {
            origins: read_origins(table).unwrap_or_else(|| base.origins.clone()),
            message_bytes_max: table.bytes(
                "message",
                &limits::MESSAGE_BYTES,
                base.message_bytes_max,
            ),
            backlog_bytes_max: table.bytes(
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
            compression: table.value("compression").unwrap_or(base.compression),
            compression_effort,
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

/// A time of which zero stands for never.
fn read_optional(
    table: &mut Table<'_>,
    key: &'static str,
    bounds: &Bounds<Duration>,
    default: Option<Duration>,
) -> Option<Duration> {
    unless_zero(table.bounded::<Time>(key, bounds, default.unwrap_or_default()))
}
