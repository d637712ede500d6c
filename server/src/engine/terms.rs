//! How routes are shared, and what this host is called among those that share them. Plain values.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use super::address::Address;
use crate::ids::HostNumber;

/// How a route is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where Redis is.
    pub address: Address,
    /// What stands before the route's path in the name of its stream.
    pub prefix: String,
    /// Entries that the stream holds, at least.
    pub messages: u64,
    /// For so long Redis is waited for before something is refused.
    pub wait: Duration,
    /// What becomes of what is said meanwhile.
    pub when_away: WhenAway,
}

/// What becomes of what is said while Redis is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAway {
    /// It waits: all hosts hear it in one order, or nobody does.
    Wait,
    /// It is heard on this host at once, and on the others when Redis is back.
    Local,
}

/// The run of this server, as its entries in streams say it: none has the same, as far as chance goes.
pub(super) static HOST: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// This host as others name it: never 0, and the same for as long as the server runs.
pub fn this_host() -> HostNumber {
    let run = *HOST;
    HostNumber(((run >> 32) as u32 ^ run as u32).max(1))
}

/// What this machine is called.
pub fn machine() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        name.trim().to_owned()
    });
    &NAME
}
