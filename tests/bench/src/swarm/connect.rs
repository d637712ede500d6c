//! How clients come to be: source addresses, sockets, handshakes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::derive_accept_key;

use super::{Client, Silence, State, Swarm, Traffic, http};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const EVENT_STREAM: &str = "content-type: text/event-stream";
/// What every server is asked for: so that all do the same work, and none keeps a window for a client.
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                     client_no_context_takeover\r\n";
/// Connections from one source address; the kernel has some 28,000 ports for each.
const CONNECTIONS_PER_ADDRESS: u32 = 5_000;
/// Time in which clients have to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 6455.
    WebSocket,
    /// What socket.io speaks inside of that, with messages of one text.
    SocketIo,
    /// An event stream: it hears and says nothing.
    EventStream,
    /// Requests one after the other on a connection that stays; it says them whole.
    Requests,
}

/// How clients connect.
#[derive(Clone, Copy)]
pub struct Connecting<'a> {
    /// What they speak.
    pub protocol: Protocol,
    /// Where an event stream was when it ended, as it was told.
    pub last_event_id: Option<&'a str>,
    /// Handshakes at once.
    pub at_once: usize,
    /// Receive buffer of the socket; none for the kernel's choice.
    pub receive_buffer_bytes: Option<usize>,
    /// Largest segment that the server may send; none for loopback's 64 KiB, of which the kernel lets
    /// megabytes wait in a socket.
    pub segment_bytes: Option<u32>,
    /// Whether clients offer to compress, and the server must.
    pub compresses: bool,
}

impl Default for Connecting<'_> {
    fn default() -> Self {
        Connecting {
            protocol: Protocol::WebSocket,
            last_event_id: None,
            at_once: 64,
            receive_buffer_bytes: None,
            segment_bytes: None,
            compresses: false,
        }
    }
}

impl Swarm {
    /// Connects a client to each of the targets and waits until all of them are admitted.
    ///
    /// # Errors
    /// One of them is not, or not in time.
    pub fn connect(&mut self, targets: &[String], connecting: Connecting) -> Result<(), String> {
        self.connect_hearing(targets, connecting, &mut Silence)
    }

    /// The same; what those hear who are in already is handed to `traffic`.
    ///
    /// # Errors
    /// See [`Swarm::connect`].
    pub fn connect_hearing(
        &mut self,
        targets: &[String],
        connecting: Connecting,
        traffic: &mut impl Traffic,
    ) -> Result<(), String> {
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
            self.poll(deadline, traffic)?;
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
        let socket = self.reach(self.clients.len(), connecting)?;
        let session = self.session().map_err(io::Error::other)?;
        self.clients.push(Client {
            socket,
            session,
            protocol: connecting.protocol,
            state: State::Connecting,
            partial: Vec::new(),
            is_reading: true,
            is_watched_for_write: true,
        });
        self.outgoing.unsent.push(Vec::new());
        self.requests.push(self.request(target, connecting));
        self.compresses = connecting.compresses;
        Ok(())
    }

    /// Gives a client that sends requests another connection, where the server has ended the last one in good order. What it
    /// is about to say leaves when that stands.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn connect_again(&mut self, index: usize) -> Result<(), String> {
        let connecting = Connecting {
            protocol: Protocol::Requests,
            ..Connecting::default()
        };
        let socket = self
            .reach(index, connecting)
            .map_err(|error| format!("it cannot connect again: {error}"))?;
        let client = &mut self.clients[index];
        // The one before goes with it, and out of epoll.
        client.socket = socket;
        client.state = State::Connecting;
        client.is_watched_for_write = true;
        self.opened -= 1;
        Ok(())
    }

    /// The socket of a client on its way to the server.
    fn reach(&self, index: usize, connecting: Connecting) -> io::Result<TcpStream> {
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
        let key = EventData::new_u64(index as u64);
        let socket = TcpStream::from(socket);
        epoll::add(&self.epoll, &socket, key, EventFlags::OUT)?;
        Ok(socket)
    }

    /// What a client says first; nothing where it waits for what the load has to say.
    fn request(&self, target: &str, connecting: Connecting) -> String {
        let room;
        let target = match connecting.protocol {
            Protocol::SocketIo => {
                room = format!("/socket.io/?EIO=4&transport=websocket&room={target}");
                &room
            }
            _ => target,
        };
        let mut head = match connecting.protocol {
            Protocol::Requests => return String::new(),
            Protocol::EventStream => {
                format!("GET {target} HTTP/1.1\r\nAccept: text/event-stream\r\n")
            }
            Protocol::WebSocket | Protocol::SocketIo => format!(
                "GET {target} HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
            ),
        };
        if let Some(id) = connecting.last_event_id {
            head += &format!("Last-Event-ID: {id}\r\n");
        }
        if connecting.compresses {
            head += OFFER;
        }
        head + &format!("Host: {}\r\n\r\n", self.address)
    }

    /// Length of the answer that lets a client in; none where it is not complete.
    pub(super) fn admitted(
        &self,
        protocol: Protocol,
        bytes: &[u8],
    ) -> Result<Option<usize>, String> {
        let Some(end) = http::head_end(bytes) else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        let is_admitted = match protocol {
            Protocol::WebSocket | Protocol::SocketIo => {
                let accept = derive_accept_key(KEY.as_bytes());
                head.starts_with("HTTP/1.1 101") && head.contains(&accept)
            }
            // Each event is read as it comes, so that it must not stand in chunks.
            _ => {
                let head = head.to_ascii_lowercase();
                let is_chunked = head.contains("transfer-encoding");
                head.starts_with("http/1.1 200") && head.contains(EVENT_STREAM) && !is_chunked
            }
        };
        if is_admitted {
            if self.compresses && !head.to_ascii_lowercase().contains("permessage-deflate") {
                return Err("the server does not compress".to_owned());
            }
            return Ok(Some(end));
        }
        let first = head.lines().next().unwrap_or_default();
        Err(format!("not admitted: {first}"))
    }
}

/// Several targets, each for so many clients.
pub fn targets(path: &str, count: usize) -> Vec<String> {
    vec![path.to_owned(); count]
}
