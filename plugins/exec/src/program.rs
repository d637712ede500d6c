//! A program at work, and its thread: what it writes, how it ends, and what becomes of it when its client goes.
//!
//! The thread alone signals and reaps the process, so that no number of a process is used that may be another's by then. The
//! process leads a group of its own, and what it has started goes with it.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use plugin_api::{Client, Message, Request, log};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::errors::Errors;
use crate::lines::Lines;
use crate::options::Options;
use crate::writer::Writer;
use crate::{Programs, environment};

/// Bytes that are read in one go.
const PIECE_BYTES: usize = 64 * 1024;

/// Such pieces that are read of what is left when the process has ended: as many as a pipe can hold.
const LAST_PIECES_MAX: usize = 16;

/// A program at work; its thread ends with the process.
pub(crate) struct Program {
    number: u32,
    /// Written to when the client has gone.
    gone: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Program {
    /// Starts it on a thread of its own, which takes it out of `programs` when it has ended.
    pub(crate) fn start(
        client: Client,
        request: &Request,
        options: &Arc<Options>,
        programs: &Arc<Programs>,
    ) -> io::Result<(Program, Writer)> {
        let mut command = Command::new(&options.program[0]);
        environment::set(&mut command, request, &client.host().path());
        let gone = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (told, hears) = sync_channel(1);
        let thread = {
            let (gone, options, programs) = (gone.clone(), options.clone(), programs.clone());
            let thread = Builder::new().name("exec".to_owned());
            thread.spawn(move || {
                if run(client, command, &options, gone, &told) {
                    programs.lock().remove(&client.id());
                }
            })?
        };
        match hears.recv() {
            Ok(Ok((number, pipe))) => {
                let writer = Writer::new(pipe, !options.binary, options.read_timeout());
                let thread = Some(thread);
                Ok((
                    Program {
                        number,
                        gone,
                        thread,
                    },
                    writer,
                ))
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("the program's thread has ended")),
        }
    }

    /// The number of the process.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Its client has gone: SIGTERM now, and SIGKILL when it does not end of it. Does not wait.
    pub(crate) fn end(&self) {
        // The counter cannot be full.
        rustix::io::write(&*self.gone, &1_u64.to_ne_bytes()).ok();
    }

    pub(crate) fn take_thread(&mut self) -> Option<JoinHandle<()>> {
        self.thread.take()
    }
}

/// The body of the thread; false where the program has not started, which is told like that it has.
fn run(
    client: Client,
    command: Command,
    options: &Options,
    gone: Arc<OwnedFd>,
    told: &SyncSender<io::Result<(u32, ChildStdin)>>,
) -> bool {
    // Who started it waits for this word and no other.
    match Running::start(client, command, options, gone) {
        Ok((running, pipe)) => {
            told.send(Ok((running.child.id(), pipe))).ok();
            running.run();
            true
        }
        Err(error) => {
            let name = &options.program[0];
            let text = format!("the program {name} does not start: {error}");
            told.send(Err(io::Error::new(error.kind(), text))).ok();
            false
        }
    }
}

struct Running {
    client: Client,
    child: Child,
    /// Readable when the process has ended.
    process: OwnedFd,
    gone: Arc<OwnedFd>,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// None in binary mode.
    lines: Option<Lines>,
    logged: Errors,
    end_timeout: Duration,
    /// SIGTERM was sent; SIGKILL follows then, or was sent where there is no time.
    ending: Option<Option<Instant>>,
}

impl Running {
    fn start(
        client: Client,
        mut command: Command,
        options: &Options,
        gone: Arc<OwnedFd>,
    ) -> io::Result<(Running, ChildStdin)> {
        let mut child = command
            .args(&options.program[1..])
            .envs(&options.environment)
            .current_dir(&options.folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let prepared = prepare(&mut child);
        match prepared {
            Ok((process, input, output, errors)) => {
                let running = Running {
                    client,
                    child,
                    process,
                    gone,
                    output: Some(output),
                    errors: Some(errors),
                    lines: (!options.binary).then(|| Lines::new(options.line_bytes_max)),
                    logged: Errors::new(client.id()),
                    end_timeout: options.end_timeout(),
                    ending: None,
                };
                Ok((running, input))
            }
            Err(error) => {
                child.kill().and_then(|()| child.wait())?;
                Err(error)
            }
        }
    }

    fn run(mut self) {
        let mut piece = vec![0; PIECE_BYTES];
        while !self.step(&mut piece) {}
        // What it has started and left behind goes too: as long as it is not reaped, its group is nobody else's.
        self.signal(Signal::KILL);
        for _ in 0..LAST_PIECES_MAX {
            self.read_output(&mut piece);
            self.read_errors(&mut piece);
        }
        if let Some(rest) = self.lines.as_mut().and_then(Lines::end) {
            self.say(&rest);
        }
        self.logged.end();
        let (code, reason) = match self.child.wait() {
            Ok(status) => last_word(status),
            Err(error) => (1011, format!("the program's end is not known: {error}")),
        };
        // Nothing happens where the client was the first to go.
        self.client.close(code, &reason).ok();
    }

    /// Waits for something to happen and deals with it; true when the process has ended.
    fn step(&mut self, piece: &mut [u8]) -> bool {
        let kill_at = self.ending.flatten();
        let wait = kill_at.map(|at| at.saturating_duration_since(Instant::now()));
        let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
        let (ended, has_gone, has_output, has_errors) = {
            // Of what is over only the end of the process counts.
            let none = self.process.as_fd();
            let mut fds = [
                PollFd::new(&self.process, PollFlags::IN),
                match self.ending {
                    None => PollFd::new(&self.gone, PollFlags::IN),
                    Some(_) => PollFd::from_borrowed_fd(none, PollFlags::IN),
                },
                match &self.output {
                    Some(output) => PollFd::new(output, PollFlags::IN),
                    None => PollFd::from_borrowed_fd(none, PollFlags::IN),
                },
                match &self.errors {
                    Some(errors) => PollFd::new(errors, PollFlags::IN),
                    None => PollFd::from_borrowed_fd(none, PollFlags::IN),
                },
            ];
            match poll(&mut fds, wait.as_ref()) {
                Ok(_) => {}
                Err(Errno::INTR) => return false,
                Err(error) => {
                    log::error!("client {}: its program is ended: {error}", self.client.id());
                    return true;
                }
            }
            let is = |at: usize| !fds[at].revents().is_empty();
            (is(0), is(1) && self.ending.is_none(), is(2), is(3))
        };
        if has_output {
            self.read_output(piece);
        }
        if has_errors {
            self.read_errors(piece);
        }
        if has_gone {
            self.begin_end();
        }
        if kill_at.is_some_and(|at| Instant::now() >= at) {
            self.signal(Signal::KILL);
            self.ending = Some(None);
        }
        ended
    }

    fn begin_end(&mut self) {
        if self.ending.is_none() {
            self.signal(Signal::TERM);
            self.ending = Some(Some(Instant::now() + self.end_timeout));
        }
    }

    fn signal(&self, signal: Signal) {
        // An error means that nothing of the group is left.
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            kill_process_group(group, signal).ok();
        }
    }

