//! The threads `accept`, one a listener: each takes whoever comes to the [`door`](super::door).
//!
//! Each blocks in `accept` and is woken at the stop by a shutdown of its listening socket. It never
//! ends for an error: where the machine has no more of something, it answers 503 as far as it can,
//! waits a little and goes on.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http::StatusCode;
use log::Level;
use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::door::{Door, Next, Service};
use super::listening::ListeningSocket;
use super::way::Way;
use crate::http::refusal::Refusal;
use crate::limits::{ACCEPT_BACK_OFF, CROWD_WAIT};
use crate::threads::{self, fault_point};

/// A running acceptor.
pub(super) struct Acceptor {
    socket: ListeningSocket,
    stop: Arc<Stop>,
    way: Arc<Mutex<Way>>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    is_stopping: Mutex<bool>,
    changed: Condvar,
}

impl Acceptor {
    /// Starts accepting from `socket`; `way` holds for who comes.
    ///
    /// # Errors
    /// No thread or no file descriptor is to be had.
    pub(super) fn start(
        socket: ListeningSocket,
        way: Way,
        service: Arc<Service>,
    ) -> io::Result<Acceptor> {
        let stop = Arc::new(Stop::default());
        let way = Arc::new(Mutex::new(way));
        let accepting = Accepting {
            socket: socket.try_clone()?,
            stop: stop.clone(),
            door: Door::new(service, way.clone()),
            spare: spare(),
        };
        let thread = thread::Builder::new()
            .name("accept".to_owned())
            .spawn(move || accepting.run())?;
        Ok(Acceptor {
            socket,
            stop,
            way,
            thread,
        })
    }

    /// From now on `way` holds for who comes.
    pub(super) fn set_way(&self, way: Way) {
        *self.way.lock() = way;
    }

    /// What it accepts from.
    pub(super) fn socket(&self) -> &ListeningSocket {
        &self.socket
    }

    /// Stops accepting and waits for the thread; what still waits in the listening socket is reset.
    pub(super) fn end(self) {
        *self.stop.is_stopping.lock() = true;
        self.stop.changed.notify_all();
        self.socket.wake();
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

struct Accepting {
    socket: ListeningSocket,
    stop: Arc<Stop>,
    door: Door,
    /// An open file that is given up to answer one who waits where there is no other.
    spare: Option<File>,
}

impl Accepting {
    fn run(mut self) {
        // For its connection threads.
        threads::be_patient();
        let mut has_failed = false;
        while !*self.stop.is_stopping.lock() {
            if self.door.is_crowded() {
                self.wait(CROWD_WAIT);
                continue;
            }
            if self.spare.is_none() {
                self.spare = spare();
            }
            match self.socket.accept() {
                Ok((socket, remote)) => {
                    fault_point("accept");
                    has_failed = false;
                    if let Next::Later = self.door.take(socket, remote) {
                        self.wait(ACCEPT_BACK_OFF);
                    }
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    if !*self.stop.is_stopping.lock() && !has_failed {
                        let line = format_args!(
                            "cannot accept connections: {error}; trying again until it works"
                        );
                        self.door.note(Level::Error, line);
                    }
                    has_failed = true;
                    if is_out_of_files(&error) {
                        self.answer_one();
                        self.door.make_room();
                    }
                    self.wait(ACCEPT_BACK_OFF);
                }
            }
        }
    }

    /// No file is left for a connection: one of those who wait is told so with the spare file, which
    /// is opened anew before the next is accepted. Blocks for nobody.
    fn answer_one(&mut self) {
        let mut waiting = [PollFd::new(&self.socket, PollFlags::IN)];
        let nothing = Timespec::default();
        if !matches!(poll(&mut waiting, Some(&nothing)), Ok(1..)) {
            return;
        }
        if self.spare.take().is_some()
            && let Ok((socket, remote)) = self.socket.accept()
        {
            let why = "the server has no open file left for a connection";
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why);
            self.door.refuse(socket, remote, &refusal);
        }
    }

    /// Waits so long, or until the stop.
    fn wait(&self, time: Duration) {
        let mut is_stopping = self.stop.is_stopping.lock();
        if !*is_stopping {
            self.stop.changed.wait_for(&mut is_stopping, time);
        }
    }
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
