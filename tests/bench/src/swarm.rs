//! The load's clients: one thread, one epoll, whole frames.
//!
//! Everything that a server sends is parsed here and handed to the load's [`Traffic`]; what that
//! wants to say leaves with one send for each client and read, so that the load costs less than
//! the servers it measures.

use std::io;
use std::mem::take;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bench::wire::{self, BINARY, Frame, PING, PONG, TEXT};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::derive_accept_key;

const READ_BYTES: usize = 256 * 1024;
const EVENTS_PER_WAIT: usize = 1024;
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// Connections from one source address; the kernel has some 28,000 ports for each.
const CONNECTIONS_PER_ADDRESS: u32 = 5_000;
/// Time in which clients have to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// What a load does with what its clients hear.
pub trait Traffic {
    /// A whole message.
    fn message(&mut self, client: usize, payload: &[u8], now: Instant, outgoing: &mut Outgoing);
}

/// What clients are about to say.
#[derive(Default)]
pub struct Outgoing {
    unsent: Vec<Vec<u8>>,
    touched: Vec<usize>,
}

impl Outgoing {
    /// Bytes behind what `client` still has to say; whole frames are to be appended.
    pub fn of(&mut self, client: usize) -> &mut Vec<u8> {
        self.touched.push(client);
        &mut self.unsent[client]
    }
}

enum State {
    Connecting,
    Shaking,
    Open,
    Ended,
}

struct Client {
    socket: TcpStream,
    state: State,
    /// The beginning of a frame.
    partial: Vec<u8>,
    is_reading: bool,
    is_watched_for_write: bool,
}

/// All clients of a load.
pub struct Swarm {
    epoll: OwnedFd,
    address: SocketAddr,
    clients: Vec<Client>,
    requests: Vec<String>,
    outgoing: Outgoing,
    buffer: Vec<u8>,
    accept: String,
    opened: usize,
    ended: usize,
    cut: usize,
    pings: usize,
    first_fault: Option<String>,
}

/// How clients connect.
#[derive(Clone, Copy)]
pub struct Connecting {
    /// Handshakes at once.
    pub at_once: usize,
    /// Receive buffer of the socket; none for the kernel's choice.
    pub receive_buffer_bytes: Option<usize>,
}

impl Default for Connecting {
    fn default() -> Connecting {
        Connecting {
            at_once: 64,
            receive_buffer_bytes: None,
        }
    }
}

impl Swarm {
    /// A swarm without clients for the server on `address`.
    ///
    /// # Errors
    /// The kernel gives no epoll.
    pub fn new(address: SocketAddr) -> Result<Swarm, String> {
        Ok(Swarm {
            epoll: epoll::create(CreateFlags::CLOEXEC).map_err(|error| error.to_string())?,
            address,
            clients: Vec::new(),
            requests: Vec::new(),
            outgoing: Outgoing::default(),
            buffer: vec![0; READ_BYTES],
            accept: derive_accept_key(KEY.as_bytes()),
            opened: 0,
            ended: 0,
            cut: 0,
            pings: 0,
            first_fault: None,
        })
    }

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

    /// Number of clients, the ended ones too.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Clients whose connection ended before the load did.
    pub fn ended(&self) -> usize {
        self.ended
    }

    /// Clients that the server cut off while they did not read.
    pub fn cut(&self) -> usize {
        self.cut
    }

    /// Pings that were answered.
    pub fn pings(&self) -> usize {
        self.pings
    }

    /// Why the first of them ended.
    pub fn first_fault(&self) -> Option<&str> {
        self.first_fault.as_deref()
    }

    /// Lets a client say something now.
    pub fn say(&mut self, speak: impl FnOnce(&mut Outgoing)) {
        speak(&mut self.outgoing);
        self.flush();
    }

    /// From now on this client reads nothing, so that its socket fills.
    pub fn stop_reading(&mut self, client: usize) {
        self.clients[client].is_reading = false;
        self.watch(client);
    }

    /// Ends all connections in good order at the level of TCP.
    pub fn disconnect(&mut self) {
        self.clients.clear();
        self.requests.clear();
        self.outgoing = Outgoing::default();
        self.opened = 0;
    }

