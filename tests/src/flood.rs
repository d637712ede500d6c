//! Connections that are opened and not used well, by the thousand, from as many addresses as one likes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{Domain, Socket, Type};

use crate::{DEADLINE, Raw, Server, becomes_true, by_tls};

/// Source addresses of floods: 127.0.1.0 on, which count as addresses where no proxy is trusted.
pub fn flooding(number: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 0)) + number as u32)
}

/// Source addresses of honest clients: 127.1.0.1 on.
pub fn honest(number: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + number as u32)
}

/// A flood that goes on until it is dropped: whoever is closed by the server comes again.
pub struct Flood {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    is_over: AtomicBool,
    opened: AtomicUsize,
    dropped: AtomicUsize,
}

/// How a flood goes.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Connections at once.
    pub count: usize,
    /// Addresses that they come from in turn.
    pub addresses: usize,
    /// What each says at once.
    pub first: &'a [u8],
    /// How many are opened in a second.
    pub per_second: usize,
}

impl Flood {
    /// Begins; returns when all have been opened once.
    #[track_caller]
    pub fn start(server: &Server, plan: Plan<'_>) -> Flood {
        Flood::start_at(by_tls::address(server), plan)
    }

    /// The same against one of its addresses.
    #[track_caller]
    pub fn start_at(server: SocketAddr, plan: Plan<'_>) -> Flood {
        let state = Arc::new(State::default());
        let flooding = Flooding {
            server,
            first: plan.first.to_vec(),
            count: plan.count,
            addresses: plan.addresses,
            pause: Duration::from_secs(1) / plan.per_second as u32,
            state: state.clone(),
        };
        let thread = thread::Builder::new().name("flood".to_owned());
        let thread = thread
            .spawn(move || flooding.run())
            .expect("a thread is to be had");
        let flood = Flood {
            state,
            thread: Some(thread),
        };
        let all = || flood.state.opened.load(Ordering::Relaxed) >= plan.count;
        assert!(becomes_true(Duration::from_secs(120), all), "it floods");
        flood
    }

    /// Connections that the server has closed so far.
    pub fn dropped(&self) -> usize {
        self.state.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed.
            thread.join().ok();
        }
    }
}

struct Flooding {
    server: SocketAddr,
    first: Vec<u8>,
    count: usize,
    addresses: usize,
    pause: Duration,
    state: Arc<State>,
}

impl Flooding {
    fn run(self) {
        let mut held: Vec<Option<Socket>> = Vec::new();
        let mut next = Instant::now();
        let mut place = 0;
        while !self.state.is_over.load(Ordering::Relaxed) {
            if held.len() < self.count {
                held.push(self.open(held.len()));
            } else {
                place = (place + 1) % self.count;
                if !self.is_gone(&mut held[place]) {
                    if place == 0 {
                        thread::park_timeout(Duration::from_millis(5));
                    }
                    continue;
                }
                self.state.dropped.fetch_add(1, Ordering::Relaxed);
                held[place] = self.open(place);
            }
            next = (next + self.pause).max(Instant::now() - 20 * self.pause);
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Opens one without waiting for it.
    fn open(&self, number: usize) -> Option<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("an open file");
        bind(&socket, flooding(number % self.addresses));
        // Blocks while the server's queue is full, as the flood of one machine would.
        let is_open = socket.connect(&self.server.into()).is_ok();
        self.state.opened.fetch_add(1, Ordering::Relaxed);
        socket.set_nonblocking(true).expect("a socket");
        // The server may have closed it already.
        (&socket).write_all(&self.first).ok();
        is_open.then_some(socket)
    }

    fn is_gone(&self, socket: &mut Option<Socket>) -> bool {
        let Some(open) = socket.as_mut() else {
            return true;
        };
        let mut buffer = [0; 4096];
        loop {
            match open.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
    }
}

/// Gives a socket an address and leaves its port to `connect`. A port that `bind` chooses nobody else of that address has,
/// to whatever server, for a minute after its end too: those of 127.0.0.1 ran out where the tests of thousands of
/// connections ran beside one another (`the_pool_of_a_proxy`).
#[track_caller]
fn bind(socket: &Socket, from: Ipv4Addr) {
    setsockopt(socket, IpBindAddressNoPort, &true).expect("Linux 4.2 or later");
    let from = SocketAddr::new(from.into(), 0);
    socket.bind(&from.into()).expect("an address of loopback");
}

/// Connects to `server` from an address of this machine.
#[track_caller]
pub fn connect_from(server: SocketAddr, from: Ipv4Addr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("an open file");
    bind(&socket, from);
    socket.connect(&server.into()).expect("the server listens");
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    stream
}

impl Raw {
    /// Connects from an address of this machine.
    #[track_caller]
    pub fn connect_from(server: &Server, from: Ipv4Addr) -> Raw {
        Raw::connect_with_socket(server, from, |_| {})
    }

    /// The same with options that are set before it connects.
    #[track_caller]
    pub fn connect_with_socket(
        server: &Server,
        from: Ipv4Addr,
        prepare: impl FnOnce(&Socket),
    ) -> Raw {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("an open file");
        prepare(&socket);
        bind(&socket, from);
        let connected = socket.connect(&by_tls::address(server).into());
        connected.expect("the server listens");
        Raw::prepared(by_tls::over(socket.into()))
    }
}
