//! Listening sockets of every kind: how they are bound, and how connections are taken from them.
//!
//! Bound by the main thread, used by the acceptors' threads. Knows nothing of who is let in.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use socket2::{SockAddr, Socket};

use super::passed::{self, Passed};
use super::socket_file::{FileError, SocketFile};
use super::tcp;
use crate::config::{Listen, ListenerSettings};
use crate::http::peer::{Credentials, Remote};

/// A socket that is listened on; connections wait in it until somebody accepts them.
pub struct ListeningSocket {
    socket: Socket,
    kind: Kind,
}

enum Kind {
    /// Ours alone.
    Own,
    /// A unix socket with a file, which is removed with this.
    WithFile(SocketFile),
    /// Systemd has it too, and connections go on to wait in it when we have gone: nothing may be done to the
    /// socket itself to wake who waits for it, so there is a descriptor for that.
    Passed(Arc<OwnedFd>),
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// By TCP: it is in use, not of this machine, or not ours to take.
    #[error("{0}{advice}", advice = tcp::advice(.0))]
    Tcp(io::Error),
    /// By a unix socket.
    #[error(transparent)]
    Unix(#[from] FileError),
    /// None was passed, or others.
    #[error(
        "systemd has passed no socket of this name{}: start the server by its socket unit, which names it with \
         FileDescriptorName=", others(.0)
    )]
    NotPassed(String),
    /// No descriptor is to be had.
    #[error(transparent)]
    Machine(io::Error),
}

impl BindError {
    /// Whether the machine has no such address, or not even its family.
    pub fn is_missing(&self) -> bool {
        let BindError::Tcp(error) = self else {
            return false;
        };
        let errno = Errno::from_io_error(error);
        matches!(errno, Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT))
    }
}

impl ListeningSocket {
    /// Binds sockets as `settings` say, or takes those that systemd has passed for it: one, of those several.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(
        settings: &ListenerSettings,
        passed: &Passed,
    ) -> Result<Vec<ListeningSocket>, BindError> {
        match &settings.listen {
            Listen::Passed(name) => of_systemd(name, passed),
            Listen::Tcp(_) | Listen::Unix(_) => Ok(vec![ListeningSocket::bind_address(settings)?]),
        }
    }

    /// Binds a socket of our own.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind_address(settings: &ListenerSettings) -> Result<ListeningSocket, BindError> {
        let (socket, kind) = match &settings.listen {
            Listen::Tcp(address) => {
                let socket = tcp::bind(*address, settings.shares_port).map_err(BindError::Tcp)?;
                (socket, Kind::Own)
            }
            Listen::Unix(path) => {
                let (socket, file) = SocketFile::bind(path, settings.access)?;
                (socket, Kind::WithFile(file))
            }
            Listen::Passed(_) => return Err(BindError::NotPassed(String::new())),
        };
        Ok(ListeningSocket { socket, kind })
    }

    /// What would keep a socket from being bound, without doing it or disturbing a server that listens there:
    /// an address that is in use would not, since what uses it may be this very server at work.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn check(settings: &ListenerSettings) -> Result<(), BindError> {
        match &settings.listen {
            Listen::Tcp(address) => tcp::check(*address).map_err(BindError::Tcp),
            Listen::Unix(path) => Ok(SocketFile::check(path)?),
            // What systemd passes can be seen only by a process that it starts.
            Listen::Passed(_) => Ok(()),
        }
    }

    /// Where it is, as people write it: for port 0 the address that the system has given out.
    pub fn place(&self) -> String {
        passed::place(&self.socket)
    }

    /// The port of a TCP address.
    pub fn port(&self) -> Option<u16> {
        let address = self.socket.local_addr().ok()?;
        address.as_socket().map(|of| of.port())
    }

    /// The file of a unix socket that we have bound.
    pub fn file(&self) -> Option<&SocketFile> {
        match &self.kind {
            Kind::WithFile(file) => Some(file),
            Kind::Own | Kind::Passed(_) => None,
        }
    }

    /// Lets other servers of the same user listen on the same address from now on (`SO_REUSEPORT`). There is no way
    /// back: the kernel remembers of an address what the first who has it allows.
    pub fn share_port(&self) {
        // It fails on no TCP socket, and no other is asked to.
        self.socket.set_reuse_port(true).ok();
    }

    /// The same socket for another thread; the file stays with this one.
    ///
    /// # Errors
    /// No file descriptor is to be had.
    pub fn try_clone(&self) -> io::Result<ListeningSocket> {
        let socket = self.socket.try_clone()?;
        let kind = match &self.kind {
            Kind::Own | Kind::WithFile(_) => Kind::Own,
            Kind::Passed(wake) => Kind::Passed(wake.clone()),
        };
        Ok(ListeningSocket { socket, kind })
    }

    /// Takes one connection, and says whose it is. Blocks until one comes; woken by
    /// [`ListeningSocket::wake`], for good.
    ///
    /// # Errors
    /// As `accept(2)`; `Interrupted` where it was woken.
    pub fn accept(&self) -> io::Result<(Socket, Remote)> {
        let (socket, address) = match &self.kind {
            Kind::Own | Kind::WithFile(_) => self.socket.accept()?,
            Kind::Passed(wake) => self.accept_unless(wake)?,
        };
        let remote = remote(&socket, &address)?;
        Ok((socket, remote))
    }

    /// As `accept(2)`, of a socket that does not block by itself, until `wake` can be read.
    fn accept_unless(&self, wake: &OwnedFd) -> io::Result<(Socket, SockAddr)> {
        loop {
            match self.socket.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                accepted => return accepted,
            }
            let mut waiting = [
                PollFd::new(&self.socket, PollFlags::IN),
                PollFd::new(wake, PollFlags::IN),
            ];
            poll(&mut waiting, None)?;
            if !waiting[1].revents().is_empty() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
    }

    /// Wakes who waits in [`ListeningSocket::accept`], with an error. Nobody can connect any more, unless
    /// systemd has the socket too: then who connects waits for who takes it next.
    pub fn wake(&self) {
        // Neither has anything to fail on.
        if let Kind::Passed(wake) = &self.kind {
            rustix::io::write(wake, &1_u64.to_ne_bytes()).ok();
        } else {
            rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both).ok();
        }
    }
}

impl AsFd for ListeningSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The other end of a connection that has just come from `address`.
fn remote(socket: &Socket, address: &SockAddr) -> io::Result<Remote> {
    if let Some(address) = address.as_socket() {
        return Ok(Remote::Tcp(address));
    }
    let of = getsockopt(socket, PeerCredentials)?;
    Ok(Remote::Unix(Credentials {
        pid: of.pid(),
        uid: of.uid(),
        gid: of.gid(),
    }))
}

/// What was passed instead.
fn others(names: &str) -> String {
    match names {
        "" => String::new(),
        names => format!(", but {names}"),
    }
}

fn of_systemd(name: &str, passed: &Passed) -> Result<Vec<ListeningSocket>, BindError> {
    let one = |socket: &Socket| -> io::Result<ListeningSocket> {
        let socket = socket.try_clone()?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let kind = Kind::Passed(Arc::new(wake));
        Ok(ListeningSocket { socket, kind })
    };
    let sockets: io::Result<Vec<_>> = passed.named(name).map(one).collect();
    let sockets = sockets.map_err(BindError::Machine)?;
    if sockets.is_empty() {
        return Err(BindError::NotPassed(passed.names()));
    }
    Ok(sockets)
}
