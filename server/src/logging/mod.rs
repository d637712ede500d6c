//! The log: simplelog formats a line, a thread of its own writes it.
//!
//! Who logs never waits: a line goes into a bounded queue, and where the disk or the terminal
//! does not keep up, lines are dropped and their number is logged.

pub mod about;
pub mod client_rate;
#[cfg(test)]
pub(crate) mod heard;
pub mod levels;
pub mod refusal_log;
pub mod start_lines;
pub mod tail;
mod allowance;
mod line;
mod own;
mod style;
mod writer;

use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use log::LevelFilter;
use parking_lot::Mutex;

use crate::limits::LOG_QUEUE_LINES;
use levels::Levels;
use line::Lines;
use style::{SharedStyle, Style};
use writer::{Order, Writer};

pub use allowance::ClientRate;
pub use line::{is_visible, push_visible};
pub use own::Address;
pub use writer::Output;

/// The name of the thread that writes.
pub const THREAD: &str = "log";

/// How long a reopen or the last flush waits for a writer that is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// What is logged. Default: `info`.
    pub level: LevelFilter,
    /// What is logged of single targets, and of all below them. Default: none.
    pub levels: Levels,
    /// Where to; none for stderr, the default.
    pub file: Option<PathBuf>,
    /// How a line is written. Default: text.
    pub format: LogFormat,
    /// What the connections of one address can make it grow by.
    pub client_rate: ClientRate,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

impl LogSettings {
    fn apply_bounds(&self) {
        levels::set(self.level, &self.levels);
        client_rate::set(self.client_rate);
    }

    fn style(&self) -> Style {
        Style {
            format: self.format,
            is_for_journal: self.file.is_none() && stderr_is_journal(),
        }
    }
}

/// Whether stderr goes to systemd's journal: it says so by the device and inode of the socket, since
/// stderr may have been redirected since (systemd.exec(5), `JOURNAL_STREAM`).
fn stderr_is_journal() -> bool {
    let told = std::env::var("JOURNAL_STREAM").ok();
    let told = told.as_deref().and_then(|told| told.split_once(':'));
    let stderr = rustix::fs::fstat(io::stderr()).ok();
    told.zip(stderr).is_some_and(|((device, inode), stderr)| {
        device.parse() == Ok(stderr.st_dev) && inode.parse() == Ok(stderr.st_ino)
    })
}

/// The running log; made once, ended last.
pub struct Logging {
    orders: Sender<Order>,
    writer: Option<JoinHandle<()>>,
    /// Where it is written to now; only the main thread looks.
    path: Mutex<Option<PathBuf>>,
    style: SharedStyle,
}

impl Logging {
    /// Starts the log.
    ///
    /// # Errors
    /// The file cannot be opened for appending, or the thread cannot be started.
    pub fn start(settings: &LogSettings) -> io::Result<Logging> {
        let (orders, inbox) = bounded(LOG_QUEUE_LINES);
        let output = Output::open(settings.file.as_deref())?;
        let style = SharedStyle::new(settings.style());
        let writer = Writer::new(output, settings.file.clone(), style.clone());
        let writer = thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || writer.run(&inbox))?;
        let lines = Lines::new(orders.clone(), style.clone());
        log::set_boxed_logger(Box::new(lines)).map_err(io::Error::other)?;
        settings.apply_bounds();
        Ok(Logging {
            orders,
            writer: Some(writer),
            path: Mutex::new(settings.file.clone()),
            style,
        })
    }

    /// Opens where `settings` want the log, if that is elsewhere than now.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(&self, settings: &LogSettings) -> io::Result<Option<Output>> {
        if *self.path.lock() == settings.file {
            return Ok(None);
        }
        Output::open(settings.file.as_deref()).map(Some)
    }

    /// Levels, bounds and format of `settings` hold from now on, and lines go to `output` where there is one.
    /// Waits at most two seconds for a writer that is stuck.
    pub fn apply(&self, settings: &LogSettings, output: Option<Output>) {
        settings.apply_bounds();
        self.style.set(settings.style());
        if let Some(output) = output {
            let order = Order::Switch(output, settings.file.clone());
            if self.orders.send_timeout(order, PATIENCE).is_ok() {
                *self.path.lock() = settings.file.clone();
            }
        }
    }

    /// Opens the file anew, after a log rotation has moved it away, and gives its path; does nothing
    /// for stderr. Waits for the lines before it to be written, at most two seconds.
    ///
    /// # Errors
    /// The file cannot be opened (the old one stays in use), or the writer is stuck.
    pub fn reopen(&self) -> io::Result<Option<PathBuf>> {
        let path = self.path.lock().clone();
        if path.is_none() {
            return Ok(None);
        }
        let (reply, answer) = bounded(1);
        let stuck = || io::Error::new(io::ErrorKind::TimedOut, "the log writer is stuck");
        self.orders
            .send_timeout(Order::Reopen(reply), PATIENCE)
            .map_err(|_| stuck())?;
        let reopened = answer.recv_timeout(PATIENCE).map_err(|_| stuck())?;
        reopened.map(|()| path)
    }

    /// Writes what is queued and ends the writer; waits at most two seconds for it.
    pub fn end(mut self) {
        let Some(writer) = self.writer.take() else {
            return;
        };
        if self.orders.send_timeout(Order::End, PATIENCE).is_err() {
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        while !writer.is_finished() && Instant::now() < deadline {
            thread::park_timeout(Duration::from_millis(1));
        }
        if writer.is_finished() {
            writer.join().ok();
        }
    }
}
