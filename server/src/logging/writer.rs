//! The thread `log`: the only one that waits for the disk or the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender};
use log::Level;
use rustix::fs::{Access, AtFlags, CWD, OFlags, accessat};

use super::about::Fields;
use super::style::{SharedStyle, line};
use super::tail;
use crate::counters::COUNTERS;
use crate::threads::{crash, fault_point};

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

    fn descriptor(&self) -> RawFd {
        match self {
            Output::Stderr(stderr) => stderr.as_raw_fd(),
            Output::File(file) => file.as_raw_fd(),
        }
    }

    /// Writes as much as can be; gives how much that was.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            let rest = &bytes[written..];
            let result = match self {
                Output::Stderr(stderr) => stderr.write(rest),
                Output::File(file) => file.write(rest),
            };
            match result {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        written
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
    style: SharedStyle,
    /// Lost lines that the log has told of.
    told: u64,
    /// The last line was cut by an error.
    is_cut: bool,
}

impl Writer {
    pub(super) fn new(output: Output, path: Option<PathBuf>, style: SharedStyle) -> Writer {
        Writer {
            output,
            path,
            style,
            told: COUNTERS.log.lost.get(),
            is_cut: false,
        }
    }

    /// Writes until it is told to end; lines that wait are written together.
    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        crash::set_output(self.output.descriptor());
        let mut batch = Vec::new();
        while let Ok(first) = inbox.recv() {
            let mut lines = 0;
            let mut next = Some(first);
            let mut last = None;
            while let Some(order) = next {
                match order {
                    Order::Line(line) => {
                        tail::push(&line);
                        batch.extend_from_slice(&line);
                        lines += 1;
                    }
                    other => {
                        last = Some(other);
                        break;
                    }
                }
                next = inbox.try_recv().ok();
            }
            self.write(&mut batch);
            crash::lines_done(lines);
            match last {
                Some(Order::Reopen(reply)) => {
                    let opened = Output::open(self.path.as_deref());
                    let result = opened.map(|output| self.go_on_in(output));
                    reply.try_send(result).ok();
                }
                Some(Order::Switch(output, path)) => {
                    self.go_on_in(output);
                    self.path = path;
                }
                Some(Order::Flush(reply)) => drop(reply.try_send(())),
                Some(Order::End) => return,
                Some(Order::Line(_)) | None => {}
            }
        }
    }

    fn go_on_in(&mut self, output: Output) {
        // Before the one that was is closed.
        crash::set_output(output.descriptor());
        self.output = output;
        self.is_cut = false;
    }

    /// A disk that is full does not stop the service: what cannot be written counts as lost.
    fn write(&mut self, batch: &mut Vec<u8>) {
        fault_point("log");
        let lost = COUNTERS.log.lost.get();
        let lines = std::mem::take(batch);
        let mut front = if self.is_cut { vec![b'\n'] } else { Vec::new() };
        if lost > self.told {
            let text = format!(
                "the log did not keep up: {} lines dropped",
                lost - self.told
            );
            let told = line(
                self.style.get(),
                Level::Warn,
                module_path!(),
                &text,
                Fields::new(),
            );
            front.extend_from_slice(told.as_bytes());
        }
        let front_bytes = front.len();
        let whole = [front, lines].concat();
        let written = self.output.write(&whole);
        if written >= front_bytes {
            self.told = lost;
        }
        if written < whole.len() {
            let rest = &whole[written.max(front_bytes)..];
            let lines = rest.iter().filter(|&&byte| byte == b'\n').count() as u64;
            COUNTERS.log.lost.add(lines);
        }
        if written > 0 {
            self.is_cut = whole[written - 1] != b'\n';
        }
        *batch = whole;
        batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, Writer};
    use crate::counters::COUNTERS;
    use crate::logging::LogFormat;
    use crate::logging::style::{SharedStyle, Style};
    use std::io::Read;
    use std::os::fd::OwnedFd;

    /// A writer into a pipe that takes no more than its least size, without waiting.
    fn writer() -> (Writer, std::fs::File) {
        let flags = rustix::pipe::PipeFlags::NONBLOCK;
        let (reader, writer): (OwnedFd, OwnedFd) =
            rustix::pipe::pipe_with(flags).expect("two descriptors");
        rustix::pipe::fcntl_setpipe_size(&writer, 4096).expect("the least size");
        let style = SharedStyle::new(Style {
            format: LogFormat::Text,
            is_for_journal: true,
        });
        let writer = Writer::new(Output::File(writer.into()), None, style);
        (writer, reader.into())
    }

    #[test]
    fn what_was_written_counts_as_written_and_a_cut_line_is_ended() {
        let (mut writer, mut reader) = writer();
        let before = COUNTERS.log.lost.get();
        let lost = || COUNTERS.log.lost.get() - before;
        // Of ten lines of 1,000 bytes, four and a bit fit.
        let line = [&[b'x'; 999], b"\n".as_slice()].concat();
        writer.write(&mut line.repeat(10));
        assert_eq!(lost(), 6);
        // Nothing fits now, not even the number.
        writer.write(&mut b"lost\n".to_vec());
        assert_eq!(lost(), 7);
        let mut taken = vec![0; 4096];
        reader.read_exact(&mut taken).expect("it was written");
        assert_eq!(taken.len() - 4 * line.len(), 96);
        writer.write(&mut b"here again\n".to_vec());
        let mut rest = [0; 4096];
        let length = reader.read(&mut rest).expect("it was written");
        let rest = String::from_utf8_lossy(&rest[..length]);
        let told =
            "\n<4>server::logging::writer: the log did not keep up: 7 lines dropped\nhere again\n";
        assert_eq!(rest, told);
        assert_eq!(writer.told, COUNTERS.log.lost.get());
    }
}
