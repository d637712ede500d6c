//! Who is at the other end of a connection: what its kind says about trust, about whom it counts for
//! and about the address that the log has for it.
//!
//! Plain values, decided here for each kind and nowhere else. A further kind of socket is a further
//! kind of [`Peer`].

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Of a TCP socket.
    Tcp(SocketAddr),
    /// For whom a proxy of ours has opened it, as the PROXY protocol tells: none where it has kept that
    /// to itself.
    Relayed {
        /// The socket's other end.
        proxy: SocketAddr,
        /// Whom it speaks for.
        client: Option<SocketAddr>,
    },
}

/// What the listener, by which a connection has come, says of all who come by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Who comes by it is inside.
    pub is_inside: bool,
    /// Proxies of ours begin with a header of the PROXY protocol, and nobody else comes by it.
    pub has_proxy_protocol: bool,
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
    /// A proxy of ours speaks for it, and what the proxy says of whom cannot be read.
    Unknown,
}

impl Peer {
    /// The socket's other end.
    pub fn socket(&self) -> SocketAddr {
        match *self {
            Peer::Tcp(address) => address,
            Peer::Relayed { proxy, .. } => proxy,
        }
    }

    /// The one who has written the request's headers, as far as it is known.
    pub fn address(&self) -> ClientAddress {
        let known = |address: SocketAddr| ClientAddress::Known(address.ip().to_canonical());
        match *self {
            Peer::Tcp(address) => known(address),
            Peer::Relayed { client, .. } => client.map_or(ClientAddress::Unknown, known),
        }
    }

    /// Whether who has written the headers is a proxy of ours, which is believed.
    pub fn is_proxy(&self, trusted: &[IpNet]) -> bool {
        match self.address() {
            ClientAddress::Known(address) => is_trusted(address, trusted),
            ClientAddress::Unknown => false,
        }
    }

    /// Whether it has come from this machine itself, as far as the socket tells.
    pub fn is_of_this_machine(&self) -> bool {
        match self {
            Peer::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Peer::Relayed { .. } => false,
        }
    }

    /// Its client for the log, before a request has told for whom a proxy speaks.
    pub fn shown(&self, trusted: &[IpNet]) -> Shown {
        if self.is_proxy(trusted) {
            Shown::UnknownBy(self.socket())
        } else {
            self.shown_as(self.address())
        }
    }

    /// Its client for the log, when a request has told that it is `client`.
    pub fn shown_as(&self, client: ClientAddress) -> Shown {
        match client {
            ClientAddress::Unknown => Shown::UnknownBy(self.socket()),
            _ if client == self.address() => Shown::Socket(match *self {
                Peer::Tcp(address) => address,
                Peer::Relayed { proxy, client } => client.unwrap_or(proxy),
            }),
            ClientAddress::Known(address) => Shown::Address(address),
        }
    }
}

/// A client as the log has it: never the address of a proxy that speaks for somebody else, where a
/// program that bans addresses would take it for the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It has come by itself, from this address and port.
    Socket(SocketAddr),
    /// It has come by a proxy.
    Address(IpAddr),
    /// It has come by this proxy, and nothing more is known of it.
    UnknownBy(SocketAddr),
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Socket(address) => address.fmt(formatter),
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
            ClientAddress::Unknown => formatter.write_str(UNKNOWN),
        }
    }
}

/// Whether `address` is a proxy of ours.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}
