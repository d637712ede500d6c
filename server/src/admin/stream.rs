//! A connection of the admin listener, of whichever kind its socket is.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::http::peer::Remote;

/// A connected socket; shared by the thread that serves it and the one that may cut it off.
pub(super) struct Stream {
    socket: Socket,
    /// The other end.
    pub(super) remote: Remote,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Does the same with a socket of either kind.
macro_rules! either {
    ($stream:expr, $socket:ident => $what:expr) => {
        match &$stream.socket {
            Socket::Tcp($socket) => $what,
            Socket::Unix($socket) => $what,
        }
    };
}

impl Stream {
    /// One that was accepted from `remote`.
    pub(super) fn new(socket: impl Into<OwnedFd>, remote: Remote) -> Stream {
        let socket = match remote {
            Remote::Tcp(_) => Socket::Tcp(socket.into().into()),
            Remote::Unix(_) => Socket::Unix(socket.into().into()),
        };
        Stream { socket, remote }
    }

    /// Whether the kernel has asked by a file whether it may come.
    pub(super) fn is_unix(&self) -> bool {
        matches!(self.remote, Remote::Unix(_))
    }

    /// The socket's own address, where it has one.
    pub(super) fn local(&self) -> Option<IpAddr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().ok().map(|address| address.ip()),
            Socket::Unix(_) => None,
        }
    }

    /// How long a read, and a write, may block. Fails only for a dead socket, and the read or the write tells
    /// of that.
    pub(super) fn set_timeouts(&self, read: Duration, write: Duration) {
        either!(self, socket => {
            socket.set_read_timeout(Some(read)).ok();
            socket.set_write_timeout(Some(write)).ok();
        });
    }

    /// Wakes whoever reads; an error means that the peer was faster.
    pub(super) fn shutdown(&self, how: Shutdown) {
        either!(self, socket => socket.shutdown(how).ok());
    }
}

impl Read for &Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => (&mut &*socket).read(room))
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, socket => (&mut &*socket).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Stream {
    /// The other end, for the log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.remote.fmt(formatter)
    }
}
