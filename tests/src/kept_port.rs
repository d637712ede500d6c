//! A port that nobody else gets while who listens on it is away.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A socket that is bound to a port and does not listen: who connects is refused, as if nobody were there, and what listens by
/// `SO_REUSEADDR`, as servers do, may do so beside it. A port that is only free is given to whichever other test asks for any.
pub(crate) struct KeptPort {
    _socket: Socket,
    port: u16,
}

impl KeptPort {
    /// Any port of the loopback address.
    pub(crate) fn any() -> io::Result<KeptPort> {
        KeptPort::of((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Fails while somebody listens there.
    pub(crate) fn of(address: SocketAddr) -> io::Result<KeptPort> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        let bound = socket.local_addr()?.as_socket();
        Ok(KeptPort {
            _socket: socket,
            port: bound.map_or(0, |bound| bound.port()),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}
