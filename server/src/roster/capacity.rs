//! How many connections this machine allows, and which of its limits says so.
//!
//! Read once at start by the main thread. One connection takes one open file, one thread, and the
//! memory mappings of that thread.

use std::fmt;
use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::{
    CONNECTIONS_MAX, FILES_FEW, FILES_PER_LEAVING, FILES_RESERVED, LEAVING_LEAST, LEAVING_MAX,
    MAPPINGS_RESERVED, THREADS_RESERVED,
};
use crate::threads::Stacks;

/// The number of connections and what sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Connections at once.
    pub connections: u64,
    limit: &'static str,
    value: u64,
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Capacity {
            connections,
            limit,
            value,
        } = self;
        write!(f, "{connections} connections, limited by {limit} ({value})")
    }
}

/// Raises the soft limit of open files to the hard one. Where that is refused, the soft one holds.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .ok();
}

/// What a limit counts.
#[derive(Clone, Copy)]
enum Unit {
    Connections,
    Files,
    Mappings,
    Threads,
}

impl Unit {
    /// Connections that `value` of this unit is enough for.
    fn connections(self, value: u64, stacks: &Stacks) -> u64 {
        match self {
            Unit::Connections => value,
            Unit::Files => value.saturating_sub(FILES_RESERVED + leaving_of(value) - LEAVING_LEAST),
            Unit::Threads => value.saturating_sub(THREADS_RESERVED),
            Unit::Mappings => {
                stacks.threads_in(value.saturating_sub(own_mappings() + MAPPINGS_RESERVED))
            }
        }
    }
}

/// The lowest of this machine's limits and of `requested`, the user's own.
pub fn measure(requested: Option<u32>, stacks: &Stacks) -> Capacity {
    let is_root = rustix::process::getuid().is_root();
    let limits = [
        (
            "limits.connections, --max-connections",
            requested.map(u64::from),
            Unit::Connections,
        ),
        (
            "the size of the client table",
            Some(CONNECTIONS_MAX),
            Unit::Connections,
        ),
        (
            "open files, ulimit -n",
            getrlimit(Resource::Nofile).current,
            Unit::Files,
        ),
        (
            "vm.max_map_count",
            number("/proc/sys/vm/max_map_count"),
            Unit::Mappings,
        ),
        (
            "kernel.pid_max",
            number("/proc/sys/kernel/pid_max"),
            Unit::Threads,
        ),
        (
            "kernel.threads-max",
            number("/proc/sys/kernel/threads-max"),
            Unit::Threads,
        ),
        ("pids.max of the control group", pids_max(), Unit::Threads),
        // The limit of processes does not hold for root.
        (
            "processes of the user, ulimit -u",
            getrlimit(Resource::Nproc).current.filter(|_| !is_root),
            Unit::Threads,
        ),
    ];
    limits
        .into_iter()
        .filter_map(|(limit, value, unit)| {
            let value = value?;
            Some(Capacity {
                connections: unit.connections(value, stacks),
                limit,
                value,
            })
        })
        .min_by_key(|capacity| capacity.connections)
        .unwrap_or(Capacity {
            connections: 0,
            limit: "nothing that is known",
            value: 0,
        })
}

/// Sockets for which files are kept that have had their last word: refused connections, and those that
/// have ended.
pub fn leaving() -> usize {
    let files = getrlimit(Resource::Nofile).current;
    leaving_of(files.unwrap_or(u64::MAX)) as usize
}

fn leaving_of(files: u64) -> u64 {
    let more = files.saturating_sub(FILES_FEW) / FILES_PER_LEAVING;
    LEAVING_MAX.min(LEAVING_LEAST + more)
}

fn own_mappings() -> u64 {
    fs::read("/proc/self/maps").map_or(0, |maps| {
        maps.iter().filter(|&&byte| byte == b'\n').count() as u64
    })
}

/// A file of the kernel with one number; none where it is missing or says `max`.
fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The lowest `pids.max` of this process's control groups.
fn pids_max() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    pids_max_of(&groups, number)
}

/// As [`pids_max`], of the lines of cgroups(7): `0::/path` for version 2, `N:pids:/path` for version 1.
fn pids_max_of(groups: &str, number: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?);
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            of if of.split(',').any(|controller| controller == "pids") => "/sys/fs/cgroup/pids",
            _ => return None,
        };
        lowest_on_the_way(root, group, &number)
    });
    limits.min()
}

/// Of a group and all above it; in a container the root is the container's own.
fn lowest_on_the_way(
    root: &str,
    mut group: &str,
    number: &impl Fn(&str) -> Option<u64>,
) -> Option<u64> {
    let mut lowest: Option<u64> = None;
    loop {
        let limit = number(&format!("{root}{}/pids.max", group.trim_end_matches('/')));
        lowest = lowest.into_iter().chain(limit).min();
        match group.rsplit_once('/') {
            Some((parent, last)) if !last.is_empty() => group = parent,
            _ => return lowest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Unit, leaving_of, measure, pids_max_of};
    use crate::threads::Stacks;

    #[test]
    fn the_lowest_limit_is_named() {
        let stacks = Stacks::new();
        let capacity = measure(Some(7), &stacks);
        assert_eq!(
            capacity.to_string(),
            "7 connections, limited by limits.connections, --max-connections (7)"
        );
        assert!(measure(None, &stacks).connections < u64::from(u32::MAX));
        assert!(measure(Some(u32::MAX), &stacks).connections < u64::from(u32::MAX));
    }

    #[test]
    fn files_are_kept_for_the_last_words() {
        let stacks = Stacks::new();
        for (files, connections, leaving) in [
            (50, 0, 32),
            (130, 30, 32),
            (1_024, 828, 128),
            (20_000, 17_432, 2_500),
            (1 << 20, (1 << 20) - 100 - 4_096 + 32, 4_096),
        ] {
            assert_eq!(Unit::Files.connections(files, &stacks), connections);
            assert_eq!(leaving_of(files), leaving);
        }
    }

    #[test]
    fn the_lowest_of_the_control_groups_counts_whatever_their_version() {
        let number = |path: &str| match path {
            "/sys/fs/cgroup/system.slice/pids.max" => Some(900),
            "/sys/fs/cgroup/system.slice/detent.service/pids.max" => Some(1000),
            "/sys/fs/cgroup/pids/docker/pids.max" => Some(300),
            "/sys/fs/cgroup/pids/pids.max" => Some(50),
            _ => None,
        };
        let of = |groups: &str| pids_max_of(groups, number);
        assert_eq!(of("0::/system.slice/detent.service\n"), Some(900));
        let hybrid = "12:cpu,cpuacct:/x\n8:pids:/docker/1234\n0::/system.slice\n";
        assert_eq!(of(hybrid), Some(50));
        assert_eq!(of("3:memory:/docker\n0::/\n"), None);
        assert_eq!(of(""), None);
    }
}
