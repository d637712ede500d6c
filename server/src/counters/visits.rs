//! Clients that came onto routes, left them, and were too slow for what was said there.

use super::{ByCode, CloseCodes, Count};

/// Counted for each route, and for all of them together.
#[derive(Debug, Default)]
pub struct Visits {
    /// Clients that came onto a route.
    pub opened: Count,
    /// Clients that left it after their peer closed or vanished, by close code.
    pub closed_by_peer: CloseCodes,
    /// The same where the plugin closed.
    pub closed_by_plugin: CloseCodes,
    /// The same where the server did.
    pub closed_by_server: CloseCodes,
    /// Messages that a full backlog did not take (`slow_client = "drop"`).
    pub dropped: Count,
}

/// The same as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visited {
    /// Clients that came.
    pub opened: u64,
    /// Clients that left.
    pub closed: Closed,
    /// Messages that were dropped.
    pub dropped: u64,
}

/// Clients that left, by who began and by close code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The peer.
    pub by_peer: ByCode,
    /// The plugin.
    pub by_plugin: ByCode,
    /// The server.
    pub by_server: ByCode,
}

impl Visits {
    pub(super) const fn new() -> Visits {
        Visits {
            opened: Count::new(),
            closed_by_peer: CloseCodes::new(),
            closed_by_plugin: CloseCodes::new(),
            closed_by_server: CloseCodes::new(),
            dropped: Count::new(),
        }
    }

    /// What there was so far.
    pub fn read(&self) -> Visited {
        let mut visited = Visited::default();
        self.add_to(&mut visited);
        visited
    }

    pub(super) fn add_to(&self, sum: &mut Visited) {
        sum.opened += self.opened.get();
        self.closed_by_peer.add_to(&mut sum.closed.by_peer);
        self.closed_by_plugin.add_to(&mut sum.closed.by_plugin);
        self.closed_by_server.add_to(&mut sum.closed.by_server);
        sum.dropped += self.dropped.get();
    }
}

impl Closed {
    /// All of them.
    pub fn all(&self) -> u64 {
        let tables = self.tables().into_iter();
        tables.flat_map(|(_, codes)| codes.values()).sum()
    }

    /// By who began: its name, and the numbers by close code.
    pub fn tables(&self) -> [(&'static str, &ByCode); 3] {
        [
            ("peer", &self.by_peer),
            ("plugin", &self.by_plugin),
            ("server", &self.by_server),
        ]
    }
}
