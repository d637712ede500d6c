//! What is listened on, as the settings have it.
//!
//! Plain data.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::peer::Entry;
use crate::limits::settings::SOCKET_MODE;
use crate::tls::Files;

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

/// What a listener speaks TLS with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates and keys.
    pub files: Files,
    /// For so long browsers are to come by TLS alone, as plain answers tell them (RFC 6797); none, the default, to tell
    /// nothing. 1 s to 10 years. It cannot be taken back from who has heard it.
    pub hsts: Option<Duration>,
    /// How often the files are looked at, beside each reload; none, the default, for never. 1 s to 1 day.
    pub watch: Option<Duration>,
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
    /// TLS is spoken here; none, the default, for plain HTTP.
    pub tls: Option<TlsSettings>,
    /// Everybody is sent to the first listener that speaks TLS. Default: no.
    pub redirects: bool,
}
