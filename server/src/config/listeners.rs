//! What is listened on, as the settings have it.
//!
//! Plain data.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::http::peer::Entry;
use crate::limits::settings::SOCKET_MODE;

/// How connections come: the kinds of listening sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// By TCP to this address and port; port 0 stands for a free one.
    Tcp(SocketAddr),
    /// By a unix socket whose file has this absolute path.
    Unix(PathBuf),
    /// By the sockets that systemd passes under this name.
    Passed(String),
}

impl Listen {
    /// The name under which systemd passes it.
    pub fn passed(&self) -> Option<&str> {
        match self {
            Listen::Passed(name) => Some(name),
            Listen::Tcp(_) | Listen::Unix(_) => None,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => address.fmt(formatter),
            Listen::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Listen::Passed(name) => write!(formatter, "systemd:{name}"),
        }
    }
}

/// Who may connect to a unix socket: what its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileAccess {
    /// Permissions, nine bits. Default: owner and group, nobody else.
    pub mode: u32,
    /// The number of its owner; none for the server's user.
    pub owner: Option<u32>,
    /// The number of its group; none for what the system gives a new file.
    pub group: Option<u32>,
}

impl Default for FileAccess {
    fn default() -> FileAccess {
        FileAccess {
            mode: SOCKET_MODE,
            owner: None,
            group: None,
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
    /// Of a unix socket: who may come by it.
    pub access: FileAccess,
    /// Of a TCP address: other servers of the same user may listen on it too, and the kernel shares out who
    /// comes (`SO_REUSEPORT`). A reload can allow it, and forbid it no more. Default: no, so that a second
    /// server is told that there is one.
    pub shares_port: bool,
}
