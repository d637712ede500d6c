//! Reads a head, and then a body, from a socket under one deadline for both.
//!
//! In any cutting of bytes; what comes behind the head is kept, since frames or a body may follow
//! in the same packet.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::request::{Refusal, Request};
use crate::limits::{BODY_BYTES_MAX, HEAD_BYTES_FIRST, HEAD_BYTES_MAX};

/// Why there is no request.
#[derive(Debug)]
pub enum ReadError {
    /// To be answered.
    Refused(Refusal),
    /// The peer left, before or in the middle: nobody to answer.
    Left,
}

impl From<Refusal> for ReadError {
    fn from(refusal: Refusal) -> ReadError {
        ReadError::Refused(refusal)
    }
}

/// Bytes of one connection before it is a WebSocket.
pub struct Reader<'a> {
    socket: &'a TcpStream,
    deadline: Instant,
    timeout: Duration,
    buffer: Vec<u8>,
    /// Bytes of `buffer` in which no end of a head begins.
    searched: usize,
}

impl<'a> Reader<'a> {
    /// Gives the peer `timeout` from now.
    pub fn new(socket: &'a TcpStream, timeout: Duration) -> Reader<'a> {
        let deadline = Instant::now() + timeout;
        Reader {
            socket,
            deadline,
            timeout,
            buffer: Vec::new(),
            searched: 0,
        }
    }

    /// Reads up to and with the empty line that ends a head. Blocks for the socket; woken by bytes,
    /// the deadline, or a shutdown of the socket.
    ///
    /// # Errors
    /// 400 where it is no HTTP, 408 past the deadline, 431 for a head over [`HEAD_BYTES_MAX`].
    pub fn read_head(&mut self) -> Result<Vec<u8>, ReadError> {
        loop {
            if let Some(end) = self.find_end()
                && end <= HEAD_BYTES_MAX
            {
                let rest = self.buffer.split_off(end);
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(ReadError::Refused(Refusal::new(
                    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                    format!("request head over {HEAD_BYTES_MAX} bytes"),
                )));
            }
            self.check_start()?;
            self.read_more("request head")?;
        }
    }

    /// Reads the body that the head announces.
    ///
    /// # Errors
    /// 400 for lengths that contradict each other, 413 over [`BODY_BYTES_MAX`], 501 for a
    /// transfer coding, 408 past the deadline.
    pub fn read_body(&mut self, request: &Request) -> Result<Vec<u8>, ReadError> {
        if request.header("transfer-encoding").is_some() {
            let why = "send the body with Content-Length; transfer codings are not supported";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, why).into());
        }
        let length = content_length(request)?;
        while self.buffer.len() < length {
            self.read_more("request body")?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    /// What came behind the head.
    pub fn into_rest(self) -> Vec<u8> {
        self.buffer
    }

    /// Index behind the empty line. One that ends with bare line feeds counts too, so that it is
    /// refused at once and not at the deadline.
    fn find_end(&mut self) -> Option<usize> {
        for at in self.searched..self.buffer.len() {
            let rest = &self.buffer[at..];
            if rest.starts_with(b"\n\r\n") {
                return Some(at + 3);
            }
            if rest.starts_with(b"\n\n") {
                return Some(at + 2);
            }
        }
        self.searched = self.buffer.len().saturating_sub(2);
        None
    }

    /// What cannot become a request line is told so at once.
    fn check_start(&self) -> Result<(), Refusal> {
        match self.buffer.first() {
            None => Ok(()),
            Some(byte) if byte.is_ascii_alphabetic() => Ok(()),
            Some(0x16) => Err(Refusal::malformed(
                "this looks like TLS, but plain HTTP is spoken here: use ws:// or put a proxy before it",
            )),
            Some(_) => Err(Refusal::malformed("this is no HTTP request")),
        }
    }

    fn read_more(&mut self, what: &str) -> Result<(), ReadError> {
        let room = if self.buffer.is_empty() {
            HEAD_BYTES_FIRST
        } else {
            4 * HEAD_BYTES_FIRST
        };
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.too_late(what).into());
            }
            // It fails only for a zero duration or a dead socket, and the read tells of that.
            self.socket.set_read_timeout(Some(left)).ok();
            let filled = self.buffer.len();
            self.buffer.resize(filled + room, 0);
            let read = self.socket.read(&mut self.buffer[filled..]);
            self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(ReadError::Left),
                Ok(_) => return Ok(()),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                    _ => return Err(ReadError::Left),
                },
            }
        }
    }

    fn too_late(&self, what: &str) -> Refusal {
        let time = humantime::format_duration(self.timeout);
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("{what} not complete within {time}"),
        )
    }
}

fn content_length(request: &Request) -> Result<usize, Refusal> {
    let mut values = request.header_values("content-length");
    let Some(value) = values.next() else {
        return Ok(0);
    };
    let digits = std::str::from_utf8(value).unwrap_or_default();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || values.any(|other| other != value) {
        return Err(Refusal::malformed(
            "Content-Length is no number, or is given twice",
        ));
    }
    match digits.parse() {
        Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
        _ => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("request body over {BODY_BYTES_MAX} bytes"),
        )),
    }
}
