//! The load's clients: one thread, one epoll, whole messages, whatever the protocol.
//!
//! Everything that a server sends is parsed here and handed to the load's [`Traffic`]; what that
//! wants to say leaves with one send for each client and read, so that the load costs less than
//! the servers it measures.

mod connect;
mod http;
mod secured;
mod serve;
mod socket_io;

pub use connect::{Connecting, Protocol, targets};

use std::mem::take;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use flate2::Decompress;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags};
use rustls::{ClientConfig, ClientConnection};

const READ_BYTES: usize = 256 * 1024;
/// Bytes of the largest message that may come compressed.
const INFLATED_BYTES_MAX: usize = 64 * 1024;
const EVENTS_PER_WAIT: usize = 1024;

/// What a load does with what its clients hear.
pub trait Traffic {
    /// A whole message.
    ///
    /// For who sends plain requests that is the body of an answer that says yes.
    fn message(&mut self, client: usize, payload: &[u8], now: Instant, outgoing: &mut Outgoing);

    /// The position that an event stream tells, before the message that it belongs to.
    fn position(&mut self, _client: usize, _id: &[u8]) {}
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
    /// Where it comes by TLS.
    session: Option<Box<ClientConnection>>,
    protocol: Protocol,
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
    /// Clients that connect now come by TLS, with this.
    trust: Option<Arc<ClientConfig>>,
    /// What has come sealed.
    sealed: Vec<u8>,
    /// Sessions that are those of earlier ones.
    resumed: usize,
    opened: usize,
    ended: usize,
    pings: usize,
    /// Clients that connect now offer to compress.
    compresses: bool,
    inflate: Decompress,
    /// The message that came compressed last.
    inflated: Vec<u8>,
    /// What that was before.
    deflated: Vec<u8>,
    /// Messages that came, and their bytes as frames.
    messages: u64,
    message_bytes: u64,
    first_fault: Option<String>,
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
            trust: None,
            sealed: Vec::new(),
            resumed: 0,
            opened: 0,
            ended: 0,
            pings: 0,
            compresses: false,
            inflate: Decompress::new(false),
            inflated: Vec::with_capacity(INFLATED_BYTES_MAX),
            deflated: Vec::new(),
            messages: 0,
            message_bytes: 0,
            first_fault: None,
        })
    }

    /// From now on clients connect to the server on `address`.
    pub fn turn_to(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// From now on clients come by TLS.
    pub fn secure(mut self, trust: Arc<ClientConfig>) -> Swarm {
        self.trust = Some(trust);
        self.sealed = vec![0; READ_BYTES];
        self
    }

    /// Of those whose connection stands, how many have gone on with an earlier session of TLS.
    pub fn resumed(&self) -> usize {
        self.resumed
    }

    /// Number of clients, the ended ones too.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Clients whose connection ended before the load did.
    pub fn ended(&self) -> usize {
        self.ended
    }

    /// Pings that were answered.
    pub fn pings(&self) -> usize {
        self.pings
    }

    /// Bytes that a message took on the wire, in the mean of all that came.
    pub fn bytes_per_message(&self) -> f64 {
        self.message_bytes as f64 / self.messages as f64
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
}

/// Nobody listens.
pub struct Silence;

impl Traffic for Silence {
    fn message(&mut self, _: usize, _: &[u8], _: Instant, _: &mut Outgoing) {}
}
