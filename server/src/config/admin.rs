//! The listener for the one who runs the server, as the settings have it.
//!
//! Plain data.

use std::path::PathBuf;

use super::listeners::{FileAccess, Listen, ListenerSettings};
use crate::http::inside::Tokens;
use crate::http::peer::Entry;

/// Where health, metrics and the status page are served, and to whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdminSettings {
    /// Where it listens. Default: nowhere. Elsewhere than on this machine only with tokens.
    pub listen: Option<Listen>,
    /// Of a unix socket: who may come by it.
    pub access: FileAccess,
    /// The file with the tokens of those who may come by TCP, one a line; none for whoever reaches the
    /// listener.
    pub tokens_file: Option<PathBuf>,
    /// What stands in it.
    pub tokens: Tokens,
}

impl AdminSettings {
    /// What is to be bound, where anything is.
    pub fn listener(&self) -> Option<ListenerSettings> {
        self.listen.clone().map(|listen| ListenerSettings {
            listen,
            is_optional: false,
            shares_port: false,
            tls: None,
            redirects: false,
            entry: Entry::default(),
            access: self.access,
        })
    }
}
