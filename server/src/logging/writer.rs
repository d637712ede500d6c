//! The thread `log`: the only one that waits for the disk or the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender};
use rustix::fs::{Access, AtFlags, CWD, OFlags, accessat};

use crate::counters::COUNTERS;

/// What the thread is asked to do, in order.
pub(super) enum Order {
    /// Write a line.
    Line(Vec<u8>),
    /// Open the file anew.
    Reopen(Sender<io::Result<()>>),
    /// Write elsewhere from now on.
    Switch(Output, Option<PathBuf>),
    /// Say when all before is written.
    Flush(Sender<()>),
    /// End.
    End,
}

/// Where lines go.
pub enum Output {
    /// To the terminal, or whoever has taken its place.
    Stderr(io::Stderr),
    /// To a file, behind what is there.
    File(File),
}

impl Output {
    /// The file at `path`, or stderr.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(path: Option<&Path>) -> io::Result<Output> {
        let Some(path) = path else {
            return Ok(Output::Stderr(io::stderr()));
        };
        let file = open_file(path, true)?;
        // From here on who writes waits, and that is a thread of its own.
        rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
        Ok(Output::File(file))
    }

    /// Whether [`Output::open`] would succeed; makes no file.
    ///
    /// # Errors
    /// Why it would not.
    pub fn check(path: &Path) -> io::Result<()> {
        match open_file(path, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new("."));
                let may = Access::WRITE_OK | Access::EXEC_OK;
                accessat(CWD, folder, may, AtFlags::EACCESS).map_err(io::Error::from)
            }
            outcome => outcome.map(drop),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Stderr(stderr) => stderr.write_all(bytes),
            Output::File(file) => file.write_all(bytes),
        }
    }
}

/// Opens for appending. A pipe that nobody reads is an error; the open would wait for a reader.
fn open_file(path: &Path, creates: bool) -> io::Result<File> {
    let careful = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .create(creates)
        .append(true)
        .custom_flags(careful.bits().cast_signed())
        .open(path)
}

/// State of the thread.
pub(super) struct Writer {
    output: Output,
    path: Option<PathBuf>,
    /// Lost lines that the log has told of.
    told: u64,
}

impl Writer {
    pub(super) fn new(output: Output, path: Option<PathBuf>) -> Writer {
        Writer {
            output,
            path,
            told: 0,
        }
    }

    /// Writes until it is told to end; lines that wait are written together.
    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
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
                    let opened = Output::open(self.path.as_deref());
                    let result = opened.map(|output| self.output = output);
                    reply.try_send(result).ok();
                }
                Some(Order::Switch(output, path)) => (self.output, self.path) = (output, path),
                Some(Order::Flush(reply)) => drop(reply.try_send(())),
                Some(Order::End) => return,
                Some(Order::Line(_)) | None => {}
            }
        }
    }

    /// A disk that is full does not stop the service: what cannot be written counts as lost.
    fn write(&mut self, batch: &mut Vec<u8>) {
        let lines = batch.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let lost = COUNTERS.log.lost.get();
        if lost > self.told {
            let untold = lost - self.told;
            writeln!(batch, "(the log did not keep up: {untold} lines dropped)").ok();
        }
        if !batch.is_empty() {
            match self.output.write_all(batch) {
                Ok(()) => self.told = lost,
                Err(_) => COUNTERS.log.lost.add(lines),
            }
        }
        batch.clear();
    }
}
