//! How many connections this machine allows, and which of its limits says so.
//!
//! Read once at start by the main thread. One connection takes one open file, one thread, and the
//! memory mappings of that thread. A library takes a file and mappings too, for ever, also one that was
//! replaced: some are kept room for; of more, as many may be loaded as the connections leave.

use std::fmt;
use std::fs;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::{
    CONNECTIONS_MAX, FILES_FEW, FILES_PER_LEAVING, FILES_RESERVED, LEAVING_LEAST, LEAVING_MAX,
    LIBRARIES_RESERVED, LIBRARY_FILES_DIVISOR, LIBRARY_LOADS_MAX, MAPPINGS_PER_LIBRARY,
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

impl Capacity {
    /// The name of the limit that sets it.
    pub fn limit(&self) -> &'static str {
        self.limit
    }

    /// What that limit is set to.
    pub fn value(&self) -> u64 {
        self.value
    }
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

/// One limit of this machine.
struct Bound {
    limit: &'static str,
    value: u64,
    unit: Unit,
    /// What is left of it for connections.
    room: u64,
    /// Libraries that are kept room for beside them.
    libraries: u64,
}

impl Bound {
    fn new(limit: &'static str, value: u64, unit: Unit) -> Bound {
        let (kept, libraries) = match unit {
            Unit::Connections => (0, u64::MAX),
            Unit::Threads => (THREADS_RESERVED, u64::MAX),
            Unit::Files => {
                let most = LIBRARY_LOADS_MAX as u64;
                let libraries = (value / LIBRARY_FILES_DIVISOR).clamp(LIBRARIES_RESERVED, most);
                let more = leaving_of(value) - LEAVING_LEAST + libraries - LIBRARIES_RESERVED;
                (FILES_RESERVED + more, libraries)
            }
            Unit::Mappings => (own_mappings() + MAPPINGS_RESERVED, LIBRARY_LOADS_MAX as u64),
        };
        Bound {
            limit,
            value,
            unit,
            room: value.saturating_sub(kept),
            libraries,
        }
    }

    /// Connections that it is enough for beside `loads` libraries.
    fn connections(&self, loads: u64, stacks: &Stacks) -> u64 {
        let more = loads.saturating_sub(self.libraries);
        match self.unit {
            Unit::Connections | Unit::Threads => self.room,
            Unit::Files => self.room.saturating_sub(more),
            Unit::Mappings => {
                stacks.threads_in(self.room.saturating_sub(more * MAPPINGS_PER_LIBRARY))
            }
        }
    }

    /// Libraries that it is enough for beside `connections`.
    fn loads(&self, connections: u64, stacks: &Stacks) -> u64 {
        let more = match self.unit {
            Unit::Connections | Unit::Threads => 0,
            Unit::Files => self.room.saturating_sub(connections),
            Unit::Mappings => {
                self.room.saturating_sub(stacks.mappings_of(connections)) / MAPPINGS_PER_LIBRARY
            }
        };
        self.libraries.saturating_add(more)
    }
}

/// This machine's limits, as they are at the start.
pub struct Machine {
    bounds: Vec<Bound>,
    stacks: Arc<Stacks>,
}

impl Machine {
    /// Reads them. Before anything is loaded.
    pub fn look(stacks: Arc<Stacks>) -> Machine {
        let bounds = limits().filter_map(|(limit, value, unit)| Some((limit, value?, unit)));
        Machine {
            bounds: bounds
                .map(|(limit, value, unit)| Bound::new(limit, value, unit))
                .collect(),
            stacks,
        }
    }

    /// How many connections there may be beside `loads` libraries, `requested` by the user at most.
    pub fn connections(&self, requested: Option<u32>, loads: u64) -> Capacity {
        let requested = requested.map(|most| Capacity {
            connections: most.into(),
            limit: "limits.connections, --max-connections",
            value: most.into(),
        });
        let of_bound = |bound: &Bound| Capacity {
            connections: bound.connections(loads, &self.stacks),
            limit: bound.limit,
            value: bound.value,
        };
        let all = requested
            .into_iter()
            .chain(self.bounds.iter().map(of_bound));
        all.min_by_key(|capacity| capacity.connections)
            .unwrap_or(Capacity {
                connections: 0,
                limit: "nothing that is known",
                value: 0,
            })
    }

    /// How many libraries may be loaded so that `connections` still fit, `requested` by the user at
    /// most; and what says so.
    pub fn loads(&self, requested: usize, connections: u64) -> (usize, String) {
        let of_bound = |bound: &Bound| {
            let loads = bound.loads(connections, &self.stacks);
            let why = format!(
                "{} ({}) beside {connections} connections",
                bound.limit, bound.value
            );
            (usize::try_from(loads).unwrap_or(usize::MAX), why)
        };
        let of_user = (requested, "library_loads_max".to_owned());
        let all = self.bounds.iter().map(of_bound).chain([of_user.clone()]);
        all.min_by_key(|loads| loads.0).unwrap_or(of_user)
    }
}

fn limits() -> impl Iterator<Item = (&'static str, Option<u64>, Unit)> {
    let is_root = rustix::process::getuid().is_root();
    [
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
    ]
    .into_iter()
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
    use super::{Bound, Machine, Unit, leaving_of, pids_max_of};
    use crate::threads::Stacks;

    fn machine(files: u64) -> Machine {
        Machine {
            bounds: vec![Bound::new("open files", files, Unit::Files)],
            stacks: Stacks::new(),
        }
    }

    #[test]
    fn the_lowest_limit_is_named() {
        let machine = Machine::look(Stacks::new());
        let capacity = machine.connections(Some(7), 0);
        assert_eq!(
            capacity.to_string(),
            "7 connections, limited by limits.connections, --max-connections (7)"
        );
        assert!(machine.connections(None, 0).connections < u64::from(u32::MAX));
        assert!(machine.connections(Some(u32::MAX), 0).connections < u64::from(u32::MAX));
    }

    /// Cause: at `ulimit -n 300` the start line promised 200 connections; after 150 replacements, each of
    /// which keeps a file open, there was room for 140.
    #[test]
    fn connections_and_libraries_together_never_need_more_files_than_there_are() {
        for files in [130, 300, 1024, 4096, 20_000, 1 << 20] {
            let machine = machine(files);
            let promised = machine.connections(None, 0).connections;
            for connections in [1, promised / 2, promised] {
                let (loads, why) = machine.loads(usize::MAX, connections);
                assert!(connections + loads as u64 <= files - 60, "{files} files");
                assert!(loads >= 16, "{files} files: {loads}");
                assert!(why.starts_with("open files ("), "{why}");
                let beside = machine.connections(None, loads as u64).connections;
                assert_eq!(
                    beside,
                    connections.max(beside.min(connections)),
                    "{files} files"
                );
            }
        }
        assert_eq!(machine(300).connections(None, 0).connections, 193);
        assert_eq!(machine(300).connections(None, 18 + 93).connections, 100);
        assert_eq!(machine(300).loads(500, 100).0, 18 + 93);
        assert_eq!(
            machine(20_000).loads(900, 10_000),
            (900, "library_loads_max".to_owned())
        );
    }

    #[test]
    fn mappings_of_libraries_are_counted_too() {
        let stacks = Stacks::new();
        let bound = Bound::new("mappings", 65_530, Unit::Mappings);
        let promised = bound.connections(0, &stacks);
        assert_eq!(bound.connections(500, &stacks), promised);
        assert!(bound.connections(900, &stacks) < promised);
        let loads = bound.loads(promised, &stacks);
        assert!((500..510).contains(&loads), "{loads}");
        assert!(bound.loads(promised / 2, &stacks) > 900);
    }

    #[test]
    fn files_are_kept_for_the_last_words() {
        let stacks = Stacks::new();
        for (files, connections, leaving) in [
            (50, 0, 32),
            (130, 30, 32),
            (1_024, 780, 128),
            (20_000, 16_948, 2_500),
            (1 << 20, (1 << 20) - 100 - 4_096 + 32 - 500 + 16, 4_096),
        ] {
            let bound = Bound::new("open files", files, Unit::Files);
            assert_eq!(bound.connections(0, &stacks), connections);
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
