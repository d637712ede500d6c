//! One client's TLS: plain bytes in, records out, and the other way round.
//!
//! Plain memory around rustls, without socket or lock: the outbox that owns it holds its lock, and passes what is to be
//! sent on by a function. Any thread that has something for the client seals; only the client's own thread takes in.
//!
//! # Why rustls' buffered connection
//!
//! Its other interface leaves all buffers to the caller, and finds what has come in part only in the buffer that it was
//! shown before. The hub, which seals, does not have that buffer: it is the connection thread's. So the half-read record
//! stays here, within rustls: 4 KiB at rest, one record at most. What is sealed is never more than one
//! record of data ahead of the socket, since [`Session::seal`] is asked for the next only when the one before has left.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};

use super::peer::PeerCertificate;
use crate::limits::memory::AtRest;
use crate::limits::{TLS_AT_REST_BYTES, TLS_RECORD_BYTES};

/// Why a session has failed; every further use fails in the same way.
#[derive(Clone, Debug, thiserror::Error)]
#[error("TLS: {0}")]
pub struct TlsError(#[from] rustls::Error);

impl TlsError {
    /// Nothing goes on, though nothing was found wrong.
    pub fn stuck() -> TlsError {
        TlsError(rustls::Error::General("nothing goes on".to_owned()))
    }
}

/// What became of sealed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// All of them have left.
    All,
    /// The socket is full.
    Full,
    /// The connection is dead.
    Broken,
}

/// What a handshake that is over has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// By a ticket of an earlier session.
    pub is_resumed: bool,
}

/// The session of one client.
pub struct Session {
    connection: ServerConnection,
    /// Bytes that the socket has taken, handshake and all.
    sent: u64,
    /// Times that it has taken some.
    sends: u32,
    failed: Option<TlsError>,
    /// The client has said that nothing more comes from it.
    has_ended: bool,
    has_said_goodbye: bool,
    /// Nothing can be sent any more: what is sealed is forgotten.
    is_mute: bool,
    _at_rest: AtRest,
}

impl Session {
    /// A session whose client has said nothing yet.
    ///
    /// # Errors
    /// `config` is none that a server can have.
    pub fn new(config: Arc<ServerConfig>) -> Result<Box<Session>, TlsError> {
        Ok(Box::new(Session {
            connection: ServerConnection::new(config)?,
            sent: 0,
            sends: 0,
            failed: None,
            has_ended: false,
            has_said_goodbye: false,
            is_mute: false,
            _at_rest: AtRest::new(TLS_AT_REST_BYTES),
        }))
    }

    /// Whether the client has to say more before anything can be sealed.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// What was agreed on; none before the end of the handshake.
    pub fn agreement(&self) -> Option<Agreement> {
        let version = match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLS 1.2",
            _ => "TLS 1.3",
        };
        let is_resumed = self.connection.handshake_kind()? == HandshakeKind::Resumed;
        Some(Agreement {
            version,
            is_resumed,
        })
    }

    /// The certificate that the client has shown, and that was checked; none where it has shown none.
    pub fn peer_certificate(&self) -> Option<PeerCertificate> {
        let chain = self.connection.peer_certificates()?;
        chain.first().map(PeerCertificate::new)
    }

    /// Takes some of `bytes` in, as they have come from the socket, and says how many; what can be read then has to be
    /// read before more is given. What is to be answered to it is sealed.
    ///
    /// # Errors
    /// The client has broken the protocol, or somebody on the way has changed its bytes: the alert that tells it so is
    /// sealed, and the session is over.
    pub fn take_in(&mut self, bytes: &[u8]) -> Result<usize, TlsError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut rest = bytes;
        // None where more than a record waits to be read, which the caller reads first.
        let taken = self.connection.read_tls(&mut rest).unwrap_or_default();
        let state = self.connection.process_new_packets();
        let state = state.inspect_err(|error| self.failed = Some(TlsError(error.clone())))?;
        self.has_ended = state.peer_has_closed();
        // Who has said that it ends is not listened to any more.
        Ok(if self.has_ended { bytes.len() } else { taken })
    }

    /// Reads what was taken in; zero where nothing is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        self.connection.reader().read(buffer).unwrap_or(0)
    }

    /// Whether something was taken in that was not read.
    pub fn has_unread(&self) -> bool {
        !self.connection.wants_read() && !self.has_ended && !self.connection.is_handshaking()
    }

    /// It does not go on.
    pub fn fail(&mut self) {
        self.failed.get_or_insert_with(TlsError::stuck);
    }

    /// Why it has failed; none where it has not.
    pub fn failure(&self) -> Option<TlsError> {
        self.failed.clone()
    }

    /// Whether the client has said that nothing more comes from it (`close_notify`).
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Seals one record of what stands in two places, as much as it holds; says how many bytes that were. Only when
    /// [`Session::is_flushed`]; zero where the keys are used up.
    pub fn seal(&mut self, first: &[u8], second: &[u8]) -> usize {
        let first = &first[..first.len().min(TLS_RECORD_BYTES)];
        let second = &second[..second.len().min(TLS_RECORD_BYTES - first.len())];
        let mut writer = self.connection.writer();
        let sealed = match (first, second) {
            ([], part) | (part, []) => writer.write(part),
            // For which rustls allocates a list.
            (first, second) => writer.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]),
        };
        sealed.unwrap_or(0)
    }

    /// Whether nothing that is sealed waits to be sent.
    pub fn is_flushed(&self) -> bool {
        self.is_mute || !self.connection.wants_write()
    }

    /// Bytes that the socket has taken, handshake and all.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Times that the socket has taken something.
    pub fn sends(&self) -> u32 {
        self.sends
    }

    /// Sends what is sealed: `send` says how many bytes the socket has taken, zero where it is full, none where the
    /// connection is dead.
    pub fn flush(&mut self, send: impl FnMut(&[IoSlice<'_>]) -> Option<usize>) -> Flushed {
        let mut sender = Sender(send);
        while !self.is_flushed() {
            match self.connection.write_tls(&mut sender) {
                Ok(count) => {
                    self.sent += count as u64;
                    self.sends = self.sends.saturating_add(1);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flushed::Full,
                Err(_) => return Flushed::Broken,
            }
        }
        Flushed::All
    }

    /// Seals the word that nothing more comes from us (`close_notify`); once.
    pub fn say_goodbye(&mut self) {
        if !std::mem::replace(&mut self.has_said_goodbye, true) {
            self.connection.send_close_notify();
        }
    }

    /// Whether [`Session::say_goodbye`] was called.
    pub fn has_said_goodbye(&self) -> bool {
        self.has_said_goodbye
    }

    /// Nothing can be sent any more.
    pub fn fall_silent(&mut self) {
        self.is_mute = true;
    }
}

/// Where rustls writes to.
struct Sender<S>(S);

impl<S: FnMut(&[IoSlice<'_>]) -> Option<usize>> Write for Sender<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self.0)(parts) {
            Some(0) => Err(ErrorKind::WouldBlock.into()),
            Some(count) => Ok(count),
            None => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
