//! How a line looks: as text or as JSON, with its time or, for the journal, with its priority.
//!
//! Whoever writes lines runs it; the main thread changes the style at a reload.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use log::Level;
use serde_json::Value;
use simplelog::{FormatItem, format_description};
use time::OffsetDateTime;

use super::LogFormat;
use super::about::Fields;
use crate::threads::crash;

/// RFC 3339 in UTC, to the millisecond.
pub(super) const TIME: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// How lines are written now; the main thread changes it, whoever logs reads it.
#[derive(Clone)]
pub(super) struct SharedStyle(Arc<AtomicU8>);

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) format: LogFormat,
    /// The journal has the time itself, and takes the priority from in front of a line.
    pub(super) is_for_journal: bool,
}

impl SharedStyle {
    pub(super) fn new(style: Style) -> SharedStyle {
        let shared = SharedStyle(Arc::default());
        shared.set(style);
        shared
    }

    pub(super) fn set(&self, style: Style) {
        crash::set_looks(crash::Looks {
            is_json: style.format == LogFormat::Json,
            is_for_journal: style.is_for_journal,
        });
        let json = u8::from(style.format == LogFormat::Json);
        let journal = u8::from(style.is_for_journal);
        self.0.store(json | journal << 1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Style {
        let bits = self.0.load(Ordering::Relaxed);
        Style {
            format: if bits & 1 == 0 {
                LogFormat::Text
            } else {
                LogFormat::Json
            },
            is_for_journal: bits & 2 != 0,
        }
    }
}

/// A line in any style, of parts that are escaped already; JSON has `fields` beside its own.
pub(super) fn line(
    style: Style,
    level: Level,
    target: &str,
    message: &str,
    mut fields: Fields,
) -> String {
    // The format is a constant that fits every time.
    let time = || OffsetDateTime::now_utc().format(TIME).unwrap_or_default();
    let text = match style.format {
        LogFormat::Text if style.is_for_journal => format!("{target}: {message}"),
        LogFormat::Text => format!("{} [{level:<5}] {target}: {message}", time()),
        LogFormat::Json => {
            if !style.is_for_journal {
                fields.insert("time".to_owned(), time().into());
            }
            fields.insert("level".to_owned(), level.as_str().into());
            fields.insert("target".to_owned(), target.into());
            fields.insert("message".to_owned(), message.into());
            Value::Object(fields).to_string()
        }
    };
    if style.is_for_journal {
        return format!("<{}>{text}\n", priority(level));
    }
    format!("{text}\n")
}

/// Of syslog(3), which has none below 7.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::{Style, line};
    use crate::logging::LogFormat;
    use crate::logging::about::Fields;
    use log::Level;

    #[test]
    fn the_journal_gets_priorities_and_no_time() {
        let style = |format| Style {
            format,
            is_for_journal: true,
        };
        let text = line(
            style(LogFormat::Text),
            Level::Warn,
            "plugin::chat",
            "hello",
            Fields::new(),
        );
        assert_eq!(text, "<4>plugin::chat: hello\n");
        let json = line(
            style(LogFormat::Json),
            Level::Error,
            "server",
            "hello",
            Fields::new(),
        );
        let expected = r#"{"level":"ERROR","message":"hello","target":"server"}"#;
        assert_eq!(json, format!("<3>{expected}\n"));
    }
}
