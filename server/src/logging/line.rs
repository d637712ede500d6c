//! From a record to a line: escaped, cut at its limit, as text or as JSON, and offered to the writer.
//!
//! Runs on whatever thread logs and never waits. Control characters are escaped, so that what a
//! client sends can neither forge a line nor steer a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Sender, TrySendError, bounded};
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::json;
use simplelog::{ConfigBuilder, FormatItem, LevelPadding, WriteLogger, format_description};
use time::OffsetDateTime;

use super::PATIENCE;
use super::writer::Order;
use crate::counters::COUNTERS;
use crate::limits::LOG_LINE_BYTES_MAX;

/// RFC 3339 in UTC, to the millisecond.
const TIME: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The logger of the process.
pub(super) struct Lines {
    text: Box<WriteLogger<LineQueue>>,
    queue: LineQueue,
    is_json: Arc<AtomicBool>,
}

impl Lines {
    /// Offers lines to `orders`; counts those that do not fit.
    pub(super) fn new(orders: Sender<Order>, is_json: Arc<AtomicBool>) -> Lines {
        let queue = LineQueue {
            line: Vec::new(),
            orders,
        };
        Lines {
            text: formatter(queue.clone()),
            queue,
            is_json,
        }
    }
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = escape(&record.args().to_string());
        if self.is_json.load(Ordering::Relaxed) {
            self.queue.offer(as_json(record, &message).into_bytes());
            return;
        }
        self.text.log(
            &Record::builder()
                .metadata(record.metadata().clone())
                .args(format_args!("{message}"))
                .build(),
        );
    }

    /// Waits until what was logged before is written, at most as long as [`PATIENCE`].
    fn flush(&self) {
        let (reply, answer) = bounded(1);
        let order = Order::Flush(reply);
        if self.queue.orders.send_timeout(order, PATIENCE).is_ok() {
            // A writer that is stuck must not hold up who ends the process.
            answer.recv_timeout(PATIENCE).ok();
        }
    }
}

fn formatter(queue: LineQueue) -> Box<WriteLogger<LineQueue>> {
    let config = ConfigBuilder::new()
        .set_time_format_custom(TIME)
        .set_time_level(LevelFilter::Error)
        .set_target_level(LevelFilter::Error)
        .set_location_level(LevelFilter::Off)
        .set_thread_level(LevelFilter::Off)
        .set_level_padding(LevelPadding::Right)
        .build();
    // The level that holds is `log::max_level`, which SIGHUP may change; simplelog's cannot.
    WriteLogger::new(LevelFilter::Trace, config, queue)
}

/// One object with `time`, `level`, `target` and `message`.
fn as_json(record: &Record<'_>, message: &str) -> String {
    // The format is a constant that fits every time.
    let time = OffsetDateTime::now_utc().format(TIME).unwrap_or_default();
    let line = json!({
        "time": time,
        "level": record.level().as_str(),
        "target": record.target(),
        "message": message,
    });
    format!("{line}\n")
}

/// Appends `character` to `text`, escaped where it would begin a line or steer a terminal.
pub fn push_visible(text: &mut String, character: char) {
    if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
        text.extend(character.escape_default());
    } else {
        text.push(character);
    }
}

fn escape(message: &str) -> String {
    let mut clean = String::with_capacity(message.len());
    for character in message.chars() {
        if clean.len() >= LOG_LINE_BYTES_MAX {
            let cut = message.len();
            write!(clean, "... (cut, {cut} bytes in all)").ok();
            break;
        }
        push_visible(&mut clean, character);
    }
    clean
}

/// What simplelog writes to: collects one line, then offers it to the writer's queue.
#[derive(Clone)]
struct LineQueue {
    line: Vec<u8>,
    orders: Sender<Order>,
}

impl LineQueue {
    fn offer(&self, line: Vec<u8>) {
        if let Err(TrySendError::Full(_)) = self.orders.try_send(Order::Line(line)) {
            COUNTERS.log.lost.add(1);
        }
    }
}

impl Write for LineQueue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            self.offer(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_message_cannot_forge_a_line() {
        assert_eq!(
            escape("a\nERROR b\u{1b}[2J\u{9b}"),
            "a\\nERROR b\\u{1b}[2J\\u{9b}"
        );
    }

    #[test]
    fn text_that_is_no_control_character_stays() {
        assert_eq!(escape("Grüße 🙂 \\n"), "Grüße 🙂 \\n");
    }
}
