//! What the kernel counts of this process: memory, threads, files, processor time.
//!
//! Reads a few small files of `/proc` (proc(5)), which blocks on nothing. What cannot be read is zero.

use std::fs;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, getrlimit};
use serde::Serialize;

/// The process at one moment.
#[derive(Debug, Default, Serialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) resident_bytes: u64,
    pub(super) peak_resident_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    pub(super) open_files_max: u64,
    pub(super) cpu_seconds: f64,
    /// Kernel buffers of TCP of the whole machine, or of the network namespace, which are no memory of the
    /// process.
    pub(super) kernel_tcp_bytes: u64,
}

pub(super) fn read() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.unwrap_or(0)
    };
    Process {
        pid: std::process::id(),
        resident_bytes: field("VmRSS:") * 1024,
        peak_resident_bytes: field("VmHWM:") * 1024,
        threads: field("Threads:"),
        // One of them is the folder itself, open while it is read.
        open_files: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64 - 1),
        open_files_max: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        cpu_seconds: cpu_seconds().unwrap_or(0.0),
        kernel_tcp_bytes: kernel_tcp_bytes().unwrap_or(0),
    }
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: fields 14 and 15 of all.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Some(ticks as f64 / clock_ticks_per_second() as f64)
}

/// `TCP: inuse 5 orphan 0 tw 2 alloc 10 mem 3`, the last in pages.
fn kernel_tcp_bytes() -> Option<u64> {
    let sockets = fs::read_to_string("/proc/net/sockstat").ok()?;
    let line = sockets.lines().find(|line| line.starts_with("TCP:"))?;
    let pages: u64 = line.rsplit_once(" mem ")?.1.trim().parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_memory_threads_and_files() {
        let process = super::read();
        assert!(process.resident_bytes > 100_000, "{process:?}");
        assert!(process.peak_resident_bytes >= process.resident_bytes);
        assert!(
            process.threads >= 1 && process.open_files >= 3,
            "{process:?}"
        );
        assert!(process.open_files_max >= process.open_files);
    }
}
