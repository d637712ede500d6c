//! A crowd of connections that is renewed all the time, on a thread of its own: silent ones, or
//! well-behaved clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Connections that are opened in a second.
const PER_SECOND: u32 = 1_000;
/// Time in which all have been opened once.
const OPEN_TIMEOUT: Duration = Duration::from_secs(60);

/// What each of a crowd does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It connects and sends nothing; whom the server drops comes again.
    Silent,
    /// It opens a WebSocket; one after the other leaves and comes again.
    WellBehaved,
}

/// A crowd that is there until it is dropped.
pub(super) struct Crowd {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    is_over: AtomicBool,
    opened: AtomicUsize,
}

impl Crowd {
    /// Begins, and waits until all have been opened once.
    ///
    /// # Errors
    /// No thread is to be had, or they cannot all be opened in time.
    pub(super) fn start(
        server: SocketAddr,
        manner: Manner,
        count: usize,
        addresses: usize,
    ) -> Result<Crowd, String> {
        let state = Arc::new(State::default());
        let members = Members {
            server,
            manner,
            count,
            addresses,
            state: state.clone(),
        };
        let thread = thread::Builder::new().name("crowd".to_owned());
        let thread = thread.spawn(move || members.run());
        let crowd = Crowd {
            state,
            thread: Some(thread.map_err(|error| error.to_string())?),
        };
        let deadline = Instant::now() + OPEN_TIMEOUT;
        while crowd.opened() < count {
            if Instant::now() > deadline {
                return Err(format!("{} of {count} opened", crowd.opened()));
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        Ok(crowd)
    }

    /// Connections opened so far.
    pub(super) fn opened(&self) -> usize {
        self.state.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed.
            thread.join().ok();
        }
    }
}

struct Members {
    server: SocketAddr,
    manner: Manner,
    count: usize,
    addresses: usize,
    state: Arc<State>,
}

impl Members {
    fn run(self) {
        let pause = Duration::from_secs(1) / PER_SECOND;
        let mut held: Vec<Option<Socket>> = Vec::new();
        let (mut place, mut next, mut looked) = (0, Instant::now(), 0);
        while !self.state.is_over.load(Ordering::Relaxed) {
            if held.len() < self.count {
                held.push(self.open(held.len()));
            } else {
                place = (place + 1) % self.count;
                if self.manner == Manner::Silent && !is_gone(&mut held[place]) {
                    // A look costs a system call, so that a second has some 10,000 of them.
                    looked += 1;
                    if looked % 10 == 0 {
                        thread::park_timeout(pause);
                    }
                    continue;
                }
                held[place] = None;
                held[place] = self.open(place);
            }
            // What was not opened in time is not made up for.
            next = (next + pause).max(Instant::now() - 10 * pause);
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Connects; a server that is behind with accepting makes it wait.
    fn open(&self, number: usize) -> Option<Socket> {
        let source = Ipv4Addr::new(127, 0, 9, 1 + (number % self.addresses) as u8);
        let opened = connect(self.server, source).ok();
        self.state.opened.fetch_add(1, Ordering::Relaxed);
        let socket = opened?;
        if self.manner == Manner::WellBehaved {
            // A server that is full has closed it already.
            (&socket).write_all(super::newcomers::REQUEST).ok();
        }
        socket.set_nonblocking(true).ok()?;
        Some(socket)
    }
}

/// A connection from `source`.
pub(super) fn connect(server: SocketAddr, source: Ipv4Addr) -> std::io::Result<Socket> {
    connect_with(server, source, None)
}

/// The same with a receive buffer of so many bytes, where that is given.
pub(super) fn connect_with(
    server: SocketAddr,
    source: Ipv4Addr,
    receive_buffer_bytes: Option<usize>,
) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.set_tcp_nodelay(true)?;
    if let Some(bytes) = receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.connect(&server.into())?;
    Ok(socket)
}

fn is_gone(socket: &mut Option<Socket>) -> bool {
    let Some(open) = socket.as_mut() else {
        return true;
    };
    let mut buffer = [0; 1024];
    loop {
        match open.read(&mut buffer) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            _ => return true,
        }
    }
}
