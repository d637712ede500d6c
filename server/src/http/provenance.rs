//! Where a request comes from: whose it is when a proxy stands before the server, and whether it
//! comes from inside.
//!
//! A proxy that the settings trust is believed; anyone else could write the headers as they like.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::origin::{self, AllowedOrigins};
use super::request::{Provenance, Request};

/// Headers that a proxy leaves behind.
const PROXY_HEADERS: [&str; 4] = ["x-real-ip", "x-forwarded-for", "forwarded", "via"];

/// Where `request` comes from, which `peer` has sent.
pub fn of(
    request: &Request,
    peer: SocketAddr,
    origins: &AllowedOrigins,
    trusted: &[IpNet],
) -> Provenance {
    let peer = peer.ip().to_canonical();
    let is_inside = peer.is_loopback()
        && !PROXY_HEADERS
            .iter()
            .any(|name| request.header(name).is_some())
        && origin::check(request, origins).is_ok();
    Provenance {
        client_address: client_address(request, peer, trusted).to_string().into(),
        is_inside,
    }
}

/// The client's address: `peer`, or where `peer` is a proxy that we trust, the last address in
/// `X-Forwarded-For` that is not such a proxy, or else `X-Real-IP`.
fn client_address(request: &Request, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let forwarded: Vec<_> = request.list("x-forwarded-for").collect();
    for text in forwarded.iter().rev() {
        // What stands before something that is no address was not written by a proxy of ours.
        let Some(address) = parse(text) else {
            return peer;
        };
        if !is_trusted(address, trusted) {
            return address;
        }
    }
    let real = request
        .header("x-real-ip")
        .and_then(|value| std::str::from_utf8(value).ok());
    real.and_then(parse).unwrap_or(peer)
}

/// Whether `address` is a proxy of ours.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

fn parse(text: &str) -> Option<IpAddr> {
    text.trim()
        .parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::http::HttpLimits;
    use crate::http::origin::AllowedOrigins;
    use crate::http::request::{Provenance, Request};

    fn provenance(peer: &str, headers: &str) -> Provenance {
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
        let peer = peer.parse().expect("an address");
        let request =
            Request::parse(head.as_bytes(), peer, HttpLimits::default()).expect("well-formed");
        {
            let trusted = ["127.0.0.0/8", "::1/128"].map(|text| text.parse().expect("a network"));
            of(&request, peer, &AllowedOrigins::default(), &trusted)
        }
    }

    fn address(peer: &str, headers: &str) -> Box<str> {
        provenance(peer, headers).client_address
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        let headers = "X-Forwarded-For: 198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\n";
        assert_eq!(&*address("127.0.0.1:1", headers), "198.51.100.7");
        assert_eq!(&*address("192.0.2.1:1", headers), "192.0.2.1");
    }

    #[test]
    fn the_address_that_our_proxy_saw_counts_not_what_the_client_wrote() {
        let headers = "X-Forwarded-For: 203.0.113.66, 198.51.100.7, 127.0.0.1\r\n";
        assert_eq!(&*address("127.0.0.1:1", headers), "198.51.100.7");
    }

    #[test]
    fn real_ip_stands_in_and_nonsense_does_not() {
        assert_eq!(
            &*address("[::1]:1", "X-Real-IP: 2001:db8::1\r\n"),
            "2001:db8::1"
        );
        assert_eq!(
            &*address("127.0.0.1:1", "X-Real-IP: nobody\r\n"),
            "127.0.0.1"
        );
        assert_eq!(&*address("127.0.0.1:1", ""), "127.0.0.1");
    }

    #[test]
    fn inside_is_loopback_without_traces_of_a_proxy() {
        let inside = |peer: &str, headers: &str| provenance(peer, headers).is_inside;
        assert!(inside("127.0.0.1:1", ""));
        assert!(inside("[::1]:1", ""));
        assert!(inside("[::ffff:127.0.0.1]:1", "Origin: http://h\r\n"));
        assert!(!inside("192.0.2.1:1", ""));
        for header in [
            "X-Real-IP: ::1",
            "X-Forwarded-For: 127.0.0.1",
            "Forwarded: for=h",
            "Via: 1.1 p",
        ] {
            assert!(!inside("127.0.0.1:1", &format!("{header}\r\n")), "{header}");
        }
        assert!(!inside("127.0.0.1:1", "Origin: http://elsewhere\r\n"));
    }
}
