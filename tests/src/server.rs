//! The real server as a child process: its plugins folder, its log, its signals, its end.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{DEADLINE, artifacts};

/// What a server is started with.
pub struct Setup {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

impl Setup {
    /// A server without plugins on a free port of the loopback address.
    pub fn new() -> Setup {
        let folder = TempDir::new().expect("a temporary folder");
        fs::create_dir(folder.path().join("plugins")).expect("a folder in it");
        Setup {
            folder,
            arguments: Vec::new(),
        }
    }

    /// Puts plugins of the workspace into the plugins folder.
    pub fn plugins(self, names: &[&str]) -> Setup {
        for name in names {
            let from = artifacts::library(name);
            let to = self
                .plugins_folder()
                .join(from.file_name().expect("a library has a name"));
            fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        }
        self
    }

    /// Puts a file of these bytes into the plugins folder.
    pub fn file(self, name: &str, bytes: &[u8]) -> Setup {
        fs::write(self.plugins_folder().join(name), bytes).expect("the folder can be written");
        self
    }

    /// Adds arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Setup {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// The folder that the server loads plugins from.
    pub fn plugins_folder(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// A folder that lives as long as the server, for log files and the like.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server and waits until it listens.
    #[track_caller]
    pub fn start(self) -> Server {
        let running = Running::spawn(&self, "127.0.0.1:0");
        let mut server = Server {
            setup: self,
            running,
            lines: Vec::new(),
            address: None,
        };
        server.read_start();
        server
    }

    /// Runs the server until it ends by itself.
    #[track_caller]
    pub fn run(self) -> Finished {
        let mut running = Running::spawn(&self, "127.0.0.1:0");
        let status = running.wait(DEADLINE);
        let mut stdout = String::new();
        if let Some(mut pipe) = running.child.stdout.take() {
            pipe.read_to_string(&mut stdout).expect("stdout is UTF-8");
        }
        Finished {
            code: status.code(),
            stdout,
            stderr: running.log.finished(),
        }
    }
}

/// A server that ended by itself.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
}

/// A running server. Dropping it kills it.
pub struct Server {
    setup: Setup,
    running: Running,
    lines: Vec<String>,
    address: Option<SocketAddr>,
}

impl Server {
    /// Starts a server with echo, chat and push.
    #[track_caller]
    pub fn start() -> Server {
        Setup::new().plugins(&["echo", "chat", "push"]).start()
    }

    /// Reads what it prints at the start, up to the address that it listens on.
    #[track_caller]
    fn read_start(&mut self) {
        let stdout = self.running.child.stdout.take().expect("stdout is a pipe");
        let (sender, lines) = std::sync::mpsc::channel();
        // Ends with the process, whose end closes the pipe.
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        self.lines.clear();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = lines.recv_timeout(left) else {
                panic!("the server does not start:\n{}", self.log());
            };
            self.lines.push(line);
            let address = self
                .lines
                .last()
                .and_then(|line| line.strip_prefix("listening on "));
            if let Some(address) = address {
                self.address = Some(address.parse().expect("an address"));
                return;
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("it listens")
    }

    /// What it printed at the start, up to the first listener.
    pub fn start_lines(&self) -> &[String] {
        &self.lines
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Stops it by SIGTERM and waits; it has to end in good order.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert_eq!(
            status.code(),
            Some(0),
            "the server did not end in good order:\n{}",
            self.log()
        );
    }

    /// Starts it again on the same port.
    #[track_caller]
    pub fn start_again(&mut self) {
        let address = self.address().to_string();
        self.running = Running::spawn(&self.setup, &address);
        self.read_start();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.running.wait(DEADLINE)
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.running
            .child
            .try_wait()
            .expect("the child can be asked")
            .is_none()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.running.log.text()
    }

    /// Waits for a log line that holds all of `parts`, and gives it.
    #[track_caller]
    pub fn wait_for_log(&self, parts: &[&str]) -> String {
        let is_it = |line: &String| parts.iter().all(|part| line.contains(part));
        let found = self.running.log.wait_for(DEADLINE, |lines| {
            lines.iter().find(|line| is_it(line)).cloned()
        });
        found.unwrap_or_else(|| panic!("no log line with {parts:?}:\n{}", self.log()))
    }

    /// Log lines so far that hold all of `parts`.
    pub fn count_log(&self, parts: &[&str]) -> usize {
        let log = self.log();
        log.lines()
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .count()
    }

    /// Its threads now.
    pub fn threads(&self) -> usize {
        count(&format!("/proc/{}/task", self.pid()))
    }

    /// Its open files now.
    pub fn open_files(&self) -> usize {
        count(&format!("/proc/{}/fd", self.pid()))
    }

    /// Its resident memory now.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("the kernel tells it in KiB")
    }
}

fn count(folder: &str) -> usize {
    fs::read_dir(folder).expect("the process is there").count()
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprint_log(&self.log());
        }
    }
}

#[allow(clippy::print_stderr)] // for people who read why a test failed
fn eprint_log(log: &str) {
    eprintln!("--- the server's log ---\n{log}--- end of the log ---");
}

struct Running {
    child: Child,
    log: Log,
}

impl Running {
    #[track_caller]
    fn spawn(setup: &Setup, address: &str) -> Running {
        let mut child = Command::new(artifacts::server())
            .arg("--plugins")
            .arg(setup.plugins_folder())
            .args(["--listen", address])
            .args(&setup.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's binary can be run");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        Running {
            child,
            log: Log::collect(stderr),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the child has not been waited for");
    }

    #[track_caller]
    fn wait(&mut self, time: Duration) -> ExitStatus {
        let deadline = Instant::now() + time;
        // The log's pipe closes when the process ends, so that nobody has to look again and again.
        self.log.wait_until_closed(deadline);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status;
            }
            thread::yield_now();
        }
        panic!("the server does not end:\n{}", self.log.text());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Lines that a thread collects from a pipe.
#[derive(Clone)]
struct Log(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    is_closed: bool,
}

impl Log {
    fn collect(pipe: impl Read + Send + 'static) -> Log {
        let log = Log(Arc::default());
        let collector = log.clone();
        // Ends with the process, whose end closes the pipe.
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                collector.change(|collected| collected.lines.push(line));
            }
            collector.change(|collected| collected.is_closed = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut Collected)) {
        change(&mut self.0.0.lock().expect("nobody panics with the log"));
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        let collected = self.0.0.lock().expect("nobody panics with the log");
        collected
            .lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    fn finished(&self) -> String {
        self.wait_until_closed(Instant::now() + DEADLINE);
        self.text()
    }

    fn wait_for<T>(&self, time: Duration, find: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + time;
        let mut collected = self.0.0.lock().expect("nobody panics with the log");
        loop {
            let found = find(&collected.lines);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || left.is_zero() || collected.is_closed {
                return found;
            }
            collected = self
                .0
                .1
                .wait_timeout(collected, left)
                .expect("nobody panics with the log")
                .0;
        }
    }

    fn wait_until_closed(&self, deadline: Instant) {
        let mut collected = self.0.0.lock().expect("nobody panics with the log");
        while !collected.is_closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            collected = self
                .0
                .1
                .wait_timeout(collected, left)
                .expect("nobody panics with the log")
                .0;
        }
    }
}

impl Finished {
    /// Asserts how it ended.
    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
    }
}