    fn read_output(&mut self, piece: &mut [u8]) {
        let Some(bytes) = read(&mut self.output, piece) else {
            return;
        };
        let client = self.client;
        let Some(lines) = &mut self.lines else {
            // A client that has gone hears of nothing, and its end follows.
            client.send(Message::Binary(bytes)).ok();
            return;
        };
        if lines.add(bytes, |line| say(client, line)).is_err() {
            log::warn!(
                "client {}: its program writes a line that is too long; ended",
                client.id()
            );
            client.close(1011, "a line of the program is too long").ok();
            self.output = None;
            self.begin_end();
        }
    }

    fn read_errors(&mut self, piece: &mut [u8]) {
        if let Some(bytes) = read(&mut self.errors, piece) {
            self.logged.add(bytes);
        }
    }

    fn say(&self, line: &[u8]) {
        say(self.client, line);
    }
}

fn say(client: Client, line: &[u8]) {
    client.send(String::from_utf8_lossy(line).as_ref()).ok();
}

/// What there is; none where that is nothing for now, or for ever, and then the pipe is closed.
fn read<'p>(pipe: &mut Option<impl Read>, piece: &'p mut [u8]) -> Option<&'p [u8]> {
    match pipe.as_mut()?.read(piece) {
        Ok(0) => *pipe = None,
        Ok(count) => return Some(&piece[..count]),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
            _ => *pipe = None,
        },
    }
    None
}

type Pipes = (OwnedFd, ChildStdin, ChildStdout, ChildStderr);

/// Takes hold of its end, and of its pipes, none of which blocks on our side.
fn prepare(child: &mut Child) -> io::Result<Pipes> {
    let pid = Pid::from_raw(child.id().cast_signed());
    let pid = pid.ok_or_else(|| io::Error::other("it has no number"))?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(input), Some(output), Some(errors)) = pipes else {
        return Err(io::Error::other("it has no pipes"));
    };
    for pipe in [input.as_fd(), output.as_fd(), errors.as_fd()] {
        fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
    }
    Ok((process, input, output, errors))
}

/// With what its client is closed.
fn last_word(status: ExitStatus) -> (u16, String) {
    match (status.code(), status.signal()) {
        (Some(0), _) => (1000, String::new()),
        (Some(code), _) => (1011, format!("the program ended with {code}")),
        (None, Some(signal)) => (1011, format!("the program was ended by signal {signal}")),
        (None, None) => (1011, "the program ended".to_owned()),
    }
}
