//! How many connections this machine allows, and which of its limits says so.
//!
//! Read once at start by the main thread. One connection takes one open file, one thread, the memory that it costs at rest,
//! the address space of its stack, and the memory mappings of that thread. A library takes a file and mappings too, for
//! ever, also one that was replaced: some are kept room for; of more, as many may be loaded as the connections leave.

use std::fmt;
use std::fs;
use std::path::Path;
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
            control_group::lowest(&PIDS, Path::new("/")),
            Unit::Threads,
        ),
        (
            "address space, ulimit -v",
            getrlimit(Resource::As).current,
            Unit::AddressSpace,
        ),
        (
            "processes of the user, ulimit -u",
            processes(getrlimit(Resource::Nproc).current, is_root),
            Unit::Threads,
        ),
    ]
    .into_iter()
}

/// The limit of processes does not hold for root.
fn processes(limit: Option<u64>, is_root: bool) -> Option<u64> {
    limit.filter(|_| !is_root)
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
mod tests;
