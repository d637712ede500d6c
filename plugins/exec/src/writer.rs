//! The way to what a program reads: waits while it does not read, but not for ever, and not for a client that has gone.

use std::io::{self, Write};
use std::process::ChildStdin;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How often it is looked whether the client is there still, while its program does not read.
const LOOK: Duration = Duration::from_millis(50);

/// The program's standard input; it reads its end where this is dropped.
pub(crate) struct Writer {
    pipe: Option<ChildStdin>,
    ends_lines: bool,
    patience: Duration,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The pipe has it.
    Done,
    /// The program has closed its standard input, and hears nothing any more.
    Deaf,
    /// The program has read nothing for too long.
    Late,
    /// The client has gone meanwhile.
    Gone,
}

impl Writer {
    /// `pipe` does not block. With `ends_lines` each message is a line.
    pub(crate) fn new(pipe: ChildStdin, ends_lines: bool, patience: Duration) -> Writer {
        Writer {
            pipe: Some(pipe),
            ends_lines,
            patience,
        }
    }

    /// Blocks while the program does not read, for so long at most as it may read nothing, and as the client `is_there`;
    /// that is not read meanwhile, which holds it back.
    pub(crate) fn write(
        &mut self,
        message: &[u8],
        is_there: impl Fn() -> bool,
    ) -> io::Result<Written> {
        let mut line;
        let mut left = message;
        if self.ends_lines {
            line = Vec::with_capacity(message.len() + 1);
            line.extend_from_slice(message);
            line.push(b'\n');
            left = &line;
        }
        let mut deadline = Instant::now() + self.patience;
        while !left.is_empty() {
            let Some(pipe) = &mut self.pipe else {
                return Ok(Written::Deaf);
            };
            match pipe.write(left) {
                Ok(count) => {
                    left = &left[count..];
                    deadline = Instant::now() + self.patience;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.pipe = None,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let wait = deadline.saturating_duration_since(Instant::now());
                    if wait.is_zero() {
                        return Ok(Written::Late);
                    }
                    if !is_there() {
                        return Ok(Written::Gone);
                    }
                    wait_for_room(pipe, wait.min(LOOK))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Written::Done)
    }
}

fn wait_for_room(pipe: &ChildStdin, wait: Duration) -> io::Result<()> {
    // A wait that is too long to say is for ever.
    let wait = Timespec::try_from(wait).ok();
    match poll(&mut [PollFd::new(pipe, PollFlags::OUT)], wait.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
