//! What a route is told: which program, and its bounds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use plugin_api::{Config, ConfigError, Host, Result};

/// The options of a route.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// The program and its arguments; no shell reads them. Without it nobody is let in.
    pub(crate) program: Vec<String>,
    /// Where it runs; relative to the file of settings, in whose folder it runs where nothing is said.
    pub(crate) folder: PathBuf,
    /// What it finds in its environment besides `PATH`, `LANG` and what CGI has.
    pub(crate) environment: BTreeMap<String, String>,
    /// Bytes as they come instead of lines: each piece of its output is a binary message.
    pub(crate) binary: bool,
    /// Programs at once; more clients are answered 503.
    pub(crate) programs_max: usize,
    /// Bytes of a line that it writes, and of a piece in binary mode.
    pub(crate) line_bytes_max: usize,
    /// Seconds for which it may read nothing of what its client says.
    read_timeout: u32,
    /// Seconds from SIGTERM to SIGKILL.
    end_timeout: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            program: Vec::new(),
            folder: PathBuf::new(),
            environment: BTreeMap::new(),
            binary: false,
            programs_max: 100,
            line_bytes_max: 64 * 1024,
            read_timeout: 10,
            end_timeout: 5,
        }
    }
}

impl Options {
    /// Checked; the folder with the rest of its path.
    pub(crate) fn read(config: &Config, host: Host) -> Result<Options> {
        let mut options: Options = config.parse()?;
        let wrong = |option: &str, what: &str| Err(ConfigError::new(option, what).into());
        if !(1..=10_000).contains(&options.programs_max) {
            return wrong("programs_max", "is a number from 1 to 10000");
        }
        if !(1..=16 << 20).contains(&options.line_bytes_max) {
            return wrong("line_bytes_max", "is a number of bytes from 1 to 16777216");
        }
        if !(1..=3600).contains(&options.read_timeout) {
            return wrong("read_timeout", "is a number of seconds from 1 to 3600");
        }
        if options.end_timeout > 60 {
            return wrong("end_timeout", "is a number of seconds up to 60");
        }
        let is_bad = |text: &str| text.contains('\0');
        if options.program.first().is_some_and(String::is_empty)
            || options.program.iter().any(|of| is_bad(of))
        {
            return wrong(
                "program",
                "is a list: the program's name or path, then its arguments",
            );
        }
        let mut variables = options.environment.iter();
        if variables.any(|(name, value)| {
            name.is_empty() || name.contains('=') || is_bad(name) || is_bad(value)
        }) {
            return wrong("environment", "has names without =, and no zero bytes");
        }
        options.folder = host.config_folder()?.join(&options.folder);
        if !options.program.is_empty() && !options.folder.is_dir() {
            let what = format!("{} is no folder", options.folder.display());
            return wrong("folder", &what);
        }
        Ok(options)
    }

    pub(crate) fn read_timeout(&self) -> Duration {
        Duration::from_secs(self.read_timeout.into())
    }

    pub(crate) fn end_timeout(&self) -> Duration {
        Duration::from_secs(self.end_timeout.into())
    }
}
