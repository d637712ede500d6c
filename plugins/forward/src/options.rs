//! What a route is told: which page, and how long it may take.

use std::collections::{BTreeMap, BTreeSet};

/// The options of a route.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// The page; `http://` only. Without it nobody is let in.
    pub(crate) url: Option<String>,
    /// What it wants to hear of.
    pub(crate) events: BTreeSet<EventKind>,
    /// Headers of each request, such as a secret by which the page knows who asks.
    pub(crate) headers: BTreeMap<String, String>,
    /// Seconds until it has to have answered.
    pub(crate) timeout: u32,
    /// Bytes of an answer.
    pub(crate) answer_bytes_max: u64,
    /// Requests at once; who comes then waits for a turn.
    pub(crate) requests_max: usize,
}

/// What happens to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventKind {
    /// It asks to be let in: the page's status says whether it is.
    Admit,
    /// It is here.
    Open,
    /// It has said something.
    Message,
    /// It has gone.
    Close,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            url: None,
            events: [EventKind::Open, EventKind::Message, EventKind::Close].into(),
            headers: BTreeMap::new(),
            timeout: 5,
            answer_bytes_max: 256 * 1024,
            requests_max: 50,
        }
    }
}
