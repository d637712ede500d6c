//! How much memory this process may have, and who says so.
//!
//! Read once at start by the main thread.

use std::fmt;
use std::fs;
use std::path::Path;

use bytesize::ByteSize;
use rustix::process::{Resource, getrlimit};

use super::control_group::{self, Controller};

/// The least of what bounds this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// In bytes; as many as one can count where nothing is known.
    pub bytes: u64,
    whose: &'static str,
}

impl fmt::Display for Available {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", ByteSize(self.bytes), self.whose)
    }
}

impl Available {
    /// Looks.
    pub fn look() -> Available {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Available::least([
            ("the machine", total_of(&meminfo)),
            (
                "its control group",
                control_group::lowest(&MEMORY, Path::new("/")),
            ),
            ("ulimit -v", getrlimit(Resource::As).current),
        ])
    }

    fn least(limits: [(&'static str, Option<u64>); 3]) -> Available {
        let known = limits.into_iter().filter_map(|(whose, bytes)| {
            let bytes = bytes?;
            Some(Available { bytes, whose })
        });
        known.min_by_key(|one| one.bytes).unwrap_or(Available {
            bytes: u64::MAX,
            whose: "a machine that does not tell",
        })
    }
}

const MEMORY: Controller = Controller {
    name: "memory",
    file: "memory.max",
    file_of_version_1: "memory.limit_in_bytes",
};

/// `MemTotal` of proc_meminfo(5).
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Available, total_of};

    #[test]
    fn the_least_counts_and_is_named() {
        let told = |machine, group, address| {
            Available::least([("a", machine), ("b", group), ("c", address)]).to_string()
        };
        assert_eq!(told(Some(4 << 30), Some(512 << 20), None), "512.0 MiB of b");
        assert_eq!(told(Some(4 << 30), Some(u64::MAX), None), "4.0 GiB of a");
        assert_eq!(told(Some(4 << 30), None, Some(1 << 20)), "1.0 MiB of c");
        let nothing = Available::least([("a", None), ("b", None), ("c", None)]);
        assert_eq!(nothing.bytes, u64::MAX);
    }

    #[test]
    fn the_memory_of_the_machine_is_read() {
        let meminfo = "MemTotal:         948304 kB\nMemFree:          80 kB\n";
        assert_eq!(total_of(meminfo), Some(948_304 * 1024));
        assert_eq!(total_of(""), None);
        assert!(Available::look().bytes < 1 << 50, "this machine tells it");
    }
}
