//! Listening sockets as they are bound.
//!
//! Main thread. Knows nothing of who accepts from them.

use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Listen;
use crate::limits::LISTEN_BACKLOG;

/// Binds a listening socket; connections wait in it until the acceptor starts.
///
/// # Errors
/// The address is in use, not of this machine, or not ours to take.
pub fn bind(listen: &Listen) -> io::Result<TcpListener> {
    match listen {
        Listen::Tcp(address) => bind_tcp(*address),
    }
}

/// Whether the machine has no such address, or not even its family.
pub fn is_missing(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT))
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
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
