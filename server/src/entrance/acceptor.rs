//! The threads `accept`, one a listener: permits, sockets, connection threads.
//!
//! Each blocks in `accept` and is woken at the stop by a shutdown of its listening socket. It never
//! ends for an error: where the machine has no more of something, it answers 503 as far as it can,
//! waits a little and goes on.

use std::fmt::Arguments;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use http::StatusCode;
use log::Level;
use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::connection::{self, Context};
use crate::http::provenance;
use crate::http::response::{Form, Response};
use crate::limits::{ACCEPT_BACK_OFF, LISTEN_BACKLOG, REFUSALS_MAX};
use crate::outbox::drain::DrainHandle;
use crate::outbox::{Ending, Outbox};
use crate::roster::Roster;
use crate::roster::admission::{Admission, Permits, too_many};
use crate::threads::{self, Stacks};

/// Binds a listening socket; connections wait in it until the acceptor starts.
///
/// # Errors
/// The address is in use, not of this machine, or not ours to take.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted server must not wait for the old one's closed connections.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // So that [::] and 0.0.0.0 can be given side by side, and each means what it says.
        socket.set_only_v6(true)?;
    }
    // Answers are small and wait for nobody. Accepted sockets have it from the listening one.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}

/// What all acceptors share.
pub struct Service {
    /// Permits.
    pub roster: Arc<Roster>,
    /// For outboxes.
    pub drain: DrainHandle,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// For connection threads.
    pub context: Arc<Context>,
    /// Theirs.
    pub stacks: Arc<Stacks>,
}

/// A running acceptor.
pub struct Acceptor {
    listener: TcpListener,
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    is_stopping: Mutex<bool>,
    changed: Condvar,
}

impl Acceptor {
    /// Starts accepting from `listener`.
    ///
    /// # Errors
    /// No thread or no file descriptor is to be had.
    pub fn start(listener: TcpListener, service: Arc<Service>) -> io::Result<Acceptor> {
        let stop = Arc::new(Stop::default());
        let accepting = Accepting {
            listener: listener.try_clone()?,
            stop: stop.clone(),
            service,
            refusals: Arc::new(()),
            spare: spare(),
        };
        let thread = thread::Builder::new()
            .name("accept".to_owned())
            .spawn(move || accepting.run())?;
        Ok(Acceptor {
            listener,
            stop,
            thread,
        })
    }

    /// Stops accepting and waits for the thread; what still waits in the listening socket is reset.
    pub fn end(self) {
        *self.stop.is_stopping.lock() = true;
        self.stop.changed.notify_all();
        // On Linux this wakes a thread in `accept` with an error; it has nothing else to fail on.
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).ok();
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

struct Accepting {
    listener: TcpListener,
    stop: Arc<Stop>,
    service: Arc<Service>,
    /// Each refused connection that still lingers holds one count.
    refusals: Arc<()>,
    /// An open file that is given up to answer one who waits where there is no other.
    spare: Option<File>,
}

impl Accepting {
    fn run(mut self) {
        // For its connection threads.
        threads::be_patient();
        let mut has_failed = false;
        while !*self.stop.is_stopping.lock() {
            match self.listener.accept() {
                Ok((socket, peer)) => {
                    has_failed = false;
                    self.take(socket, peer);
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    if !*self.stop.is_stopping.lock() && !has_failed {
                        self.note(
                            Level::Error,
                            format_args!(
                                "cannot accept connections: {error}; trying again until it works"
                            ),
                        );
                    }
                    has_failed = true;
                    if is_out_of_files(&error) {
                        self.answer_one();
                    }
                    self.back_off();
                }
            }
        }
    }

    fn take(&self, socket: TcpStream, peer: SocketAddr) {
        let permits = match self.permit(peer.ip()) {
            Ok(permits) => permits,
            Err((status, why)) => return self.refuse(socket, peer, status, &why),
        };
        let Some(client) = self.service.roster.claim() else {
            let limit = self.service.roster.limit();
            let why = format!("all {limit} connections are taken");
            return self.refuse(socket, peer, StatusCode::SERVICE_UNAVAILABLE, &why);
        };
        let (presence, drain) = (self.service.roster.presence(), self.service.drain.clone());
        let outbox = Outbox::new(socket, client, presence, drain);
        let (context, thread_outbox) = (self.service.context.clone(), outbox.clone());
        let started = self.service.roster.hold(client, outbox.clone(), || {
            let name = format!("client-{client}");
            threads::spawn(&self.service.stacks, &name, move || {
                connection::run(&context, client, thread_outbox, peer, permits);
            })
        });
        if let Err(error) = started {
            self.note(
                Level::Warn,
                format_args!("no thread for a connection: {error}"),
            );
            let why = "the machine has no thread left for a connection";
            outbox.queue_http(&refusal(StatusCode::SERVICE_UNAVAILABLE, why));
            outbox.finish(Ending::LastWord);
            self.back_off();
        }
    }

    /// A proxy's connections are those of many clients: they are counted when the request has told
    /// whose they are.
    fn permit(&self, peer: IpAddr) -> Result<Permits, (StatusCode, String)> {
        let Service {
            admission, context, ..
        } = &*self.service;
        let handshake = admission.claim_handshake().map_err(|max| {
            let why = format!("{max} handshakes are under way");
            (StatusCode::SERVICE_UNAVAILABLE, why)
        })?;
        let trusted = &context.sites.current().trusted_proxies;
        let address = if provenance::is_trusted(peer, trusted) {
            None
        } else {
            Some(admission.claim_address(peer).map_err(too_many)?)
        };
        Ok(Permits { handshake, address })
    }

    /// No file is left for a connection: one of those who wait is told so with the spare file, which
    /// is opened anew as soon as there is one again. Blocks for nobody.
    fn answer_one(&mut self) {
        let mut waiting = [PollFd::new(&self.listener, PollFlags::IN)];
        let nothing = Timespec::default();
        if !matches!(poll(&mut waiting, Some(&nothing)), Ok(1..)) {
            return;
        }
        if self.spare.take().is_some()
            && let Ok((socket, peer)) = self.listener.accept()
        {
            let why = "the server has no open file left for a connection";
            self.refuse(socket, peer, StatusCode::SERVICE_UNAVAILABLE, why);
        }
        self.spare = spare();
    }

    /// Answers without a thread; past a number that still linger, closes without an answer.
    fn refuse(&self, socket: TcpStream, peer: SocketAddr, status: StatusCode, why: &str) {
        self.note(
            Level::Warn,
            format_args!("{peer} - -: {} {why}", status.as_u16()),
        );
        if Arc::strong_count(&self.refusals) > REFUSALS_MAX {
            return;
        }
        let outbox = Outbox::for_refusal(socket, self.refusals.clone(), self.service.drain.clone());
        outbox.queue_http(&refusal(status, why));
        outbox.finish(Ending::LastWord);
    }

    fn note(&self, level: Level, line: Arguments<'_>) {
        self.service.context.refusals.note(level, line);
    }

    /// Waits a little, or until the stop.
    fn back_off(&self) {
        let mut is_stopping = self.stop.is_stopping.lock();
        if !*is_stopping {
            self.stop
                .changed
                .wait_for(&mut is_stopping, ACCEPT_BACK_OFF);
        }
    }
}

fn refusal(status: StatusCode, why: &str) -> Vec<u8> {
    Response::text(status, why).encode(Form::LAST)
}

/// A file that is nothing but open.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_out_of_files(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

/// Errors of one connection that `accept` reports; the next may be fine (see accept(2)).
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
