//! The header of the PROXY protocol, version 1 and 2, by which a proxy says for whom it has opened a
//! connection (proxy-protocol.txt of HAProxy).
//!
//! Pure functions on bytes, in any cutting. Own code, since it has to be told "more bytes" from "no such
//! header" at the first byte that decides, and bounded; what it reads is two fixed forms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::host::parse_port;
use super::peer::{Peer, Remote};
use super::refusal::Refusal;
use crate::limits::PROXY_HEADER_BYTES_MAX;

/// What a header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What one of version 1 begins with.
const WORD: &[u8] = b"PROXY ";
/// The longest line of version 1, its CR LF included.
const LINE_BYTES_MAX: usize = 107;
/// Signature, command, family and length of version 2.
const FIXED_BYTES: usize = 16;

/// For whom a proxy has opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// For itself: to see whether the server is there.
    Itself,
    /// For this client; none where the proxy does not know, or it has come by something else than TCP.
    Client(Option<SocketAddr>),
}

impl Relayed {
    /// The other end of a connection from `proxy`.
    pub fn peer(self, proxy: Remote) -> Peer {
        let client = match self {
            Relayed::Itself => Some(proxy),
            Relayed::Client(client) => client.map(Remote::Tcp),
        };
        Peer::Relayed { proxy, client }
    }
}

/// Reads the header that `bytes` begin with, and says how long it is. None while it is not complete.
///
/// # Errors
/// 400 as soon as it can become none.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Relayed, usize)>, Refusal> {
    let begins = |start: &[u8]| {
        let both = start.len().min(bytes.len());
        bytes[..both] == start[..both]
    };
    if begins(SIGNATURE) {
        return parse_binary(bytes);
    }
    if begins(WORD) {
        return parse_line(bytes);
    }
    Err(Refusal::malformed(
        "no header of the PROXY protocol, which this listener expects (proxy_protocol = true): HAProxy \
         writes it with send-proxy or send-proxy-v2",
    ))
}

fn parse_line(bytes: &[u8]) -> Result<Option<(Relayed, usize)>, Refusal> {
    let longest = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = longest.windows(2).position(|pair| pair == b"\r\n") else {
        if bytes.len() >= LINE_BYTES_MAX {
            return Err(malformed());
        }
        return Ok(None);
    };
    let line = std::str::from_utf8(&bytes[WORD.len()..end]).map_err(|_| malformed())?;
    let parts: Vec<&str> = line.split(' ').collect();
    let relayed = match parts[..] {
        ["UNKNOWN", ..] => Relayed::Client(None),
        ["TCP4", source, destination, from, to] => {
            let ends = (source.parse::<Ipv4Addr>(), destination.parse::<Ipv4Addr>());
            let (Ok(source), Ok(_)) = ends else {
                return Err(malformed());
            };
            Relayed::Client(Some(ports(source.into(), from, to)?))
        }
        ["TCP6", source, destination, from, to] => {
            let ends = (source.parse::<Ipv6Addr>(), destination.parse::<Ipv6Addr>());
            let (Ok(source), Ok(_)) = ends else {
                return Err(malformed());
            };
            Relayed::Client(Some(ports(source.into(), from, to)?))
        }
        _ => return Err(malformed()),
    };
    Ok(Some((relayed, end + 2)))
}

fn ports(source: IpAddr, from: &str, to: &str) -> Result<SocketAddr, Refusal> {
    let port = |text: &str| parse_port(text).filter(|_| !text.is_empty());
    match (port(from), port(to)) {
        (Some(from), Some(_)) => Ok(SocketAddr::new(source, from)),
        _ => Err(malformed()),
    }
}

fn parse_binary(bytes: &[u8]) -> Result<Option<(Relayed, usize)>, Refusal> {
    let Some(fixed) = bytes.first_chunk::<FIXED_BYTES>() else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *fixed;
    let length = FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if length > PROXY_HEADER_BYTES_MAX {
        return Err(Refusal::malformed(format!(
            "a header of the PROXY protocol of {length} bytes, over the limit of {PROXY_HEADER_BYTES_MAX}"
        )));
    }
    let Some(rest) = bytes.get(FIXED_BYTES..length) else {
        return Ok(None);
    };
    let relayed = match command {
        0x20 => Relayed::Itself,
        0x21 => Relayed::Client(source(family, rest)?),
        _ => return Err(malformed()),
    };
    Ok(Some((relayed, length)))
}

/// The source address of TCP over IPv4 or IPv6; what follows the addresses is not looked at.
fn source(family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, Refusal> {
    let port = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    match family {
        0x11 => {
            let [a, b, c, d, _, _, _, _, high, low, ..] = *rest else {
                return Err(malformed());
            };
            if rest.len() < 12 {
                return Err(malformed());
            }
            let address = Ipv4Addr::new(a, b, c, d);
            Ok(Some(SocketAddr::new(address.into(), port(high, low))))
        }
        0x21 => {
            let (Some(address), Some(&[high, low])) = (rest.first_chunk::<16>(), rest.get(32..34))
            else {
                return Err(malformed());
            };
            if rest.len() < 36 {
                return Err(malformed());
            }
            let address = Ipv6Addr::from(*address);
            Ok(Some(SocketAddr::new(address.into(), port(high, low))))
        }
        // Unix sockets, UDP, and what the proxy does not say.
        0x00..=0x02 | 0x10 | 0x12 | 0x20 | 0x22 | 0x30..=0x32 => Ok(None),
        _ => Err(malformed()),
    }
}

fn malformed() -> Refusal {
    Refusal::malformed("the header of the PROXY protocol is malformed")
}

#[cfg(test)]
mod tests;