    /// Waits for bytes, until `until` at most, and serves what came.
    ///
    /// # Errors
    /// The kernel's.
    pub fn poll(&mut self, until: Instant, traffic: &mut impl Traffic) -> Result<(), String> {
        let time = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut events = Vec::with_capacity(EVENTS_PER_WAIT);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
        let mut buffer = take(&mut self.buffer);
        for event in &events {
            let client = event.data.u64() as usize;
            if client < self.clients.len() {
                self.serve(client, event.flags, &mut buffer, traffic);
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Serves until `until`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn run(&mut self, until: Instant, traffic: &mut impl Traffic) -> Result<(), String> {
        while Instant::now() < until {
            self.poll(until, traffic)?;
        }
        Ok(())
    }

    fn serve(
        &mut self,
        client: usize,
        flags: EventFlags,
        buffer: &mut [u8],
        traffic: &mut impl Traffic,
    ) {
        if flags.contains(EventFlags::OUT) {
            if matches!(self.clients[client].state, State::Connecting) {
                self.clients[client].state = State::Shaking;
                let request = take(&mut self.requests[client]);
                self.outgoing
                    .of(client)
                    .extend_from_slice(request.as_bytes());
            } else {
                self.outgoing.touched.push(client);
            }
        }
        let is_over = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        if is_over && !self.clients[client].is_reading {
            self.clients[client].state = State::Ended;
            self.cut += 1;
            // Or epoll would report its end again and again.
            epoll::delete(&self.epoll, &self.clients[client].socket).ok();
        } else if (is_over || flags.contains(EventFlags::IN))
            && let Err(fault) = self.read(client, buffer, traffic)
        {
            self.end(client, &fault);
        }
        self.flush();
    }

    fn read(
        &mut self,
        index: usize,
        buffer: &mut [u8],
        traffic: &mut impl Traffic,
    ) -> Result<(), String> {
        let client = &mut self.clients[index];
        if matches!(client.state, State::Ended) || !client.is_reading {
            return Ok(());
        }
        let count = match rustix::net::recv(&client.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err("the server ended the connection".to_owned()),
            Ok((count, _)) => count,
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let now = Instant::now();
        if client.partial.is_empty() {
            let used = self.take(index, &buffer[..count], now, traffic)?;
            self.clients[index]
                .partial
                .extend_from_slice(&buffer[used..count]);
            return Ok(());
        }
        let mut bytes = take(&mut client.partial);
        bytes.extend_from_slice(&buffer[..count]);
        let used = self.take(index, &bytes, now, traffic)?;
        bytes.drain(..used);
        self.clients[index].partial = bytes;
        Ok(())
    }

    /// Takes all that is whole; says how many bytes that was.
    fn take(
        &mut self,
        index: usize,
        bytes: &[u8],
        now: Instant,
        traffic: &mut impl Traffic,
    ) -> Result<usize, String> {
        let mut at = 0;
        if matches!(self.clients[index].state, State::Shaking) {
            let Some(length) = self.admitted(bytes)? else {
                return Ok(0);
            };
            at = length;
            self.clients[index].state = State::Open;
            self.opened += 1;
        }
        while let Some(frame) = Frame::read(bytes, at)? {
            let payload = &bytes[frame.start..frame.end];
            at = frame.end;
            match frame.opcode {
                TEXT | BINARY => traffic.message(index, payload, now, &mut self.outgoing),
                PING => {
                    self.pings += 1;
                    wire::append_masked(self.outgoing.of(index), PONG, payload);
                }
                PONG => {}
                opcode => return Err(format!("a frame with opcode {opcode}: {payload:?}")),
            }
        }
        Ok(at)
    }

    /// Length of the answer to the handshake; none where it is not complete.
    fn admitted(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        if head.starts_with("HTTP/1.1 101") && head.contains(&self.accept) {
            return Ok(Some(end + 4));
        }
        let first = head.lines().next().unwrap_or_default();
        Err(format!("not admitted: {first}"))
    }

    fn flush(&mut self) {
        let mut touched = take(&mut self.outgoing.touched);
        for client in touched.drain(..) {
            if let Err(fault) = self.send(client) {
                self.end(client, &fault);
            }
        }
        self.outgoing.touched = touched;
    }

    fn send(&mut self, index: usize) -> Result<(), String> {
        let client = &mut self.clients[index];
        let unsent = &mut self.outgoing.unsent[index];
        match client.state {
            // It leaves when the connection stands.
            State::Connecting => return Ok(()),
            State::Ended => unsent.clear(),
            State::Shaking | State::Open => {}
        }
        let mut sent = 0;
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        while sent < unsent.len() {
            match rustix::net::send(&client.socket, &unsent[sent..], flags) {
                Ok(count) => sent += count,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        if sent == unsent.len() {
            unsent.clear();
        } else {
            unsent.drain(..sent);
        }
        if unsent.is_empty() == client.is_watched_for_write {
            client.is_watched_for_write = !client.is_watched_for_write;
            self.watch(index);
        }
        Ok(())
    }

    fn watch(&mut self, index: usize) {
        let client = &self.clients[index];
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, client.is_reading);
        flags.set(EventFlags::OUT, client.is_watched_for_write);
        let key = EventData::new_u64(index as u64);
        // A descriptor of ours that was added.
        epoll::modify(&self.epoll, &client.socket, key, flags).ok();
    }

    fn end(&mut self, index: usize, fault: &str) {
        let client = &mut self.clients[index];
        if matches!(client.state, State::Ended) {
            return;
        }
        client.state = State::Ended;
        // Or epoll would report its end again and again.
        epoll::delete(&self.epoll, &client.socket).ok();
        self.ended += 1;
        self.first_fault.get_or_insert_with(|| fault.to_owned());
    }
}

/// Nobody listens.
pub struct Silence;

impl Traffic for Silence {
    fn message(&mut self, _: usize, _: &[u8], _: Instant, _: &mut Outgoing) {}
}

/// Several targets, each for so many clients.
pub fn targets(path: &str, count: usize) -> Vec<String> {
    vec![path.to_owned(); count]
}
