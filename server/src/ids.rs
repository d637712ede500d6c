//! Numbers that name things: clients and routes. Plain values, used by every module above.

use std::fmt;

/// A client: from 1, never used twice in one run. Zero never occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A route: one plugin on one path. Counted up through the run, never used twice, below 2^24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);
