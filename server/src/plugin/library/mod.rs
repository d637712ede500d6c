//! An open library, and why a file is not one.

mod access_list;
pub(super) mod arrivals;
mod entry;
mod extension;
pub(super) mod library_file;
pub(super) mod loader;
mod modes;
mod options;
mod sealed;

use std::io;
use std::path::{Path, PathBuf};

use plugin_api::abi::Functions;

use crate::limits::LIBRARY_BYTES_MAX;
use extension::{CheckOptions, OnGap};
use library_file::FileError;
use modes::ModeError;
pub use options::Checked;

/// Why a file is not used as a plugin. Each reads on after the file's name.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Not a regular file.
    #[error("is no regular file: only libraries belong in the plugins folder")]
    NotAFile,
    /// Larger than [`LIBRARY_BYTES_MAX`].
    #[error("is larger than {LIBRARY_BYTES_MAX} bytes")]
    TooLarge,
    /// Its bytes are not those of a plugin for this server.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system's loader refuses it, for instance for an undefined symbol.
    #[error("cannot be opened: {0}")]
    Open(String),
    /// The entry does not keep the ABI.
    #[error("breaks the plugin ABI: {0}")]
    Entry(String),
    /// Others could have changed it.
    #[error("is not trusted: {0}")]
    Mode(#[from] ModeError),
    /// Too many libraries in one run.
    #[error(
        "is not loaded: this process has loaded {0} libraries, which is its limit ({1}); restart it"
    )]
    TooMany(usize, String),
}

/// An open library and what it says of itself.
pub struct Library {
    /// Where it was read from.
    pub file: PathBuf,
    /// The plugin's name.
    pub name: String,
    /// The plugin's version, for people.
    pub version: String,
    /// The paths that it serves by default, by one route: one at least.
    pub default_paths: Vec<String>,
    /// Version of what it saves for its successor.
    pub state_format: u32,
    /// Versions beside that one that it takes over from.
    pub reads_state_formats: Vec<u32>,
    /// An `on_close` of it follows where `on_open` has failed: it was built against 1.1 or later.
    pub closes_failed_opens: bool,
    /// Subprotocols that it speaks, best first.
    pub subprotocols: Vec<String>,
    /// Whether it takes clients of event streams where the settings do not say.
    pub has_event_stream: bool,
    pub(in crate::plugin) functions: Functions,
    pub(in crate::plugin) check: Option<CheckOptions>,
    pub(in crate::plugin) on_gap: Option<OnGap>,
    pub(in crate::plugin) set_log_level: Option<unsafe extern "C" fn(u32)>,
}

impl Library {
    /// Whether it takes over from a library that writes this format.
    pub fn reads_state_format(&self, format: u32) -> bool {
        self.state_format == format || self.reads_state_formats.contains(&format)
    }

    /// The formats that it takes over from, for people.
    pub fn state_formats(&self) -> String {
        let all = std::iter::once(&self.state_format).chain(&self.reads_state_formats);
        all.map(u32::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The file's name without its folder.
    pub fn file_name(&self) -> String {
        file_name(&self.file)
    }
}

/// The name that lines about a file begin with.
pub(in crate::plugin) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
