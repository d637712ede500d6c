//! The real server as a child process: its log, its signals, its end, and a look from outside.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};

use crate::closes;
use crate::kept_port::KeptPort;
use crate::process::Process;
use crate::setup::CONFIGURATION;
use crate::{DEADLINE, Raw, Setup, by_tls, wait_until};

/// A running server. Dropping it stops it, which has to leave nothing behind; [`Server::kill`] is for
/// tests that leave a plugin blocking on purpose.
pub struct Server {
    setup: Setup,
    process: Process,
    address: SocketAddr,
    /// Of one that has ended and may be started again.
    kept: Option<KeptPort>,
}

impl Server {
    /// Starts a server with echo, chat and push.
    #[track_caller]
    pub fn start() -> Server {
        Setup::new().plugins(&["echo", "chat", "push"]).start()
    }

    #[track_caller]
    pub(crate) fn start_with(setup: Setup) -> Server {
        let process = Process::spawn(&mut setup.command("127.0.0.1:0"));
        let address = first_address(&process);
        Server {
            setup,
            process,
            address,
            kept: None,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has printed so far: at least everything up to the first listener.
    pub fn printed(&self) -> Vec<String> {
        self.process.output.all()
    }

    /// Waits until it has printed so many lines, and gives them.
    #[track_caller]
    pub fn wait_until_printed(&self, count: usize) -> Vec<String> {
        let printed = self.process.output.wait_for(DEADLINE, |lines| {
            (lines.len() >= count).then(|| lines.to_vec())
        });
        printed.unwrap_or_else(|| panic!("not {count} lines: {:#?}", self.printed()))
    }

    /// Where it listens in a way that its line ends with, such as `, for insiders`.
    #[track_caller]
    pub fn listener(&self, way: &str) -> SocketAddr {
        let printed = self.process.output.wait_for(DEADLINE, |lines| {
            let mut found = lines.iter().filter_map(|line| {
                let address = line.strip_prefix("listening on ")?;
                address.strip_suffix(way)?.parse().ok()
            });
            found.next()
        });
        printed.unwrap_or_else(|| panic!("no listener{way}: {:#?}", self.printed()))
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The user that it runs as; none for ours.
    pub(crate) fn user(&self) -> Option<u32> {
        self.setup.user()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops every thread of it where it is, until SIGCONT. The signal alone only asks for that: one thread takes it, and
    /// on a busy machine the others run on for a while.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        wait_until("all its threads stand still", || {
            let threads = fs::read_dir(format!("/proc/{}/task", self.pid()));
            threads.expect("the process is there").all(|thread| {
                let thread = thread.expect("its threads can be listed");
                let status = fs::read_to_string(thread.path().join("stat"));
                // A name may hold anything, and its end is the last parenthesis.
                status.is_ok_and(|status| {
                    status
                        .rsplit_once(") ")
                        .is_some_and(|(_, rest)| rest.starts_with('T'))
                })
            })
        });
    }

    /// Writes the configuration file anew, without a reload.
    #[track_caller]
    pub fn configure(&self, text: &str) {
        let file = self.folder().join(CONFIGURATION);
        let text = by_tls::configured(text, self.folder());
        fs::write(file, text).expect("the folder can be written");
    }

    /// Writes the configuration file anew and reloads; gives the reload's last line.
    #[track_caller]
    pub fn reload_with(&self, text: &str) -> String {
        self.configure(text);
        self.reload()
    }

    /// Sends SIGHUP and waits until the reload is over; gives its last line.
    #[track_caller]
    pub fn reload(&self) -> String {
        let is_last = |line: &&String| line.contains(" reload") && line.contains(" done: ");
        let done = |lines: &[String]| lines.iter().filter(is_last).cloned().collect::<Vec<_>>();
        let before = done(&self.process.log.all()).len();
        self.signal(Signal::HUP);
        let line = self
            .process
            .log
            .wait_for(DEADLINE, |lines| done(lines).get(before).cloned());
        line.unwrap_or_else(|| panic!("the reload does not end:\n{}", self.log()))
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
        self.check_closes();
    }

    /// Ends it without a stop, which would wait in vain for a plugin that blocks on purpose.
    #[track_caller]
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// `on_close` came once for each `on_open`.
    #[track_caller]
    fn check_closes(&self) {
        let log = self.log();
        if let Some(mismatch) = closes::mismatch(&log) {
            panic!("{mismatch}:\n{log}");
        }
    }

    /// Starts it again on the same port.
    #[track_caller]
    pub fn start_again(&mut self) {
        let address = self.address.to_string();
        self.process = Process::spawn(&mut self.setup.command(&address));
        self.address = first_address(&self.process);
        self.kept = None;
    }

    /// Waits for its end. From the moment on that it listens no more nobody else gets its port.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        while self.is_running() && Instant::now() < deadline {
            self.kept = KeptPort::of(self.address).ok();
            if self.kept.is_some() {
                break;
            }
            thread::park_timeout(Duration::from_millis(1));
        }
        self.process.wait()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        !self.process.has_ended()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.log.text()
    }

    /// Waits for a log line that holds all of `parts`, and gives it.
    #[track_caller]
    pub fn wait_for_log(&self, parts: &[&str]) -> String {
        self.log_line_within(DEADLINE, parts)
            .unwrap_or_else(|| panic!("no log line with {parts:?}:\n{}", self.log()))
    }

    /// The first log line that holds all of `parts`; none where none comes within `time`.
    pub fn log_line_within(&self, time: Duration, parts: &[&str]) -> Option<String> {
        self.process.log.wait_for(time, |lines| {
            lines.iter().find(|line| has_all(line, parts)).cloned()
        })
    }

    /// Waits until `count` log lines hold all of `parts`, and asserts that no more do. The log has a thread of
    /// its own, so that what was seen to happen need not stand in it yet.
    #[track_caller]
    pub fn assert_logged(&self, count: usize, parts: &[&str]) {
        let is_there = |lines: &[String]| {
            let found = lines.iter().filter(|line| has_all(line, parts)).count();
            (found >= count).then_some(found)
        };
        let found = self.process.log.wait_for(DEADLINE, is_there);
        assert_eq!(
            found.unwrap_or_else(|| self.count_log(parts)),
            count,
            "lines with {parts:?}:\n{}",
            self.log()
        );
    }

    /// Log lines so far that hold all of `parts`: for one who asks again and again, or for what must not
    /// be there, behind a line that came later.
    pub fn count_log(&self, parts: &[&str]) -> usize {
        self.log()
            .lines()
            .filter(|line| has_all(line, parts))
            .count()
    }

    /// Waits until it has read every byte that these clients have sent.
    #[track_caller]
    pub fn wait_until_it_has_read<'a>(&self, clients: impl IntoIterator<Item = &'a Raw>) {
        let ports: Vec<u16> = clients.into_iter().map(Raw::port).collect();
        wait_until("the server has read it", || {
            let unread = self.ports_with_unread_bytes();
            !ports.iter().any(|port| unread.contains(port))
        });
    }

    /// Whether bytes of this client wait in the server's socket.
    pub fn has_unread_bytes(&self, client: &Raw) -> bool {
        self.ports_with_unread_bytes().contains(&client.port())
    }

    /// Ports of clients from which bytes wait in the server's sockets.
    fn ports_with_unread_bytes(&self) -> Vec<u16> {
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.pid()));
        let table = table.expect("the process is there");
        let port = |address: &str| {
            let (_, port) = address.split_once(':').expect("address:port");
            u16::from_str_radix(port, 16).expect("the kernel writes hexadecimal numbers")
        };
        let printed = self.printed();
        let listeners = printed.iter().filter_map(|line| {
            let place = line.strip_prefix("listening on ")?.split(',').next()?;
            place.parse().ok().map(|of: SocketAddr| of.port())
        });
        let own_ports: Vec<u16> = listeners.chain([self.address.port()]).collect();
        let unread = |line: &str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (own, peer, queues) = (port(fields[1]), port(fields[2]), fields[4]);
            (own_ports.contains(&own) && !queues.ends_with(":00000000")).then_some(peer)
        };
        table.lines().skip(1).filter_map(unread).collect()
    }

    /// Waits until its one connection thread sleeps, which it does in a read once it has done what it was asked for.
    #[track_caller]
    pub fn wait_until_its_client_sleeps(&self) {
        wait_until("the client's thread sleeps", || {
            let mut stats = self.stats_of_threads();
            stats.any(|stat| stat.contains(" (client-") && stat.contains(") S "))
        });
    }

    /// Whether each of its threads waits for something, and none for its turn on the processor.
    pub fn all_threads_sleep(&self) -> bool {
        self.stats_of_threads().all(|stat| stat.contains(") S "))
    }

    /// What proc(5) says of each of its threads.
    fn stats_of_threads(&self) -> impl Iterator<Item = String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok())
    }

    /// Its threads now.
    pub fn threads(&self) -> usize {
        self.count_entries("task")
    }

    /// The names of its threads now.
    pub fn thread_names(&self) -> Vec<String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid()));
        threads
            .expect("the process is there")
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok())
            .map(|name| name.trim_end().to_owned())
            .collect()
    }

    /// How long each of its threads has been on a processor, by number and name.
    pub fn times_of_threads(&self) -> BTreeMap<(u32, String), Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        tasks
            .filter_map(|task| {
                let path = task.ok()?.path();
                let number = path.file_name()?.to_str()?.parse().ok()?;
                let name = fs::read_to_string(path.join("comm")).ok()?;
                // In nanoseconds, where `stat` counts hundredths of a second.
                let times = fs::read_to_string(path.join("schedstat")).ok()?;
                let time = times.split(' ').next()?.parse().ok()?;
                Some((
                    (number, name.trim_end().to_owned()),
                    Duration::from_nanos(time),
                ))
            })
            .collect()
    }

    /// Its open files now.
    pub fn open_files(&self) -> usize {
        self.count_entries("fd")
    }

    fn count_entries(&self, folder: &str) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/{folder}", self.pid()));
        entries.expect("the process is there").count()
    }

    /// Its resident memory now.
    pub fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// Memory that it has reserved for data of its own, touched or not.
    pub fn data_kib(&self) -> u64 {
        self.status_kib("VmData:")
    }

    /// Its address space now, reserved or used.
    pub fn address_space_kib(&self) -> u64 {
        self.status_kib("VmSize:")
    }

    /// The most resident memory that it has had.
    pub fn peak_resident_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    /// Processor time that it has used so far.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.expect("the process is there");
        // Behind the name, which may hold anything (proc(5)): fields 14 and 15 of all.
        let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .sum();
        Duration::from_millis(ticks * 1000 / clock_ticks_per_second())
    }

    /// Sets a soft limit of the running process, and gives the one before.
    pub fn set_limit(&self, resource: Resource, limit: Option<u64>) -> Option<u64> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let set = |current, maximum| {
            let new = Rlimit { current, maximum };
            prlimit(pid, resource, new).expect("the process is there and is ours")
        };
        let maximum = getrlimit(resource).maximum;
        set(limit, maximum).current
    }

    fn status_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("the kernel tells it in KiB")
    }
}

