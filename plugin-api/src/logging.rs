//! The bridge from this library's copy of the `log` crate to the server's log.
//!
//! Every dynamic library has its own copy of `log`'s statics, so a plugin that only called
//! `log::info!` would talk to nobody. `init` puts this bridge there.

use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::calls::LogCalls;

static BRIDGE: OnceLock<Bridge> = OnceLock::new();

/// Where the lines go, and under which name.
struct Bridge {
    log: LogCalls,
    /// `plugin::NAME`.
    target: String,
    /// Name of the plugin's crate, which `log`'s targets begin with.
    crate_name: &'static str,
}

/// Connects `log` to the server. A second call, or a logger that is there already, changes nothing.
pub(crate) fn install(log: LogCalls, plugin_name: &str, crate_name: &'static str) {
    let target = format!("plugin::{plugin_name}");
    let bridge = BRIDGE.get_or_init(|| Bridge {
        log,
        target,
        crate_name,
    });
    // The plugin may have brought a logger of its own; then that is what it wants.
    let _ = log::set_logger(bridge);
}

/// Sets the level from the ABI's number: 0 off, 1 error, up to 5 trace.
pub(crate) fn set_level(level: u32) {
    let level = LevelFilter::iter()
        .nth(level as usize)
        .unwrap_or(LevelFilter::Trace);
    log::set_max_level(level);
}

/// Logs a panic past `log`, so that a logger of the plugin's own cannot get in the way.
pub(crate) fn panicked(message: &str) {
    if let Some(bridge) = BRIDGE.get()
        && log::max_level() >= Level::Error
    {
        bridge
            .log
            .write(Level::Error as u32, &bridge.target, message);
    }
}

impl Bridge {
    /// `plugin::NAME` for the plugin's own lines; those of crates that it uses keep theirs behind it.
    fn write(&self, level: Level, target: &str, message: &str) {
        if target.split("::").next() == Some(self.crate_name) {
            self.log.write(level as u32, &self.target, message);
        } else {
            let target = format!("{}::{target}", self.target);
            self.log.write(level as u32, &target, message);
        }
    }
}

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        match record.args().as_str() {
            Some(message) => self.write(record.level(), record.target(), message),
            None => self.write(record.level(), record.target(), &record.args().to_string()),
        }
    }

    fn flush(&self) {}
}
