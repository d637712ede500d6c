//! A port that nobody else gets while who listens on it is away.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A socket that is bound to a port and does not listen: who connects is refused, as if nobody were there, and what listens by
/// `SO_REUSEADDR`, as servers do, may do so beside it. A port that is only free is given to whichever other test asks for any.
pub(crate) struct KeptPort {
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    socket: Socket,
}

impl KeptPort {
    /// Fails while somebody listens there.
    pub(crate) fn of(address: SocketAddr) -> io::Result<KeptPort> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        Ok(KeptPort { socket })
    }
}

#[cfg(feature = "redis")]
impl KeptPort {
    /// Any port of the loopback address.
    pub(crate) fn any() -> io::Result<KeptPort> {
        KeptPort::of((std::net::Ipv4Addr::LOCALHOST, 0).into())
    }

    pub(crate) fn port(&self) -> u16 {
        let address = self.socket.local_addr().expect("it is bound");
        address.as_socket().expect("it is an address of IP").port()
    }
}
