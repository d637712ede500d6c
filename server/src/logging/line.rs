//! From a record to a line: escaped, cut at its limit, as text or as JSON, for a file or for the journal, and
//! offered to the writer.
//!
//! Runs on whatever thread logs and never waits. Control characters are escaped, so that what a
//! client sends can neither forge a line nor steer a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use crossbeam_channel::{Sender, TrySendError, bounded};
use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{ConfigBuilder, LevelPadding, WriteLogger};

use super::about::{self, Fields};
use super::style::{SharedStyle, TIME, line};
use super::writer::Order;
use super::{LogFormat, PATIENCE, client_rate, levels};
use crate::counters::COUNTERS;
use crate::limits::LOG_LINE_BYTES_MAX;
use crate::threads::crash;

/// The logger of the process.
pub(super) struct Lines {
    text: Box<WriteLogger<LineQueue>>,
    queue: LineQueue,
    style: SharedStyle,
}

impl Lines {
    /// Offers lines to `orders`; counts those that do not fit.
    pub(super) fn new(orders: Sender<Order>, style: SharedStyle) -> Lines {
        let queue = LineQueue {
            line: Vec::new(),
            orders,
        };
        Lines {
            text: formatter(queue.clone()),
            queue,
            style,
        }
    }
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        levels::admit(metadata.level(), metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = record.args().to_string();
        if !client_rate::admits(record, message.len().min(LOG_LINE_BYTES_MAX)) {
            return;
        }
        let message = escape(&message);
        let style = self.style.get();
        let (level, target) = (record.level(), escape(record.target()));
        if style.format == LogFormat::Text && !style.is_for_journal {
            self.text.log(
                &Record::builder()
                    .metadata(Metadata::builder().level(level).target(&target).build())
                    .args(format_args!("{message}"))
                    .build(),
            );
            return;
        }
        let fields = match style.format {
            LogFormat::Json => about::fields(record),
            LogFormat::Text => Fields::new(),
        };
        self.queue
            .offer(line(style, level, &target, &message, fields).into_bytes());
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

/// Appends `character` to `text`, escaped where it would begin a line or steer a terminal.
pub fn push_visible(text: &mut String, character: char) {
    if is_visible(character) {
        text.push(character);
    } else {
        text.extend(character.escape_default());
    }
}

/// Whether a character does nothing to the text around it.
pub fn is_visible(character: char) -> bool {
    !character.is_control() && !is_steering(character)
}

/// Separators of lines, and what turns the order of what follows around (Unicode's `Bidi_Control`): text
/// that reads as another.
fn is_steering(character: char) -> bool {
    matches!(
        character,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
    )
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
        crash::line_offered();
        if let Err(TrySendError::Full(_)) = self.orders.try_send(Order::Line(line)) {
            COUNTERS.log.lost.add(1);
            crash::lines_done(1);
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
    fn a_message_cannot_turn_the_order_around() {
        let evil = "a\u{202e}b\u{2066}c\u{200f}d\u{61c}";
        assert_eq!(escape(evil), "a\\u{202e}b\\u{2066}c\\u{200f}d\\u{61c}");
        // Joiners belong to emoji and to Persian.
        assert_eq!(escape("\u{200d}\u{200c}"), "\u{200d}\u{200c}");
    }

    #[test]
    fn text_that_is_no_control_character_stays() {
        assert_eq!(escape("Grüße 🙂 \\n"), "Grüße 🙂 \\n");
    }
}
