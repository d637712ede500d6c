//! What the user asks for: file and command line, checked, with the defaults filled in.
//!
//! The main thread reads it, at the start and at each reload; everyone else gets values. Every
//! problem is found at once and has a place. A new setting is a field in `settings.rs` or
//! `client.rs`, a line in `keys.rs`, a line where it is read (`load.rs` or `load_client.rs`), and its
//! default and range in [`crate::limits::settings`]; the tests then ask for it in
//! `scripts/detent.toml` and `server/README.md`.

mod accounts;
mod admin;
mod args;
mod ask_args;
mod changes;
mod client;
mod document;
mod forms;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod inside;
mod journal;
mod keys;
mod listeners;
mod load;
mod load_admin;
mod load_client;
mod load_inside;
mod load_journal;
mod load_listeners;
mod load_redis;
mod load_tls;
mod option_places;
mod options;
mod problem;
mod routes;
mod settings;
mod table;
#[cfg(test)]
mod tests;

pub use admin::AdminSettings;
pub use args::{Args, Command, ListenArgs, PushArgs};
pub use ask_args::{Question, Way};
pub use changes::Changes;
pub use client::{ClientSettings, Rate};
pub use inside::InsideSettings;
pub use journal::JournalSettings;
pub use keys::{
    CLIENT_KEYS, Effect, JOURNAL_KEYS, Key, LISTENER_KEYS, ROUTE_KEYS, SERVER_KEYS, TLS_KEYS,
};
pub use listeners::{FileAccess, Listen, ListenerSettings, TlsSettings};
pub use load::wrong_target;
pub use option_places::{OptionPlace, OptionPlaces};
pub use options::{OptionError, PluginOptions};
pub use problem::{Place, Problem, Problems, Source};
pub use settings::{RouteSettings, ServerLimits, Settings};