/// Waits until the server listens, and gives the first address.
#[track_caller]
fn first_address(process: &Process) -> SocketAddr {
    let address = process.output.wait_for(DEADLINE, |lines| {
        let mut addresses = lines
            .iter()
            .filter_map(|line| line.strip_prefix("listening on "));
        addresses.next().map(str::to_owned)
    });
    let address = address.unwrap_or_else(|| {
        // The reason comes through another pipe, which closes with the process.
        process.log.wait_for(Duration::from_secs(2), |_| None::<()>);
        panic!("the server does not start:\n{}", process.log.text())
    });
    address.parse().expect("an address")
}

fn has_all(line: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| line.contains(part))
}

impl Drop for Server {
    /// Stops it where the test has not waited for its end, so that every test also sees whether it
    /// ends, leaves nothing behind and has closed each client once.
    fn drop(&mut self) {
        if thread::panicking() {
            return eprint_log(&self.log());
        }
        if self.process.was_awaited() {
            return;
        }
        let has_ended = self.process.has_ended();
        assert!(!has_ended, "it ended by itself:\n{}", self.log());
        self.stop();
        let log = self.log();
        let left_behind = LEFT_BEHIND.iter().find(|words| log.contains(**words));
        assert_eq!(left_behind, None, "in the log of the stop:\n{log}");
    }
}

/// What a server logs whose stop did not wait for everything.
const LEFT_BEHIND: [&str; 2] = ["not waited for: ", "did not end in time and are cut off"];

#[allow(clippy::print_stderr)] // for people who read why a test failed
fn eprint_log(log: &str) {
    eprintln!("--- the server's log ---\n{log}--- end of the log ---");
}
