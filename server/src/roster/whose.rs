//! Whose a connection is: the address that it counts for.
//!
//! The one place that decides it; acceptors ask for the peer, connection threads for the request.

use std::net::IpAddr;

use http::StatusCode;
use ipnet::IpNet;

use crate::http::peer::{Arrival, ClientAddress};

/// Whose a connection is, as far as its peer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This address'.
    Address(IpAddr),
    /// A proxy's, which has it for one of its clients and tells in the request for whom.
    Proxy,
}

impl Whose {
    /// Whose a connection is that has come so.
    ///
    /// # Errors
    /// 403 where the listener is for proxies of ours only, and it is none.
    pub fn of_arrival(arrival: &Arrival, trusted: &[IpNet]) -> Result<Whose, (StatusCode, String)> {
        if arrival.peer.is_proxy(trusted) {
            return Ok(Whose::Proxy);
        }
        if arrival.entry.has_proxy_protocol {
            let why =
                "this listener has proxy_protocol = true and is for proxies of proxy.trusted only";
            return Err((StatusCode::FORBIDDEN, why.to_owned()));
        }
        Ok(Whose::Address(arrival.peer.socket().ip()))
    }

    /// For whom a proxy at `proxy` has the connection where it has told that it is `client`; none where
    /// that is this machine, which has no limit. Those of whom it has told nothing count together.
    pub fn of_client(client: ClientAddress, proxy: IpAddr) -> Option<IpAddr> {
        match client {
            ClientAddress::Known(address) => (!address.is_loopback()).then_some(address),
            ClientAddress::Unknown => Some(proxy),
        }
    }
}
