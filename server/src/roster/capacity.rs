//! How many connections this machine allows, and which of its limits says so.
//!
//! Read once at start by the main thread. One connection takes one open file, one thread, the memory that it
//! costs at rest, the address space of its stack, and the memory mappings of that thread. A library takes a file and mappings too, for ever, also one that was
//! replaced: some are kept room for; of more, as many may be loaded as the connections leave.

use std::fmt;
use std::fs;
use std::sync::Arc;

use bytesize::ByteSize;
use rustix::param::page_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::control_group::{self, Controller, number};
use super::machine_memory::Available;
use crate::config::ServerLimits;

use crate::limits::memory::at_rest_bytes;
use crate::limits::{
    CONNECTION_STACK_BYTES, CONNECTIONS_MAX, FILES_FEW, FILES_PER_LEAVING, FILES_RESERVED,
    LEAVING_LEAST, LEAVING_MAX, LIBRARIES_RESERVED, LIBRARY_FILES_DIVISOR, LIBRARY_LOADS_MAX,
    MAPPINGS_PER_LIBRARY, MAPPINGS_RESERVED, MEMORY_KEPT_BYTES, MEMORY_UNDER_WAY_DIVISOR,
    THREADS_RESERVED,
};
use crate::threads::Stacks;

/// The number of connections and what sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Connections at once.
    pub connections: u64,
    limit: &'static str,
    value: u64,
    /// The value for people, who read bytes with a unit.
    shown: String,
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
            shown,
            ..
        } = self;
        write!(f, "{connections} connections, limited by {limit} ({shown})")
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

impl Capacity {
    fn new(connections: u64, limit: &'static str, value: u64) -> Capacity {
        Capacity {
            connections,
            limit,
            value,
            shown: value.to_string(),
        }
    }

    fn of_bytes(connections: u64, limit: &'static str, bytes: u64) -> Capacity {
        Capacity {
            shown: ByteSize(bytes).to_string(),
            ..Capacity::new(connections, limit, bytes)
        }
    }
}

/// What a limit counts.
#[derive(Clone, Copy)]
enum Unit {
    /// Bytes of address space.
    AddressSpace,
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
            Unit::AddressSpace => (own_address_space() + MEMORY_KEPT_BYTES as u64, u64::MAX),
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
            Unit::AddressSpace => self.room / CONNECTION_STACK_BYTES as u64,
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
            Unit::AddressSpace | Unit::Connections | Unit::Threads => 0,
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
    /// Memory that there is for this process.
    pub memory: Available,
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
            memory: Available::look(),
        }
    }

    /// How many connections there may be beside `loads` libraries, within what the user allows.
    pub fn connections(&self, limits: &ServerLimits, loads: u64) -> Capacity {
        let requested = limits.connections.map(|most| {
            Capacity::new(
                most.into(),
                "limits.connections, --max-connections",
                most.into(),
            )
        });
        let memory = limits.memory.bytes(self.memory.bytes);
        let at_rest = (memory - memory / MEMORY_UNDER_WAY_DIVISOR) / at_rest_bytes();
        let memory = Capacity::of_bytes(at_rest, "limits.memory", memory);
        requested
            .into_iter()
            .chain([memory, self.possible(loads)])
            .min_by_key(|capacity| capacity.connections)
            .unwrap_or_else(|| self.possible(loads))
    }

    /// How many connections the machine allows beside `loads` libraries, whatever the user does.
    pub fn possible(&self, loads: u64) -> Capacity {
        let bounds = self.bounds.iter();
        let of_bound = |bound: &Bound| {
            let connections = bound.connections(loads, &self.stacks);
            match bound.unit {
                Unit::AddressSpace => Capacity::of_bytes(connections, bound.limit, bound.value),
                _ => Capacity::new(connections, bound.limit, bound.value),
            }
        };
        bounds
            .map(of_bound)
            .min_by_key(|capacity| capacity.connections)
            .unwrap_or_else(|| Capacity::new(0, "nothing that is known", 0))
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

const PIDS: Controller = Controller {
    name: "pids",
    file: "pids.max",
    file_of_version_1: "pids.max",
};

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
        (
            "pids.max of the control group",
            control_group::lowest(&PIDS),
            Unit::Threads,
        ),
        (
            "address space, ulimit -v",
            getrlimit(Resource::As).current,
            Unit::AddressSpace,
        ),
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

/// Bytes; what libraries and heaps are going to take is not known yet.
fn own_address_space() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').next().and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * page_size() as u64
}

fn own_mappings() -> u64 {
    fs::read("/proc/self/maps").map_or(0, |maps| {
        maps.iter().filter(|&&byte| byte == b'\n').count() as u64
    })
}

