//! Where a request comes from: whose it is when a proxy stands before the server, and whether it
//! comes from inside.
//!
//! A proxy that the settings trust is believed; anyone else could write the headers as they like.

use std::net::IpAddr;

use super::forwarded::{self, Node};
use super::host::Host;
use super::inside::{Asked, Evidence, Inside};
use super::peer::{Arrival, ClientAddress, Peer, Trusted};
use super::request::Request;

/// What the settings say about where requests come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whose word about a client's address is believed.
    pub trusted_proxies: Trusted,
    /// Who is inside.
    pub inside: Inside,
    /// What the server is called, beside `localhost` and its addresses.
    pub hosts: Vec<Host>,
}

/// What a request tells of where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Whose it is.
    pub client: ClientAddress,
    /// It is inside, unless it comes from a page of a foreign origin.
    pub may_be_inside: bool,
    /// It has come from this machine, past no proxy that says so, and asks for a name that is not this
    /// server's: a proxy that says nothing, or a page whose name was made to mean this machine.
    pub is_misdirected: bool,
}

/// Where `request` comes from, which has come as `arrival` says by a socket whose own address `local` gives.
pub fn of(
    request: &Request,
    arrival: &Arrival,
    local: impl FnOnce() -> Option<IpAddr>,
    rules: &Rules,
) -> Found {
    let peer = &arrival.peer;
    let has_traces = forwarded::has_traces(request);
    let nodes = if has_traces && peer.is_proxy(&rules.trusted_proxies) {
        forwarded::nodes(request)
    } else {
        Vec::new()
    };
    let client = client_address(&nodes, peer, &rules.trusted_proxies);
    let asked = Asked::of(request.host().as_ref(), &rules.hosts, local);
    let may_be_inside = rules.inside.admits(&Evidence {
        request,
        arrival,
        client,
        has_traces,
        is_told: !nodes.is_empty(),
        asked,
    });
    Found {
        client,
        may_be_inside,
        is_misdirected: asked == Asked::Foreign && peer.is_from_loopback() && !has_traces,
    }
}

/// The client's address: that of `peer`, or whom a proxy of ours has seen last that is none itself.
fn client_address(nodes: &[Node], peer: &Peer, trusted: &Trusted) -> ClientAddress {
    let mut farthest = peer.address();
    for node in nodes.iter().rev() {
        // What stands before something that cannot be read was not written by a proxy of ours.
        let Some(address) = *node else {
            return ClientAddress::Unknown;
        };
        farthest = ClientAddress::Known(address);
        if !trusted.has(address) {
            break;
        }
    }
    farthest
}

#[cfg(test)]
mod tests;
