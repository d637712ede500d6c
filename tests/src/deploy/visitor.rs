//! Who comes from outside: over TLS, to the proxy, from an address that is neither the proxy's nor the
//! server's.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::authority::NAME;
use crate::{Client, DEADLINE};

/// Where visitors come from. Loopback as well, since nothing leaves the machine, but not 127.0.0.1.
pub const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A WebSocket client over TLS.
pub type Visitor = Client<Tls>;

/// A TCP connection to `address` from [`VISITOR`].
#[track_caller]
pub(super) fn reach(address: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::new(VISITOR, 0)).expect("all of 127.0.0.0/8 is this machine");
    connect(&socket, &address).expect("the proxy listens");
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).expect("a live socket");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    stream
}

/// A connection by TLS, for the name in the texts.
#[track_caller]
pub(super) fn reach_by_tls(address: SocketAddr, trust: Arc<ClientConfig>) -> Tls {
    let name = NAME.try_into().expect("a valid name");
    let session = ClientConnection::new(trust, name).expect("a valid configuration");
    StreamOwned::new(session, reach(address))
}

/// An answer that is read as it comes.
pub struct Answer {
    stream: Tls,
    seen: String,
}

impl Answer {
    pub(super) fn to(mut stream: Tls, request: &str) -> Answer {
        stream
            .write_all(request.as_bytes())
            .expect("the connection stands");
        Answer {
            stream,
            seen: String::new(),
        }
    }

    /// Waits until `part` has come behind what was waited for before; gives what came up to its end.
    #[track_caller]
    pub fn until(&mut self, part: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(part) {
                let rest = self.seen.split_off(at + part.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let mut bytes = [0; 4096];
            let read = self.stream.read(&mut bytes);
            let count = *read.as_ref().unwrap_or(&0);
            assert!(count > 0, "no {part:?} in {:?}: {read:?}", self.seen);
            self.seen += &String::from_utf8_lossy(&bytes[..count]);
        }
    }
}

/// Sends a plain GET and reads all of the answer: its status and the rest.
#[track_caller]
pub(super) fn get(mut stream: impl Read + Write, host: &str, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the connection stands");
    let mut answer = Vec::new();
    // A proxy that ends TLS without a word has still said all of the answer.
    let end = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line ({end:?}): {answer}"));
    (status, answer)
}
