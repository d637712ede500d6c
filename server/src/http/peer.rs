//! Who is at the other end of a connection: what its kind says about trust, about whom it counts for
//! and about the address that the log has for it.
//!
//! Plain values, decided here for each kind and nowhere else. A further kind of socket is a further
//! kind of [`Peer`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use ipnet::IpNet;

/// The other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// Of a TCP socket.
    Tcp(SocketAddr),
    /// Of a unix socket: a process on this machine, or in a container that shares the socket's folder.
    Unix(Credentials),
}

/// The process at the other end of a unix socket when it connected, as the kernel tells (`SO_PEERCRED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Its number; 0 where it is of another namespace and has none here.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Who has opened it.
    Direct(Remote),
    /// For whom a proxy of ours has opened it, as the PROXY protocol tells: none where it has kept that
    /// to itself.
    Relayed {
        /// The socket's other end.
        proxy: Remote,
        /// Whom it speaks for.
        client: Option<Remote>,
    },
}

/// Whose word about the clients that they speak for is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    /// Who comes from these networks.
    pub networks: Vec<IpNet>,
    /// Who comes by a unix socket.
    pub has_unix: bool,
}

/// What the listener, by which a connection has come, says of all who come by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Who comes by it is inside.
    pub is_inside: bool,
    /// Proxies of ours begin with a header of the PROXY protocol, and nobody else comes by it.
    pub has_proxy_protocol: bool,
    /// Everybody is sent to this port, on which TLS is spoken.
    pub redirects_to: Option<u16>,
    /// Seconds for which browsers are to come by TLS alone (RFC 6797).
    pub hsts: Option<u64>,
}

/// How a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The other end.
    pub peer: Peer,
    /// The way in.
    pub entry: Entry,
}

/// A client, as far as it is known where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientAddress {
    /// From this address.
    Known(IpAddr),
    /// This process, by a unix socket; it may be a proxy that keeps to itself for whom it speaks.
    Local(Credentials),
    /// A proxy of ours speaks for it, and what the proxy says of whom cannot be read.
    Unknown,
}

impl Remote {
    /// The address that it counts for where addresses have limits: by a unix socket only this machine comes.
    pub fn counted(&self) -> IpAddr {
        match self {
            Remote::Tcp(address) => address.ip(),
            Remote::Unix(_) => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// Whether it is a proxy of ours, which is believed.
    pub fn is_of(&self, trusted: &Trusted) -> bool {
        match self {
            Remote::Tcp(address) => trusted.has(address.ip()),
            Remote::Unix(_) => trusted.has_unix,
        }
    }

    /// What [`Display`](fmt::Display) writes. Each connection has it written, so that the most common kind goes past the
    /// machinery of formatting, which takes ten times as long and most of what is left of the stack.
    pub fn text(&self) -> String {
        match self {
            Remote::Tcp(SocketAddr::V4(address)) => text_of(*address),
            _ => self.to_string(),
        }
    }

    fn address(&self) -> ClientAddress {
        match self {
            Remote::Tcp(address) => ClientAddress::Known(address.ip().to_canonical()),
            Remote::Unix(credentials) => ClientAddress::Local(*credentials),
        }
    }
}

fn text_of(address: SocketAddrV4) -> String {
    let mut text = String::with_capacity("255.255.255.255:65535".len());
    let mut number = itoa::Buffer::new();
    for octet in address.ip().octets() {
        text.push_str(number.format(octet));
        text.push('.');
    }
    text.pop();
    text.push(':');
    text.push_str(number.format(address.port()));
    text
}

impl fmt::Display for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Tcp(address) => address.fmt(formatter),
            Remote::Unix(credentials) => credentials.fmt(formatter),
        }
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials { pid, uid, gid } = self;
        write!(formatter, "unix:pid={pid},uid={uid},gid={gid}")
    }
}

impl Trusted {
    /// Whether `address` is a proxy of ours.
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|of| of.contains(&address))
    }
}

impl Peer {
    /// The socket's other end.
    pub fn remote(&self) -> Remote {
        match *self {
            Peer::Direct(remote) => remote,
            Peer::Relayed { proxy, .. } => proxy,
        }
    }

    /// The one who has written the request's headers; none where a proxy keeps that to itself.
    fn writer(&self) -> Option<Remote> {
        match *self {
            Peer::Direct(remote) => Some(remote),
            Peer::Relayed { client, .. } => client,
        }
    }

    /// Where the one is who has written the request's headers, as far as it is known.
    pub fn address(&self) -> ClientAddress {
        self.writer()
            .map_or(ClientAddress::Unknown, |writer| writer.address())
    }

    /// Whether who has written the headers is a proxy of ours, which is believed.
    pub fn is_proxy(&self, trusted: &Trusted) -> bool {
        self.writer().is_some_and(|writer| writer.is_of(trusted))
    }

    /// Whether it has come from this machine itself by TCP, as a browser's page does too. Who comes by a unix
    /// socket is mostly a proxy, and no page.
    pub fn is_from_loopback(&self) -> bool {
        match self {
            Peer::Direct(Remote::Tcp(address)) => address.ip().to_canonical().is_loopback(),
            Peer::Direct(Remote::Unix(_)) | Peer::Relayed { .. } => false,
        }
    }

    /// Its client for the log, before a request has told for whom a proxy speaks.
    pub fn shown(&self, trusted: &Trusted) -> Shown {
        match self.writer() {
            Some(Remote::Tcp(_)) if self.is_proxy(trusted) => Shown::UnknownBy(self.remote()),
            _ => self.shown_as(self.address()),
        }
    }

    /// Its client for the log, when a request has told that it is `client`.
    pub fn shown_as(&self, client: ClientAddress) -> Shown {
        match (client, self.writer()) {
            (_, Some(writer)) if client == writer.address() => Shown::Socket(writer),
            (ClientAddress::Known(address), _) => Shown::Address(address),
            (ClientAddress::Local(_) | ClientAddress::Unknown, _) => {
                Shown::UnknownBy(self.remote())
            }
        }
    }
}

/// A client as the log has it: never the address of a proxy that speaks for somebody else, where a
/// program that bans addresses would take it for the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It has come by itself, from this address and port, or by a unix socket.
    Socket(Remote),
    /// It has come by a proxy.
    Address(IpAddr),
    /// It has come by this proxy, and nothing more is known of it.
    UnknownBy(Remote),
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Socket(remote) => remote.fmt(formatter),
            Shown::Address(address) => address.fmt(formatter),
            Shown::UnknownBy(proxy) => write!(formatter, "{UNKNOWN} by {proxy}"),
        }
    }
}

/// What stands for an address that is not known.
const UNKNOWN: &str = "unknown";

impl fmt::Display for ClientAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientAddress::Known(address) => address.fmt(formatter),
            ClientAddress::Local(process) => process.fmt(formatter),
            ClientAddress::Unknown => formatter.write_str(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Remote};

    #[test]
    fn the_text_is_what_is_displayed() {
        for address in [
            "0.0.0.0:0",
            "127.0.0.1:80",
            "255.255.255.255:65535",
            "[::1]:25252",
        ] {
            let remote = Remote::Tcp(address.parse().expect("an address"));
            assert_eq!(remote.text(), address);
            assert_eq!(remote.to_string(), address);
        }
        let (pid, uid, gid) = (1, 2, 3);
        let process = Remote::Unix(Credentials { pid, uid, gid });
        assert_eq!(process.text(), process.to_string());
    }
}
