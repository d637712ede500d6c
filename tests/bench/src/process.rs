//! A running server as the kernel sees it: processor time, memory, threads, context switches.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Time for a server to say where it listens.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Time between the request to stop and the end by force.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// The machine's free memory is at rest when it has moved by less than this...
const SETTLED_KIB: f64 = 512.0;
/// ... between so many looks ...
const SETTLED_STEPS: u32 = 4;
/// ... with so much time between them.
const SETTLED_STEP: Duration = Duration::from_millis(250);
const SETTLED_WITHIN: Duration = Duration::from_secs(8);
/// What every server's line of stdout begins with.
const ANNOUNCEMENT: &str = "listening on ";
/// Kernel stack of one thread on the platforms we know.
const KERNEL_STACK_KIB: f64 = 16.0;

/// A server that listens; stopped when dropped.
pub struct Process {
    child: Child,
    address: SocketAddr,
    /// Held so that a server that prints more does not fail.
    _stdout: mpsc::Receiver<BufReader<ChildStdout>>,
}

/// What the kernel holds for a process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident pages, in KiB.
    pub resident_kib: f64,
    /// Kernel stacks and page tables, in KiB.
    pub kernel_kib: f64,
}

impl Process {
    /// Starts a server and waits until it says where it listens.
    ///
    /// # Errors
    /// It cannot be run, or ends or stays silent.
    pub fn start(mut command: Command) -> Result<Process, String> {
        let name = format!("{command:?}");
        let failed = |what: &dyn std::fmt::Display| format!("{name}: {what}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let (found, address) = mpsc::channel();
        let (done, kept) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while stdout.read_line(&mut line).is_ok_and(|count| count > 0) {
                if let Some(text) = line.trim().strip_prefix(ANNOUNCEMENT) {
                    // Behind a comma it says what is spoken there.
                    let address = text.split(',').next().unwrap_or_default();
                    // Nobody waits any more where the server took too long.
                    found.send(address.parse::<SocketAddr>()).ok();
                    done.send(stdout).ok();
                    return;
                }
                line.clear();
            }
        });
        let address = match address.recv_timeout(START_TIMEOUT) {
            Ok(Ok(address)) => address,
            other => {
                child.kill().ok();
                child.wait().ok();
                return Err(failed(&format!("did not say where it listens ({other:?})")));
            }
        };
        Ok(Process {
            child,
            address,
            _stdout: kept,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// It, and the processes that it has started and that live: a server may do its work in those.
    pub fn ids(&self) -> Vec<u32> {
        let mut ids = vec![self.id()];
        let mut at = 0;
        while let Some(id) = ids.get(at) {
            let children = read_or_nothing(&format!("/proc/{id}/task/{id}/children"));
            ids.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
            at += 1;
        }
        ids
    }

    /// Processor time of all its threads since the start, the ended ones too, in nanoseconds' steps.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu(&self) -> Result<Duration, String> {
        let of = |id: u32| clock_gettime(clock_getcpuclockid(Pid::from_raw(id as i32))?);
        let times = self.ids().into_iter().map(|id| of(id).map(Duration::from));
        times
            .sum::<Result<Duration, _>>()
            .map_err(|error| format!("the server has ended: {error}"))
    }

    /// Pages that all its threads have touched first since the start, the ended ones too: page faults that wait for no disk.
    ///
    /// # Errors
    /// It has ended.
    pub fn page_faults(&self) -> Result<f64, String> {
        let of = |id: u32| {
            let file = format!("/proc/{id}/stat");
            let stat = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
            faults(&stat).ok_or_else(|| format!("{file}: no page faults in it"))
        };
        self.ids().into_iter().map(of).sum()
    }

    /// Asks it to stop, as a service manager does.
    pub fn ask_to_stop(&self) {
        // It may have ended by itself.
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).ok();
    }

    /// Memory now.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> Result<Memory, String> {
        let mut memory = Memory {
            resident_kib: 0.0,
            kernel_kib: 0.0,
        };
        for id in self.ids() {
            let file = format!("/proc/{id}/status");
            let status = fs::read_to_string(file).map_err(|error| error.to_string())?;
            let threads = field(&status, "Threads:");
            memory.resident_kib += field(&status, "VmRSS:");
            memory.kernel_kib += threads * KERNEL_STACK_KIB + field(&status, "VmPTE:");
        }
        Ok(memory)
    }

    /// Context switches of all threads that live now, since their start.
    pub fn context_switches(&self) -> f64 {
        let folders = self.ids().into_iter().map(|id| format!("/proc/{id}/task"));
        let tasks = folders.filter_map(|folder| fs::read_dir(folder).ok());
        tasks
            .flatten()
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
            .map(|status| {
                field(&status, "voluntary_ctxt_switches:")
                    + field(&status, "nonvoluntary_ctxt_switches:")
            })
            .sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_stop();
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            // The standard library has no wait with a deadline.
            thread::sleep(Duration::from_millis(2));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Resident memory of this program, in KiB.
pub fn own_resident_kib() -> f64 {
    field(&read_or_nothing("/proc/self/status"), "VmRSS:")
}

/// What the whole machine has left (`MemAvailable`), in KiB, once that has stopped moving, or at last when something
/// else is at work here: the figure is then as bad as every other on such a machine.
pub fn settled_available_kib() -> f64 {
    let deadline = Instant::now() + SETTLED_WITHIN;
    let (mut before, mut still) = (available_kib(), 0);
    while still < SETTLED_STEPS && Instant::now() < deadline {
        thread::sleep(SETTLED_STEP);
        let now = available_kib();
        let has_moved = (now - before).abs() >= SETTLED_KIB;
        still = if has_moved { 0 } else { still + 1 };
        before = now;
    }
    before
}

fn available_kib() -> f64 {
    // Root may have the counts of each processor added up, and its own stock of free pages given back; without
    // that the figure is a few MiB less exact.
    for file in ["/proc/sys/vm/compact_memory", "/proc/sys/vm/stat_refresh"] {
        fs::write(file, "1").ok();
    }
    field(&read_or_nothing("/proc/meminfo"), "MemAvailable:")
}

fn read_or_nothing(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// A number of /proc/PID/status or /proc/meminfo; zero where it is missing.
fn field(status: &str, name: &str) -> f64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0.0)
}

/// The tenth field of /proc/PID/stat, whose second, a program's name, may hold spaces and brackets (proc(5)).
fn faults(stat: &str) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    behind_name.split_whitespace().nth(7)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{faults, field};

    #[test]
    fn page_faults_are_found_behind_any_name() {
        let stat = "17 (a (b) 1 2 3 4 5 6 7 8 9) S 1 17 17 0 -1 4194560 2468 11 3 0 9 9\n";
        assert_eq!(faults(stat), Some(2468.0));
        assert_eq!(faults("17 (a) S 1"), None);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status =
            "nonvoluntary_ctxt_switches:\t3\nvoluntary_ctxt_switches:\t4\nVmRSS:\t 12 kB\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 4.0);
        assert_eq!(field(status, "VmRSS:"), 12.0);
        assert_eq!(field(status, "VmSwap:"), 0.0);
    }
}
