//! Clients by TLS: bytes of their sessions, in and out.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use rustls::{ClientConnection, HandshakeKind};

use super::Swarm;
use super::serve::receive as receive_sealed;
use crate::secured::NAME;

/// What a session may hold of a record that is not whole, and gives with the bytes that come next.
const RECORD_BYTES: usize = 17 * 1024;

impl Swarm {
    /// A session for a client that connects now; none where it comes without TLS.
    pub(super) fn session(&self) -> Result<Option<Box<ClientConnection>>, String> {
        let Some(trust) = &self.trust else {
            return Ok(None);
        };
        let name = NAME.try_into().map_err(|_| "no name of a server")?;
        let session = ClientConnection::new(trust.clone(), name);
        let mut session = session.map_err(|error| error.to_string())?;
        session.set_buffer_limit(None);
        Ok(Some(Box::new(session)))
    }

    /// Whether a client has gone on with an earlier session.
    pub(super) fn is_resumed(&self, client: usize) -> bool {
        let session = self.clients[client].session.as_ref();
        session.and_then(|of| of.handshake_kind()) == Some(HandshakeKind::Resumed)
    }
}

/// What has come and is whole; none where nothing has come. `sealed` is room for it as it comes.
pub(super) fn receive(
    session: &mut ClientConnection,
    socket: &TcpStream,
    space: &mut [u8],
    sealed: &mut [u8],
) -> Result<Option<usize>, String> {
    let room = sealed.len().min(space.len() - RECORD_BYTES);
    let Some(received) = receive_sealed(socket, &mut sealed[..room])? else {
        return Ok(None);
    };
    let mut rest = &sealed[..received];
    let mut count = 0;
    while !rest.is_empty() {
        session
            .read_tls(&mut rest)
            .map_err(|error| error.to_string())?;
        session
            .process_new_packets()
            .map_err(|error| format!("TLS: {error}"))?;
        loop {
            match session.reader().read(&mut space[count..]) {
                Ok(0) => return Err("the server ended the session".to_owned()),
                Ok(read) => count += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    Ok(Some(count))
}

/// Seals `unsent` and sends what is sealed; true where all of it has left.
pub(super) fn send(
    session: &mut ClientConnection,
    mut socket: &TcpStream,
    unsent: &mut Vec<u8>,
) -> Result<bool, String> {
    if !unsent.is_empty() {
        let written = session.writer().write_all(unsent);
        written.map_err(|error| error.to_string())?;
        unsent.clear();
    }
    while session.wants_write() {
        match session.write_tls(&mut socket) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(true)
}
