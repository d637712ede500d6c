//! Whose a connection is: the address that it counts for.
//!
//! The one place that decides it; acceptors ask for the peer, connection threads for the request.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::http::provenance;
use crate::http::request::Request;

/// Whose a connection is, as far as its peer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This address'.
    Address(IpAddr),
    /// A proxy's, which has it for one of its clients and tells in the request for whom.
    Proxy,
}

impl Whose {
    /// Whose a connection of `peer` is.
    pub fn of_peer(peer: IpAddr, trusted: &[IpNet]) -> Whose {
        if provenance::is_trusted(peer, trusted) {
            Whose::Proxy
        } else {
            Whose::Address(peer)
        }
    }

    /// For whom a proxy has the connection, as `request` tells; none where it names nobody but this
    /// machine, which has no limit.
    pub fn of_request(request: &Request, peer: IpAddr) -> Option<IpAddr> {
        let client = request.provenance.client_address.parse();
        let client = client.unwrap_or(peer);
        (!client.is_loopback()).then_some(client)
    }
}