#[cfg(test)]
mod tests {
    use super::{
        Available, Bound, CONNECTION_STACK_BYTES, Machine, Unit, leaving_of, own_address_space,
        own_mappings,
    };
    use crate::config::ServerLimits;
    use crate::limits::memory::Limit;
    use crate::threads::Stacks;

    fn machine(files: u64) -> Machine {
        Machine {
            bounds: vec![Bound::new("open files", files, Unit::Files)],
            stacks: Stacks::new(),
            memory: Available::look(),
        }
    }

    fn at_most(connections: Option<u32>) -> ServerLimits {
        ServerLimits {
            connections,
            memory: Limit::Bytes(1 << 40),
            ..ServerLimits::default()
        }
    }

    #[test]
    fn the_lowest_limit_is_named() {
        let machine = Machine::look(Stacks::new());
        let capacity = machine.connections(&at_most(Some(7)), 0);
        assert_eq!(
            capacity.to_string(),
            "7 connections, limited by limits.connections, --max-connections (7)"
        );
        assert_eq!(capacity.value(), 7);
        assert!(machine.connections(&at_most(None), 0).connections < u64::from(u32::MAX));
        assert!(machine.connections(&at_most(Some(u32::MAX)), 0).connections < u64::from(u32::MAX));
    }

    /// Cause: mutants survived that took a page, or nothing, for all that the process has mapped.
    #[test]
    fn what_the_process_has_mapped_is_counted() {
        let before = (own_address_space(), own_mappings());
        assert!(before.0 > 1 << 20 && before.1 > 10, "{before:?}");
        let more = vec![0_u8; 64 << 20];
        let after = own_address_space();
        assert!(after >= before.0 + (32 << 20), "{before:?} {after}");
        drop(more);
    }

    /// Cause: the capacity looked at files and threads and ignored memory.
    #[test]
    fn memory_is_named_where_it_is_the_lowest() {
        let limits = |memory| ServerLimits {
            memory,
            ..ServerLimits::default()
        };
        let mut machine = machine(1 << 20);
        let bytes = limits(Limit::Bytes(64 << 20));
        let told = machine.connections(&bytes, 0).to_string();
        assert!(
            told.ends_with(" connections, limited by limits.memory (64.0 MiB)"),
            "{told}"
        );
        assert_eq!(machine.connections(&bytes, 0).value(), 64 << 20);
        machine.memory.bytes = 512 << 20;
        let half = machine.connections(&limits(Limit::default()), 0);
        assert!((4000..6000).contains(&half.connections), "{half}");
    }

    /// Cause: at `ulimit -n 300` the start line promised 200 connections; after 150 replacements, each of
    /// which keeps a file open, there was room for 140.
    #[test]
    fn connections_and_libraries_together_never_need_more_files_than_there_are() {
        for files in [130, 300, 1024, 4096, 20_000, 1 << 20] {
            let machine = machine(files);
            let promised = machine.connections(&at_most(None), 0).connections;
            for connections in [1, promised / 2, promised] {
                let (loads, why) = machine.loads(usize::MAX, connections);
                assert!(connections + loads as u64 <= files - 60, "{files} files");
                assert!(loads >= 16, "{files} files: {loads}");
                assert!(why.starts_with("open files ("), "{why}");
                let beside = machine
                    .connections(&at_most(None), loads as u64)
                    .connections;
                assert_eq!(
                    beside,
                    connections.max(beside.min(connections)),
                    "{files} files"
                );
            }
        }
        assert_eq!(machine(300).connections(&at_most(None), 0).connections, 193);
        assert_eq!(
            machine(300)
                .connections(&at_most(None), 18 + 93)
                .connections,
            100
        );
        assert_eq!(machine(300).loads(500, 100).0, 18 + 93);
        assert_eq!(
            machine(20_000).loads(900, 10_000),
            (900, "library_loads_max".to_owned())
        );
    }

    /// Cause: under `ulimit -v` thousands were promised whose stacks did not fit.
    #[test]
    fn stacks_take_address_space() {
        let mut machine = machine(1 << 20);
        let space = Bound::new("ulimit -v", 1 << 40, Unit::AddressSpace);
        assert!(space.room < 1 << 40, "this process takes some of it");
        machine.bounds.push(Bound {
            room: 256 * CONNECTION_STACK_BYTES as u64 + 1,
            ..space
        });
        let told = machine.connections(&at_most(None), 0).to_string();
        assert_eq!(told, "256 connections, limited by ulimit -v (1.0 TiB)");
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
}
