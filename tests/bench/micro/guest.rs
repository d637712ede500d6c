//! A client without a server: an outbox on a real connection, and its other end.

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use server::ids::ClientId;
use server::outbox::Outbox;
use server::outbox::drain::Drain;

/// An outbox and the socket that a browser would have.
pub(crate) struct Guest {
    /// The server's end.
    pub(crate) outbox: Arc<Outbox>,
    peer: TcpStream,
}

impl Guest {
    /// Connects `id` over loopback.
    pub(crate) fn new(id: ClientId, drain: &Drain) -> Guest {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let peer = TcpStream::connect(address).expect("it listens");
        peer.set_nonblocking(true).expect("a live socket");
        let (socket, _) = listener.accept().expect("one connects");
        let outbox = Outbox::new(socket, id, drain.handle());
        Guest { outbox, peer }
    }

    /// Reads what has arrived and drops it, so that the socket does not fill.
    pub(crate) fn drop_what_came(&mut self) {
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.peer.read(&mut buffer) {
                Ok(0) => panic!("the outbox has closed"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the outbox broke the connection: {error}"),
            }
        }
    }
}
