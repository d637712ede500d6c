//! The plugin host: opens libraries, makes instances of them, calls them, and is called by them.
//!
//! The only room with `unsafe`, and the only one that names libloading or sees the C layout of
//! `plugin_api::abi`; what it gives out are plain Rust types. Callbacks run on the thread that
//! calls them (see [`Place`] and [`Route`]); host calls arrive on any thread.

mod callbacks;
mod entry;
mod faults;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hand_over;
mod host;
mod host_http;
mod host_table;
mod instance;
mod library;
mod library_file;
mod loader;
mod log_table;
mod modes;
mod outgoing;
mod route;
mod sink;
mod timers;

pub use callbacks::{CallbackError, Upgrade};
pub use hand_over::{HandOver, HandOverError, Replaced};
pub use host::Services;
pub use instance::Instance;
pub use library::{Library, LoadError};
pub use library_file::FileError;
pub use loader::{Demands, Found, Libraries};
pub use route::{Place, Route};
