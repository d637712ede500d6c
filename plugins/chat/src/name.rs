//! What a client is called on the board.

use std::fmt;

use plugin_api::{Client, HostNumber};

/// `3`, or where several hosts share the board `5f3a09c1-3`: with its host's number, which none has a second time.
pub(crate) struct Name {
    host: Option<HostNumber>,
    /// Its number on this host's board, from 1.
    pub(crate) id: u64,
}

impl Name {
    pub(crate) fn of(client: &Client, id: u64) -> Name {
        let host = client.host();
        let number = host.is_shared().then(|| host.number().ok());
        Name {
            host: number.flatten(),
            id,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = self.host {
            write!(f, "{host}-")?;
        }
        self.id.fmt(f)
    }
}
