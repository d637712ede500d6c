//! The life of the process: from arguments to the exit code, with signals, reloads and the stop between.
//!
//! All of it runs on the main thread but for the thread that waits for signals. It puts the other rooms
//! together; none of them knows it.

mod admin;
mod certificates;
pub mod check;
mod reload;
pub mod run;
pub mod server;
mod service_manager;
pub mod signals;
mod stop;
pub(crate) mod watch;
