//! The plugin's options.

use std::num::NonZeroU64;
use std::path::PathBuf;

/// What the route's options say.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// How often the number of clients is looked at; it is logged if it changed.
    #[serde(default = "a_minute")]
    pub(crate) count_every_seconds: NonZeroU64,
    /// Who may listen.
    #[serde(default)]
    pub(crate) read: Read,
    /// Tokens, one a line with the topics that it may read or write.
    #[serde(default)]
    pub(crate) tokens_file: Option<PathBuf>,
    /// Whether WebSockets get messages in envelopes, with position and topic, unless they say otherwise.
    #[serde(default)]
    pub(crate) envelope: bool,
    /// Messages a second that one may publish by HTTP, counted by token and address; 0 for no limit.
    #[serde(default)]
    pub(crate) publish_per_second: u32,
}

/// Who may listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Read {
    /// Everyone whom the server lets in.
    #[default]
    Everyone,
    /// Insiders, and who shows a token that may read the topic.
    Token,
}

fn a_minute() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(59)
}
