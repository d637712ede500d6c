//! TCP addresses: how they are taken to listen on, and what to do where that fails.
//!
//! Main thread. Knows nothing of who accepts.

use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::{LISTEN_BACKLOG, SOCKET_SPLICE_WAIT, SOCKET_UNREAD_BYTES, SOCKET_UNSENT_BYTES};

/// A socket that listens on `address`; where it shares the port, others may too.
///
/// # Errors
/// The address is in use, not of this machine, or not ours to take: see [`advice`].
pub(super) fn bind(address: SocketAddr, shares_port: bool) -> io::Result<Socket> {
    let socket = take(address, shares_port)?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket)
}

/// Takes the address and gives it back at once. Nobody can connect meanwhile, and a server that starts at that
/// moment is not disturbed. An address that is in use is none that could not be listened on.
///
/// # Errors
/// It is not of this machine, or not ours to take.
pub(super) fn check(address: SocketAddr) -> io::Result<()> {
    match take(address, false) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => Err(error),
        _ => Ok(()),
    }
}

/// What to do about an address that cannot be listened on, to stand behind the error.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::ADDRINUSE) => {
            "; is another server running there? `ss -ltnp` lists who listens where"
        }
        Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT) => {
            "; this machine does not have this address: `ip address` lists those that it has"
        }
        Some(Errno::ACCESS | Errno::PERM) => {
            "; ports below 1024 are for root and for who has CAP_NET_BIND_SERVICE"
        }
        _ => "",
    }
}

/// Sets what accepted sockets have from the one that listens.
///
/// The kernel's buffers grow with the speed of the line, over the loopback interface to 4 MiB each way from the
/// start, and nobody counts them: what has not left is bounded, and what has come and is not read. What is on its
/// way is not, so that a fast line stays fast.
///
/// # Errors
/// It is no TCP socket.
pub(super) fn set_options(socket: &Socket) -> io::Result<()> {
    // Answers are small and wait for nobody.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(SOCKET_UNSENT_BYTES)?;
    // Nothing that is sent waits, but for what a pipe passes on where the kernel has no memory left.
    socket.set_write_timeout(Some(SOCKET_SPLICE_WAIT))?;
    // The kernel takes less where `net.core.rmem_max` says so, and doubles it for its own needs.
    socket.set_recv_buffer_size(SOCKET_UNREAD_BYTES)
}

/// A socket that has the address and does not listen.
fn take(address: SocketAddr, shares_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted server must not wait for the old one's closed connections.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares_port)?;
    if address.is_ipv6() {
        // So that [::] and 0.0.0.0 can be given side by side, and each means what it says.
        socket.set_only_v6(true)?;
    }
    set_options(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustix::io::Errno;

    use super::advice;

    /// Cause: an address that the machine does not have ended with "is another server running there?".
    #[test]
    fn the_advice_is_for_the_error_that_it_stands_behind() {
        let of = |errno: Errno| advice(&io::Error::from(errno));
        assert!(of(Errno::ADDRINUSE).contains("another server"));
        for missing in [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT] {
            assert!(of(missing).contains("does not have this address"));
        }
        assert!(of(Errno::ACCESS).contains("CAP_NET_BIND_SERVICE"));
        assert_eq!(of(Errno::MFILE), "");
    }
}
