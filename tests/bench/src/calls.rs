//! System calls of a server, as `perf stat` counts them; where perf is missing or may not, nobody knows.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const EVENT: &str = "raw_syscalls:sys_enter";

/// A running count.
pub struct Calls {
    perf: Child,
    folder: PathBuf,
}

impl Calls {
    /// Begins to count the calls of all threads of these processes; pipes go into `folder`.
    ///
    /// None where perf cannot: no perf, no right to it, too many threads.
    pub fn count(processes: &[u32], folder: &Path) -> Option<Calls> {
        let folder = folder.join("perf");
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).ok()?;
        let (control, answer) = (folder.join("control"), folder.join("answer"));
        let made = Command::new("mkfifo").arg(&control).arg(&answer).status();
        made.ok().filter(std::process::ExitStatus::success)?;
        let ids: Vec<_> = processes.iter().map(u32::to_string).collect();
        let perf = Command::new("perf")
            .args(["stat", "-x", ",", "-D", "-1", "-e", EVENT])
            .args(["-p", &ids.join(",")])
            .arg("--control")
            .arg(format!("fifo:{},{}", control.display(), answer.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut calls = Calls { perf, folder };
        calls.enable(&control, &answer)?;
        Some(calls)
    }

    /// Tells perf to begin and waits until it says that it has.
    fn enable(&mut self, control: &Path, answer: &Path) -> Option<()> {
        // For reading and writing, so that a perf that has given up leaves nobody blocked in `open`.
        let open = |path| File::options().read(true).write(true).open(path).ok();
        let (mut control, answer) = (open(control)?, open(answer)?);
        control.write_all(b"enable\n").ok()?;
        let mut set = [rustix::event::PollFd::new(
            &answer,
            rustix::event::PollFlags::IN,
        )];
        let timeout = rustix::event::Timespec {
            tv_sec: 10,
            tv_nsec: 0,
        };
        let ready = rustix::event::poll(&mut set, Some(&timeout)).ok()?;
        (ready > 0 && matches!(self.perf.try_wait(), Ok(None))).then_some(())
    }

    /// Ends the count.
    pub fn end(mut self) -> Option<f64> {
        kill(Pid::from_raw(self.perf.id() as i32), Signal::SIGINT).ok()?;
        let mut text = String::new();
        self.perf.stderr.take()?.read_to_string(&mut text).ok()?;
        text.lines()
            .find(|line| line.contains(EVENT))?
            .split(',')
            .next()?
            .parse()
            .ok()
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // It has ended where all went well.
        self.perf.kill().ok();
        self.perf.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}
