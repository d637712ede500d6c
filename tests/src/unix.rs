//! Clients by a unix socket, and servers that are reached by nothing else.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Signal, getegid, geteuid, getpid};

use crate::process::{Finished, Process};
use crate::{Client, DEADLINE, Refused, Setup, wait_until};

/// Connects; every read fails the test after [`DEADLINE`].
#[track_caller]
pub fn stream(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("the server listens");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    stream
}

/// Waits until somebody listens at `path`, without a connection, which may be what that waits for. The file is there before.
#[track_caller]
pub fn wait_until_it_listens(path: &Path) {
    // See proc_net_unix(5): the flag of a socket that accepts connections, and its path, last.
    let path = path.to_str().expect("paths of the tests are text");
    let listens = |line: &str| {
        let mut words = line.split_whitespace();
        words.nth(3) == Some("00010000") && words.last() == Some(path)
    };
    wait_until("it listens", || {
        let sockets = fs::read_to_string("/proc/net/unix").expect("the kernel tells");
        sockets.lines().any(listens)
    });
}

/// Connects to a route, and asks for it by `host`.
///
/// # Errors
/// The server answers something else than 101.
#[track_caller]
pub fn connect_as(
    host: &str,
    path: &Path,
    route: &str,
    headers: &[(&str, &str)],
) -> Result<Client<UnixStream>, Refused> {
    Client::over(stream(path), &format!("ws://{host}{route}"), headers)
}

/// Connects to a route.
///
/// # Errors
/// The server answers something else than 101.
#[track_caller]
pub fn connect(
    path: &Path,
    route: &str,
    headers: &[(&str, &str)],
) -> Result<Client<UnixStream>, Refused> {
    connect_as("localhost", path, route, headers)
}

/// What `/probe` says of the request of who is connected to it.
#[track_caller]
pub fn request_of_probe<S: Read + Write>(client: &mut Client<S>) -> String {
    client.send("request");
    loop {
        // Those who came before it may leave meanwhile, and the probe tells of that.
        let text = client.text();
        if text.starts_with("method=") {
            return text;
        }
    }
}

/// Sends `request` and nothing more, and reads all that comes.
#[track_caller]
pub fn answer(path: &Path, request: &str) -> String {
    let mut stream = stream(path);
    stream
        .write_all(request.as_bytes())
        .expect("the connection stands");
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("a live socket");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the server answers");
    answer
}

/// What the server calls a client of this process.
pub fn ourselves() -> String {
    let (pid, uid, gid) = (getpid(), geteuid(), getegid());
    let pid = pid.as_raw_nonzero();
    format!("unix:pid={pid},uid={},gid={}", uid.as_raw(), gid.as_raw())
}

/// A server that was started and may not run for long. Dropping it stops it.
pub struct Running {
    process: Process,
    setup: Setup,
}

impl Running {
    /// Starts it without waiting for anything.
    #[track_caller]
    pub fn start(setup: Setup) -> Running {
        let process = Process::spawn(&mut setup.bare_command());
        Running { process, setup }
    }

    /// Starts it as systemd starts a service whose socket unit has bound `socket` and calls it `name`: as the
    /// descriptor 3, told of by the environment.
    #[track_caller]
    pub fn start_passing(setup: Setup, socket: impl Into<OwnedFd>, name: &str) -> Running {
        let line = format!(
            "exec 3<&0 </dev/null && export LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES={name}"
        );
        let setup = setup.after_shell(&line);
        let input = Stdio::from(socket.into());
        let process = Process::spawn_with(&mut setup.bare_command(), input);
        Running { process, setup }
    }

    /// Runs any program that starts a server.
    #[track_caller]
    pub fn start_by(command: &mut Command, setup: Setup) -> Running {
        let process = Process::spawn(command);
        Running { process, setup }
    }

    /// Waits until its log has a line that holds `part`.
    #[track_caller]
    pub fn wait_for_log(&self, part: &str) {
        let has_part = |line: &String| line.contains(part);
        let log = &self.process.log;
        let found = log.wait_for(DEADLINE, |lines| lines.iter().any(has_part).then_some(()));
        found.unwrap_or_else(|| panic!("no line with {part}:\n{}", log.text()));
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// What it was started with.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Waits until it has printed a line that begins so.
    #[track_caller]
    pub fn wait_for_output(&self, beginning: &str) {
        let begins = |line: &String| line.starts_with(beginning);
        let found = self
            .process
            .output
            .wait_for(DEADLINE, |lines| lines.iter().any(begins).then_some(()));
        let log = || self.process.log.text();
        found.unwrap_or_else(|| panic!("no line {beginning}...:\n{}", log()));
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Stops it as a service manager does, and waits.
    #[track_caller]
    pub fn stop(self) -> Finished {
        self.process.signal(Signal::TERM);
        self.process.finish()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn finish(self) -> Finished {
        self.process.finish()
    }
}
