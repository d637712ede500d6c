//! What is listened on, as the settings have it.
//!
//! Plain data.

use std::fmt;
use std::net::SocketAddr;

use crate::http::peer::Entry;

/// How connections come: the kinds of listening sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// By TCP to this address and port; port 0 stands for a free one.
    Tcp(SocketAddr),
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => address.fmt(formatter),
        }
    }
}

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where.
    pub listen: Listen,
    /// Left away where the machine has no such address: the IPv6 half of `:8080`.
    pub is_optional: bool,
    /// What holds for who comes by it.
    pub entry: Entry,
}
