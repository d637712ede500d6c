//! A child process: what it prints and logs, line by line, and its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::DEADLINE;

/// A process that ended by itself.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
}

impl Finished {
    /// Asserts how it ended.
    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
    }
}

/// A running process. Dropping it kills it, and nothing else.
pub(crate) struct Process {
    child: Child,
    /// Somebody has waited for its end, and so knows how it ended.
    was_awaited: bool,
    pub(crate) output: Lines,
    pub(crate) log: Lines,
}

impl Process {
    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Process {
        Process::spawn_with(command, Stdio::null())
    }

    #[track_caller]
    pub(crate) fn spawn_with(command: &mut Command, input: Stdio) -> Process {
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's binary can be run");
        let output = Lines::collect(child.stdout.take().expect("stdout is a pipe"));
        let log = Lines::collect(child.stderr.take().expect("stderr is a pipe"));
        Process {
            child,
            was_awaited: false,
            output,
            log,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the child has not been waited for");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the child can be asked")
            .is_some()
    }

    /// Waits until it has ended and all that it wrote has been read.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        // The pipes close when the process ends, so that nobody has to look again and again.
        let has_closed =
            self.output.wait_until_closed(deadline) & self.log.wait_until_closed(deadline);
        assert!(has_closed, "it does not end:\n{}", self.log.text());
        self.was_awaited = true;
        self.child.wait().expect("the child can be waited for")
    }

    /// Whether somebody has waited for its end.
    pub(crate) fn was_awaited(&self) -> bool {
        self.was_awaited
    }

    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        let code = self.wait().code();
        Finished {
            code,
            stdout: self.output.text(),
            stderr: self.log.text(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Lines that a thread collects from a pipe.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    collected: Mutex<Collected>,
    changed: Condvar,
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    is_closed: bool,
}

impl Lines {
    fn collect(pipe: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let collector = lines.clone();
        // Ends with the process, whose end closes the pipe.
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                collector.change(|collected| collected.lines.push(line));
            }
            collector.change(|collected| collected.is_closed = true);
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.collected.lock().expect("nobody panics with it")
    }

    fn change(&self, change: impl FnOnce(&mut Collected)) {
        change(&mut self.lock());
        self.0.changed.notify_all();
    }

    pub(crate) fn text(&self) -> String {
        let collected = self.lock();
        collected
            .lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Waits until `find` finds something; none when `time` is over or the pipe has closed.
    pub(crate) fn wait_for<T>(
        &self,
        time: Duration,
        find: impl Fn(&[String]) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + time;
        let mut collected = self.lock();
        loop {
            let found = find(&collected.lines);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || left.is_zero() || collected.is_closed {
                return found;
            }
            let waited = self.0.changed.wait_timeout(collected, left);
            collected = waited.expect("nobody panics with it").0;
        }
    }

    /// True when the pipe has closed.
    fn wait_until_closed(&self, deadline: Instant) -> bool {
        let mut collected = self.lock();
        while !collected.is_closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.changed.wait_timeout(collected, left);
            collected = waited.expect("nobody panics with it").0;
        }
        true
    }
}
