//! `[route.journal]`: how much is kept of what is said on the topics of a route.
//!
//! Plain data; how it is read stands in `load_journal.rs`.

use std::path::PathBuf;

use crate::journal::Bounds;

/// What holds for the journals of a route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalSettings {
    /// How much is kept of each topic, and of how many topics.
    pub bounds: Bounds,
    /// In which file; in memory without one. As it stands in the settings.
    pub file: Option<PathBuf>,
}
