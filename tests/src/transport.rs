//! What carries the bytes of a client: a TCP connection, or a session of TLS over one.
//!
//! Beside rustls' own stream it can be read by one thread and written by another, may be told not to block, and is as
//! lazy as a socket: nothing is said before the test says something.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{ClientConfig, ClientConnection};

/// Plain bytes that are sealed at once, as many as a record holds.
const RECORD_BYTES: usize = 16 * 1024;

/// A connection; it stands for its socket wherever that is asked for.
#[derive(Debug)]
pub struct Transport {
    socket: TcpStream,
    secured: Option<Arc<Mutex<Secured>>>,
}

/// A session and what stands between it and its two sides.
#[derive(Debug)]
struct Secured {
    session: ClientConnection,
    /// What was read from records and not by the test.
    heard: Vec<u8>,
    /// What is sealed and not sent.
    sealed: Vec<u8>,
    has_ended: bool,
}

impl Transport {
    /// TLS over `socket`, with one who calls itself `localhost`.
    #[track_caller]
    pub fn secured(socket: TcpStream, trust: Arc<ClientConfig>) -> Transport {
        let name = "localhost".try_into().expect("a valid name");
        let session = ClientConnection::new(trust, name).expect("a valid configuration");
        let secured = Secured {
            session,
            heard: Vec::new(),
            sealed: Vec::new(),
            has_ended: false,
        };
        Transport {
            socket,
            secured: Some(Arc::new(Mutex::new(secured))),
        }
    }

    /// A second handle for another thread.
    ///
    /// # Errors
    /// As `dup(2)`.
    pub fn try_clone(&self) -> io::Result<Transport> {
        Ok(Transport {
            socket: self.socket.try_clone()?,
            secured: self.secured.clone(),
        })
    }

    /// Says that nothing more will be sent, in TLS too where that is spoken.
    ///
    /// # Errors
    /// As `shutdown(2)`.
    pub fn end_writing(&self) -> io::Result<()> {
        if let Some(secured) = &self.secured {
            lock(secured).session.send_close_notify();
            self.send_sealed(secured)?;
        }
        self.socket.shutdown(Shutdown::Write)
    }

    /// Reads from the socket without a lock, and then from what that was.
    fn take_in(&self, secured: &Mutex<Secured>) -> io::Result<()> {
        let mut bytes = [0; RECORD_BYTES];
        let count = (&self.socket).read(&mut bytes)?;
        let outcome = lock(secured).take_in(&bytes[..count]);
        // Why it has failed is told to the other side too.
        let sent = self.send_sealed(secured);
        outcome.and(sent)
    }

    fn send_sealed(&self, secured: &Mutex<Secured>) -> io::Result<()> {
        let mut sealed = {
            let mut secured = lock(secured);
            secured.seal()?;
            std::mem::take(&mut secured.sealed)
        };
        let mut outcome = Ok(());
        while !sealed.is_empty() && outcome.is_ok() {
            match (&self.socket).write(&sealed) {
                Ok(count) => drop(sealed.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => outcome = Err(error),
            }
        }
        let mut secured = lock(secured);
        sealed.append(&mut secured.sealed);
        secured.sealed = sealed;
        outcome
    }

    fn shake_hands(&self, secured: &Mutex<Secured>) -> io::Result<()> {
        self.send_sealed(secured)?;
        while lock(secured).session.is_handshaking() {
            if lock(secured).has_ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.take_in(secured)?;
        }
        Ok(())
    }
}

impl Secured {
    /// # Errors
    /// It is nothing that this session reads, or an end without a word of it.
    fn take_in(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            self.has_ended = true;
        }
        loop {
            self.session.read_tls(&mut bytes)?;
            let state = self.session.process_new_packets();
            state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            match self.session.reader().read_to_end(&mut self.heard) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // By a word or without one: who has read all that came is told which.
                _ => self.has_ended = true,
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    fn seal(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.sealed)?;
        }
        Ok(())
    }
}

impl From<TcpStream> for Transport {
    fn from(socket: TcpStream) -> Transport {
        Transport {
            socket,
            secured: None,
        }
    }
}

impl Deref for Transport {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.socket
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Read for &Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(secured) = &self.secured else {
            return (&self.socket).read(buffer);
        };
        self.shake_hands(secured)?;
        loop {
            let mut state = lock(secured);
            let count = state.heard.len().min(buffer.len());
            if count > 0 || buffer.is_empty() {
                buffer[..count].copy_from_slice(&state.heard[..count]);
                state.heard.drain(..count);
                return Ok(count);
            }
            if state.has_ended {
                // An end without a word of it is an error, as with rustls' own streams.
                return state.session.reader().read(buffer);
            }
            drop(state);
            self.take_in(secured)?;
        }
    }
}

impl Write for &Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(secured) = &self.secured else {
            return (&self.socket).write(bytes);
        };
        self.shake_hands(secured)?;
        self.send_sealed(secured)?;
        let part = &bytes[..bytes.len().min(RECORD_BYTES)];
        let count = lock(secured).session.writer().write(part)?;
        match self.send_sealed(secured) {
            // It counts as sent, and goes before whatever is said next.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(count),
            outcome => outcome.map(|()| count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &self.secured {
            Some(secured) => self.send_sealed(secured),
            None => Ok(()),
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

fn lock(secured: &Mutex<Secured>) -> MutexGuard<'_, Secured> {
    secured.lock().unwrap_or_else(PoisonError::into_inner)
}
