//! How clients come to be: source addresses, sockets, handshakes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::derive_accept_key;

use super::{Client, Silence, State, Swarm};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// Connections from one source address; the kernel has some 28,000 ports for each.
const CONNECTIONS_PER_ADDRESS: u32 = 5_000;
/// Time in which clients have to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// How clients connect.
#[derive(Clone, Copy)]
pub struct Connecting {
    /// Handshakes at once.
    pub at_once: usize,
    /// Receive buffer of the socket; none for the kernel's choice.
    pub receive_buffer_bytes: Option<usize>,
    /// Largest segment that the server may send; none for loopback's 64 KiB, of which the kernel lets
    /// megabytes wait in a socket.
    pub segment_bytes: Option<u32>,
}

impl Default for Connecting {
    fn default() -> Connecting {
        Connecting {
            at_once: 64,
            receive_buffer_bytes: None,
            segment_bytes: None,
        }
    }
}

impl Swarm {
    /// Connects a client to each of the targets and waits until all of them are admitted.
    ///
    /// # Errors
    /// One of them is not, or not in time.
    pub fn connect(&mut self, targets: &[String], connecting: Connecting) -> Result<(), String> {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let wanted = self.clients.len() + targets.len();
        let mut targets = targets.iter();
        while self.opened < wanted {
            while self.clients.len() - self.opened < connecting.at_once
                && let Some(target) = targets.next()
            {
                self.begin(target, connecting).map_err(|error| {
                    format!("connection {} cannot be made: {error}", self.clients.len())
                })?;
            }
            self.poll(deadline, &mut Silence)?;
            if let Some(fault) = &self.first_fault {
                return Err(format!("after {} connections: {fault}", self.opened));
            }
            if Instant::now() >= deadline {
                return Err(format!(
                    "{} of {wanted} connected in {CONNECT_TIMEOUT:?}",
                    self.opened
                ));
            }
        }
        Ok(())
    }

    fn begin(&mut self, target: &str, connecting: Connecting) -> io::Result<()> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let last = 2 + (count / CONNECTIONS_PER_ADDRESS) % 250;
        let source = Ipv4Addr::new(127, 0, 0, last as u8);
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.set_tcp_nodelay(true)?;
        if let Some(bytes) = connecting.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = connecting.segment_bytes {
            socket.set_tcp_mss(bytes)?;
        }
        match socket.connect(&self.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(115) => {} // EINPROGRESS
            Err(error) => return Err(error),
        }
        let key = EventData::new_u64(self.clients.len() as u64);
        let socket = TcpStream::from(socket);
        epoll::add(&self.epoll, &socket, key, EventFlags::OUT)?;
        self.clients.push(Client {
            socket,
            state: State::Connecting,
            partial: Vec::new(),
            is_reading: true,
            is_watched_for_write: true,
        });
        self.outgoing.unsent.push(Vec::new());
        self.requests.push(format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
            self.address
        ));
        Ok(())
    }

    /// Length of the answer to the handshake; none where it is not complete.
    pub(super) fn admitted(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        if head.starts_with("HTTP/1.1 101") && head.contains(&derive_accept_key(KEY.as_bytes())) {
            return Ok(Some(end + 4));
        }
        let first = head.lines().next().unwrap_or_default();
        Err(format!("not admitted: {first}"))
    }
}

/// Several targets, each for so many clients.
pub fn targets(path: &str, count: usize) -> Vec<String> {
    vec![path.to_owned(); count]
}
