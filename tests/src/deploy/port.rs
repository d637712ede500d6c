//! A port for a program that cannot say which one it took.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

/// A free port of a loopback address, held until this is dropped: the socket is bound and does not
/// listen, so that nobody else is given the port, and a program that sets `SO_REUSEADDR`, as servers
/// do, can listen on it.
pub(super) struct Port {
    address: SocketAddr,
    _holder: OwnedFd,
}

impl Port {
    /// Takes a free port of 127.0.0.1.
    #[track_caller]
    pub(super) fn free() -> Port {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let holder = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&holder, true).expect("a live socket");
        bind(&holder, &any).expect("a port is free");
        let address = getsockname(&holder).expect("a bound socket");
        Port {
            address: address.try_into().expect("an address of IPv4"),
            _holder: holder,
        }
    }

    /// The address with the port.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
