//! Whose a connection is: the address that it counts for.
//!
//! The one place that decides it; acceptors ask for the peer, connection threads for the request.

use std::net::IpAddr;

use http::StatusCode;

use crate::http::peer::{Arrival, ClientAddress, Trusted};
use crate::http::refusal::Refusal;

/// Whose a connection is, as far as its peer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This address'.
    Address(IpAddr),
    /// A proxy's at this address, which has it for one of its clients and tells in the request for whom.
    Proxy(IpAddr),
}

impl Whose {
    /// Whose a connection is that has come so.
    ///
    /// # Errors
    /// 403 where the listener is for proxies of ours only, and it is none.
    pub fn of_arrival(arrival: &Arrival, trusted: &Trusted) -> Result<Whose, Refusal> {
        if arrival.peer.is_proxy(trusted) {
            return Ok(Whose::Proxy(arrival.peer.remote().counted()));
        }
        if arrival.entry.has_proxy_protocol {
            let why =
                "this listener has proxy_protocol = true and is for proxies of proxy.trusted only";
            return Err(Refusal::new(StatusCode::FORBIDDEN, why));
        }
        Ok(Whose::Address(arrival.peer.remote().counted()))
    }

    /// Whose a request of `client` is that has come from `peer`: of whom nothing is known, they count
    /// together.
    pub fn of_request(client: ClientAddress, peer: IpAddr) -> IpAddr {
        match client {
            ClientAddress::Known(address) => address,
            ClientAddress::Local(_) | ClientAddress::Unknown => peer,
        }
    }

    /// For whom a proxy at `proxy` has the connection where it has told that it is `client`; none where
    /// that is this machine, which has no limit. Those of whom it has told nothing count together.
    pub fn of_client(client: ClientAddress, proxy: IpAddr) -> Option<IpAddr> {
        match client {
            ClientAddress::Known(address) => (!address.is_loopback()).then_some(address),
            ClientAddress::Local(_) => None,
            ClientAddress::Unknown => Some(proxy),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::Whose;
    use crate::http::peer::ClientAddress;

    /// What a proxy has told counts for the one it speaks for, and where it has told nothing for the proxy.
    #[test]
    fn behind_a_proxy_each_client_has_places_of_its_own_and_this_machine_no_limit() {
        let address = |last| IpAddr::from(Ipv4Addr::new(203, 0, 113, last));
        let (client, proxy) = (address(7), address(1));
        let of_client = |client| Whose::of_client(client, proxy);
        assert_eq!(of_client(ClientAddress::Known(client)), Some(client));
        assert_eq!(of_client(ClientAddress::Unknown), Some(proxy));
        let own = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(of_client(ClientAddress::Known(own)), None);
        let of_request = |client| Whose::of_request(client, proxy);
        assert_eq!(of_request(ClientAddress::Known(client)), client);
        assert_eq!(of_request(ClientAddress::Unknown), proxy);
    }
}
