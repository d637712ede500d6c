//! What was opened has to be closed: the numbers by which a test sees it.

/// How often clients of a route were opened and closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `on_open` that succeeded.
    pub opened: u64,
    /// `on_open` that failed or panicked.
    pub open_failed: u64,
    /// `on_close`, one for each `on_open` that succeeded once the route has stopped.
    pub closed: u64,
    /// Clients that a new value of the plugin has taken over, each counted at each replacement.
    pub handed_over: u64,
    /// Sessions that nobody can free any more, and why.
    pub leaks: Vec<String>,
}

impl Counts {
    pub(super) fn leak(&mut self, what: String) {
        self.leaks.push(what);
    }
}
