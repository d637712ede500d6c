//! Listening sockets of every kind: how they are bound, and how connections are taken from them.
//!
//! Bound by the main thread, used by the acceptors' threads. Knows nothing of who is let in.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::io::Errno;
use socket2::{SockAddr, Socket};

use super::socket_file::{FileError, SocketFile};
use super::tcp;
use crate::config::{Listen, ListenerSettings};
use crate::http::peer::{Credentials, Remote};

/// A socket that is listened on; connections wait in it until somebody accepts them.
pub struct ListeningSocket {
    socket: Socket,
    /// That of a unix socket; it is removed with this.
    file: Option<SocketFile>,
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
    /// Binds a socket as `settings` say.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(settings: &ListenerSettings) -> Result<ListeningSocket, BindError> {
        match &settings.listen {
            Listen::Tcp(address) => {
                let socket = tcp::bind(*address).map_err(BindError::Tcp)?;
                Ok(ListeningSocket { socket, file: None })
            }
            Listen::Unix(path) => {
                let (socket, file) = SocketFile::bind(path, settings.access)?;
                let file = Some(file);
                Ok(ListeningSocket { socket, file })
            }
        }
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
        }
    }

    /// Where it is: for port 0 the address that the system has given out.
    ///
    /// # Errors
    /// As `getsockname(2)`.
    pub fn place(&self) -> io::Result<Listen> {
        if let Some(file) = &self.file {
            return Ok(Listen::Unix(file.path().to_owned()));
        }
        let address = self.socket.local_addr()?.as_socket();
        address.map(Listen::Tcp).ok_or_else(no_family_of_ours)
    }

    /// The file of a unix socket.
    pub fn file(&self) -> Option<&SocketFile> {
        self.file.as_ref()
    }

    /// The same socket for another thread; the file stays with this one.
    ///
    /// # Errors
    /// No file descriptor is to be had.
    pub fn try_clone(&self) -> io::Result<ListeningSocket> {
        let socket = self.socket.try_clone()?;
        Ok(ListeningSocket { socket, file: None })
    }

    /// Takes one connection, and says whose it is. Blocks until one comes; woken by
    /// [`ListeningSocket::wake`], for good.
    ///
    /// # Errors
    /// As `accept(2)`.
    pub fn accept(&self) -> io::Result<(Socket, Remote)> {
        let (socket, address) = self.socket.accept()?;
        let remote = remote(&socket, &address)?;
        Ok((socket, remote))
    }

    /// Wakes who waits in [`ListeningSocket::accept`], with an error; nobody can connect any more.
    pub fn wake(&self) {
        // It has nothing to fail on.
        rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both).ok();
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

fn no_family_of_ours() -> io::Error {
    io::Error::other("it is neither a TCP nor a unix socket")
}
