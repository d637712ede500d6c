//! The number that a client is known by.

use std::fmt;

use crate::abi;

/// Number of a client, from 1, never used twice in one run of the server.
///
/// ```
/// use plugin_api::{ClientId, Host, Result};
/// use std::collections::HashMap;
///
/// /// Who a plugin has a name for, to be reached from anywhere.
/// fn whisper(host: &Host, names: &HashMap<String, ClientId>, name: &str, text: &str) -> Result {
///     if let Some(id) = names.get(name) {
///         host.client(*id).send(text)?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub(crate) abi::ClientId);

impl ClientId {
    /// The bare number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for ClientId {
    fn from(number: u64) -> ClientId {
        ClientId(number)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
