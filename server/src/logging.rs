//! The log: simplelog formats a line, a thread of its own writes it.
//!
//! Who logs never waits: a line goes into a bounded queue, and where the disk or the terminal
//! does not keep up, lines are dropped and their number is logged. Control characters are
//! escaped, so that what a client sends can neither forge a line nor steer a terminal.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{
    ConfigBuilder, FormatItem, LevelPadding, SharedLogger, WriteLogger, format_description,
};

use crate::limits::{LOG_LINE_BYTES_MAX, LOG_QUEUE_LINES};

/// How long a reopen or the last flush waits for a writer that is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// RFC 3339 in UTC, to the millisecond.
const TIME: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

enum Order {
    Line(Vec<u8>),
    Reopen(Sender<io::Result<()>>),
    Flush(Sender<()>),
    End,
}

/// The running log; made once, ended last.
pub struct Logging {
    orders: Sender<Order>,
    writer: Option<JoinHandle<()>>,
    path: Option<PathBuf>,
}

impl Logging {
    /// Starts the log on `path`, or on stderr.
    ///
    /// # Errors
    /// The file cannot be opened for appending, or the thread cannot be started.
    pub fn start(path: Option<&Path>, level: LevelFilter) -> io::Result<Logging> {
        let output = open(path)?;
        let (orders, inbox) = bounded(LOG_QUEUE_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            output,
            path: path.map(Path::to_owned),
            dropped: dropped.clone(),
        };
        let writer = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run(&inbox))?;
        let lines = LineQueue {
            line: Vec::new(),
            orders: orders.clone(),
            dropped,
        };
        let escaping = Escaping {
            inner: formatter(lines),
            orders: orders.clone(),
        };
        log::set_boxed_logger(Box::new(escaping)).map_err(io::Error::other)?;
        log::set_max_level(level);
        Ok(Logging {
            orders,
            writer: Some(writer),
            path: path.map(Path::to_owned),
        })
    }

    /// The file that is written to; none for stderr.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Opens the file anew, after a log rotation has moved it away. Waits for the lines before it
    /// to be written, at most two seconds.
    ///
    /// # Errors
    /// The file cannot be opened (the old one stays in use), or the writer is stuck.
    pub fn reopen(&self) -> io::Result<()> {
        let (reply, answer) = bounded(1);
        let stuck = || io::Error::new(io::ErrorKind::TimedOut, "the log writer is stuck");
        self.orders
            .send_timeout(Order::Reopen(reply), PATIENCE)
            .map_err(|_| stuck())?;
        answer.recv_timeout(PATIENCE).map_err(|_| stuck())?
    }

    /// Writes what is queued and ends the writer; waits at most two seconds for it.
    pub fn end(mut self) {
        let Some(writer) = self.writer.take() else {
            return;
        };
        if self.orders.send_timeout(Order::End, PATIENCE).is_err() {
            return;
        }
        let deadline = std::time::Instant::now() + PATIENCE;
        while !writer.is_finished() && std::time::Instant::now() < deadline {
            thread::park_timeout(Duration::from_millis(1));
        }
        if writer.is_finished() {
            writer.join().ok();
        }
    }
}

fn formatter(lines: LineQueue) -> Box<WriteLogger<LineQueue>> {
    let config = ConfigBuilder::new()
        .set_time_format_custom(TIME)
        .set_time_level(LevelFilter::Error)
        .set_target_level(LevelFilter::Error)
        .set_location_level(LevelFilter::Off)
        .set_thread_level(LevelFilter::Off)
        .set_level_padding(LevelPadding::Right)
        .build();
    // The level that holds is `log::max_level`, which SIGHUP may change; simplelog's cannot.
    WriteLogger::new(LevelFilter::Trace, config, lines)
}

fn open(path: Option<&Path>) -> io::Result<Output> {
    match path {
        None => Ok(Output::Stderr(io::stderr())),
        Some(path) => OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map(Output::File),
    }
}

enum Output {
    Stderr(io::Stderr),
    File(File),
}

impl Output {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Stderr(stderr) => stderr.write_all(bytes),
            Output::File(file) => file.write_all(bytes),
        }
    }
}

/// Escapes control characters in the message and cuts it at its limit before simplelog sees it.
struct Escaping<L: SharedLogger> {
    inner: Box<L>,
    orders: Sender<Order>,
}

impl<L: SharedLogger> Log for Escaping<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = escape(&record.args().to_string());
        self.inner.log(
            &Record::builder()
                .metadata(record.metadata().clone())
                .args(format_args!("{message}"))
                .build(),
        );
    }

    /// Waits until what was logged before is written, at most as long as [`PATIENCE`].
    fn flush(&self) {
        let (reply, answer) = bounded(1);
        if self
            .orders
            .send_timeout(Order::Flush(reply), PATIENCE)
            .is_ok()
        {
            // A writer that is stuck must not hold up who ends the process.
            answer.recv_timeout(PATIENCE).ok();
        }
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
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

/// What simplelog writes to: collects one line, then offers it to the writer's queue.
struct LineQueue {
    line: Vec<u8>,
    orders: Sender<Order>,
    dropped: Arc<AtomicU64>,
}

impl Write for LineQueue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            if let Err(TrySendError::Full(_)) = self.orders.try_send(Order::Line(line)) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread `log`: the only one that waits for the disk or the terminal.
struct Writer {
    output: Output,
    path: Option<PathBuf>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Order>) {
        let mut batch = Vec::new();
        while let Ok(first) = inbox.recv() {
            let mut next = Some(first);
            let mut last = None;
            while let Some(order) = next {
                match order {
                    Order::Line(line) => batch.extend_from_slice(&line),
                    other => {
                        last = Some(other);
                        break;
                    }
                }
                next = inbox.try_recv().ok();
            }
            self.write(&mut batch);
            match last {
                Some(Order::Reopen(reply)) => {
                    let result = open(self.path.as_deref()).map(|output| self.output = output);
                    reply.try_send(result).ok();
                }
                Some(Order::Flush(reply)) => drop(reply.try_send(())),
                Some(Order::End) => return,
                Some(Order::Line(_)) | None => {}
            }
        }
    }

    /// A disk that is full does not stop the service: what cannot be written counts as dropped.
    fn write(&mut self, batch: &mut Vec<u8>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            writeln!(batch, "(the log did not keep up: {dropped} lines dropped)").ok();
        }
        if !batch.is_empty() && self.output.write_all(batch).is_err() {
            let lines = batch.iter().filter(|&&byte| byte == b'\n').count() as u64;
            self.dropped.fetch_add(dropped + lines, Ordering::Relaxed);
        }
        batch.clear();
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
