//! What the user asks for: arguments, checked and with their defaults filled in.
//!
//! Read once by the main thread; everyone else gets values. Knows nothing of the rest.

mod args;
mod options;

pub use args::{Args, ConnectionSettings, Settings};
pub use options::{OptionError, PluginOptions};
