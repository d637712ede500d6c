//! What machines of all sizes are promised, and whether they have it.

use super::{
    Available, Bound, CONNECTION_STACK_BYTES, LEAVING_LEAST, LEAVING_MAX, LIBRARY_LOADS_MAX,
    MAPPINGS_PER_LIBRARY, Machine, Resource, Rlimit, Unit, getrlimit, leaving, leaving_of,
    own_address_space, own_mappings, processes, raise_open_files, setrlimit,
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
    assert_eq!(capacity.limit(), "limits.connections, --max-connections");
    assert!(machine.connections(&at_most(None), 0).connections < u64::from(u32::MAX));
    assert!(machine.connections(&at_most(Some(u32::MAX)), 0).connections < u64::from(u32::MAX));
}

/// Cause: mutants survived that took a page, or nothing, for all that the process has mapped.
#[test]
fn what_the_process_has_mapped_is_counted() {
    let before = (own_address_space(), own_mappings());
    assert!(before.0 > 1 << 20 && before.1 > 10, "{before:?}");
    // A line for each, of two addresses and more.
    let maps = std::fs::read("/proc/self/maps").expect("the kernel tells");
    assert!(before.1 < maps.len() as u64 / 20, "{before:?}");
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
    // Cause: mutants survived that promised more than there are.
    let kept = LIBRARY_LOADS_MAX as u64;
    let needs = |connections, loads: u64| {
        stacks.mappings_of(connections) + (loads - kept) * MAPPINGS_PER_LIBRARY
    };
    for loads in [kept, 700, 900] {
        let connections = bound.connections(loads, &stacks);
        assert!(needs(connections, loads) <= bound.room, "{loads}");
        let most = bound.loads(connections, &stacks);
        assert!(most >= loads && needs(connections, most) <= bound.room);
    }
}

/// Cause: a mutant survived in which root had the limit of processes, and nobody else.
#[test]
fn root_has_as_many_processes_as_it_likes() {
    assert_eq!(processes(Some(7), false), Some(7));
    assert_eq!(processes(Some(7), true), None);
    assert_eq!(processes(None, false), None);
}

/// Cause: a mutant survived that left the soft limit where a shell has it: 1,024 files.
#[test]
fn as_many_files_may_be_open_as_the_hard_limit_says() {
    let before = getrlimit(Resource::Nofile);
    let set = |current| {
        let limit = Rlimit { current, ..before };
        setrlimit(Resource::Nofile, limit).expect("below the hard one");
    };
    set(before.maximum.map(|most| most - 1));
    raise_open_files();
    let raised = getrlimit(Resource::Nofile);
    set(before.current);
    assert_eq!(raised.current, before.maximum);
}

#[test]
fn files_are_kept_for_the_last_words() {
    let stacks = Stacks::new();
    for (files, connections, sockets) in [
        (50, 0, 32),
        (130, 30, 32),
        (1_024, 780, 128),
        (20_000, 16_948, 2_500),
        (1 << 20, (1 << 20) - 100 - 4_096 + 32 - 500 + 16, 4_096),
    ] {
        let bound = Bound::new("open files", files, Unit::Files);
        assert_eq!(bound.connections(0, &stacks), connections);
        assert_eq!(leaving_of(files), sockets);
    }
    let now = leaving() as u64;
    assert!((LEAVING_LEAST..=LEAVING_MAX).contains(&now), "{now}");
}
