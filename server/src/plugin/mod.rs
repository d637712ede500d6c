//! The plugin host: opens libraries (`library`), makes instances of them and calls them
//! (`instance`), and is called by them (`host`).
//!
//! The only room that names libloading or sees the C layout of `plugin_api::abi`; what it gives out
//! are plain Rust types. Callbacks run on the thread that calls them (see [`Place`] and [`Route`]); host
//! calls arrive on any thread. Of its three rooms each imports only those below it: instance,
//! library, host.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod host;
mod instance;
mod library;

pub use host::answers::NotStored;
pub use host::{Folders, Services, TIMERS_THREAD, TimersEnd};
pub use instance::Instance;
pub use instance::callbacks::{CallbackError, Upgrade};
pub use instance::hand_over::{HandOver, HandOverError, Replaced};
pub use instance::place::Place;
pub use instance::route::Route;
pub use library::arrivals::{Arrival, Arrivals};
pub use library::library_file::FileError;
pub use library::loader::{Demands, Found, Libraries};
pub use library::{Checked, Library, LoadError};
