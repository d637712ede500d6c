//! Reads heads and bodies from a socket, each request under one deadline for both.
//!
//! Runs on the connection's thread; what is queued for the client is sent before it blocks.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::HttpLimits;
use super::chunked::Decoder;
use super::framing::Framing;
use super::incoming::Incoming;
use super::proxy_protocol::{self, Relayed};
use super::refusal::Refusal;
use super::request::Request;
use super::request_line;
use crate::limits::memory::{Account, LEDGER, Part};
use crate::outbox::{Handshake, Outbox};
use crate::tls::{self, Agreement, Session, TlsError};

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

/// Why there is no session of TLS.
#[derive(Debug)]
pub enum Unsecured {
    /// The peer speaks something else, and is to be answered in HTTP.
    Plain(Refusal),
    /// There is nothing that both can do, or the peer has broken the protocol; it has been told so.
    Failed(TlsError),
    /// It took too long, or had no time any more.
    Late(String),
    /// The peer left.
    Left,
}

impl From<ReadError> for Unsecured {
    /// Nobody reads HTTP there yet, so that what is wrong with it is only logged.
    fn from(error: ReadError) -> Unsecured {
        match error {
            ReadError::Refused(refusal) => Unsecured::Late(refusal.why),
            ReadError::Left => Unsecured::Left,
        }
    }
}

/// How long a peer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// For one request, head and body.
    pub request: Duration,
    /// Between two requests; zero for no second one.
    pub between: Duration,
}

/// One connection before it is a WebSocket.
pub struct Reader<'a> {
    outbox: &'a Arc<Outbox>,
    limits: HttpLimits,
    times: Times,
    deadline: Instant,
    incoming: Incoming,
    /// Of the body that is still to be read.
    framing: Framing,
    /// Of the body, until its request is answered.
    account: Account,
}

impl<'a> Reader<'a> {
    /// Gives the peer its time for the first request from now.
    pub fn new(outbox: &'a Arc<Outbox>, times: Times, limits: HttpLimits) -> Reader<'a> {
        let mut incoming = Incoming::default();
        incoming.set_limits(limits);
        Reader {
            outbox,
            limits,
            times,
            deadline: Instant::now() + times.request,
            incoming,
            framing: Framing::Length(0),
            account: Account::new(Part::Bodies),
        }
    }

    /// Other times and limits hold; the peer has its time for a request from now.
    pub fn renew(&mut self, times: Times, limits: HttpLimits) {
        (self.times, self.limits) = (times, limits);
        self.deadline = Instant::now() + times.request;
        self.incoming.set_limits(limits);
    }

    /// Whether another request may follow at all.
    pub fn keeps_alive(&self) -> bool {
        !self.times.between.is_zero()
    }

    /// Waits for the first byte of a further request, which [`Reader::renew`] gives its time then.
    /// False where none comes in time, or the peer leaves. Blocks for the socket; woken by bytes,
    /// the timeout, or a shutdown of the socket.
    pub fn await_next(&mut self) -> bool {
        self.deadline = Instant::now() + self.times.between;
        while !self.incoming.has_begun() {
            if !matches!(self.read_more(), Ok(true)) {
                return false;
            }
        }
        true
    }

    /// What comes from here on is another request.
    pub fn end_request(&mut self) {
        self.incoming.end_request();
        self.holds(0);
    }

    fn holds(&mut self, bytes: usize) {
        if self.account.set(bytes) {
            self.outbox.set_incoming(self.account.told());
        }
    }

    /// Whether [`Reader::read_head`] would not wait.
    pub fn has_head(&mut self) -> bool {
        !matches!(self.incoming.head(), Ok(None))
    }

    /// Reads a head of `peer`. Blocks for the socket; woken by bytes, the deadline, or a shutdown of the socket.
    ///
    /// # Errors
    /// Those of [`Incoming::head`], [`Request::parse`] and [`Framing::of`]; 408 past the deadline.
    // The stack that parsing needs is free again where plugins are asked.
    #[inline(never)]
    pub fn read_head(&mut self, peer: &str) -> Result<Box<Request>, ReadError> {
        loop {
            if let Some(head) = self.incoming.head()? {
                let length = head.len();
                let request = Box::new(Request::parse_of(head, peer, self.limits)?);
                self.framing = Framing::of(&request, self.limits)?;
                self.incoming.consume(length);
                return Ok(request);
            }
            self.read_in_time("request head")?;
        }
    }

    /// Reads the header of the PROXY protocol that stands before the first request, within the time of
    /// that. Blocks as [`Reader::read_head`] does.
    ///
    /// # Errors
    /// Those of `proxy_protocol::parse`; 408 past the deadline.
    pub fn read_proxy_header(&mut self) -> Result<Relayed, ReadError> {
        loop {
            if let Some((relayed, length)) = proxy_protocol::parse(self.incoming.bytes())? {
                self.incoming.consume(length);
                return Ok(relayed);
            }
            self.read_in_time("header of the PROXY protocol")?;
        }
    }

    /// Agrees with the peer on `session`, within the time of the first request. Blocks as [`Reader::read_head`] does.
    ///
    /// # Errors
    /// There is none: see [`Unsecured`].
    pub fn shake_hands(&mut self, session: Box<Session>) -> Result<Agreement, Unsecured> {
        let what = "handshake of TLS";
        while self.incoming.bytes().is_empty() {
            self.read_in_time(what).map_err(Unsecured::from)?;
        }
        if !tls::is_hello(self.incoming.bytes()[0]) {
            let why = "TLS is spoken here: use https:// or wss://";
            return Err(Unsecured::Plain(Refusal::malformed(why)));
        }
        let early = std::mem::take(&mut self.incoming).into_bytes();
        self.incoming.set_limits(self.limits);
        let mut outcome = self.outbox.secure(session, &early);
        loop {
            match outcome {
                Ok(Handshake::Done(agreement)) => return Ok(agreement),
                Ok(Handshake::UnderWay) => {}
                Err(error) => return Err(Unsecured::Failed(error)),
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.late(what).into());
            }
            // As below.
            self.outbox.socket().set_read_timeout(Some(left)).ok();
            outcome = match self.outbox.receive_handshake() {
                Ok(outcome) => outcome,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        Ok(Handshake::UnderWay)
                    }
                    _ => return Err(self.left(what).into()),
                },
            };
        }
    }

    /// Method and path of the request whose head is refused, as far as they can be told.
    pub fn refused_name(&self) -> Option<(&str, &str)> {
        request_line::name(self.incoming.bytes())
    }

    /// Whether the head has announced a body that is not read: what follows it cannot be found.
    pub fn has_unread_body(&self) -> bool {
        self.framing.has_body()
    }

    /// Reads the body that the head has announced. Blocks as [`Reader::read_head`] does.
    ///
    /// # Errors
    /// Those of a body in chunks (`chunked`); 408 past the deadline.
    pub fn read_body(&mut self) -> Result<Vec<u8>, ReadError> {
        let body = match self.framing {
            Framing::Length(length) => self.read_length(length)?,
            Framing::Chunked => self.read_chunks()?,
        };
        self.framing = Framing::Length(0);
        Ok(body)
    }

    fn read_length(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        while self.incoming.bytes().len() < length {
            self.read_in_time("request body")?;
            self.holds(self.incoming.bytes().len());
        }
        let body = self.incoming.bytes()[..length].to_vec();
        self.incoming.consume(length);
        Ok(body)
    }

    fn read_chunks(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut decoder = Decoder::new(self.limits);
        loop {
            let used = decoder.take(self.incoming.bytes())?;
            self.incoming.consume(used);
            if decoder.is_complete() {
                return Ok(decoder.into_body());
            }
            self.read_in_time("request body")?;
            self.holds(decoder.length() + self.incoming.bytes().len());
        }
    }

    /// Whether nothing has come behind what was read.
    pub fn is_empty(&self) -> bool {
        self.incoming.bytes().is_empty()
    }

    /// What came behind what was read.
    pub fn into_rest(self) -> Vec<u8> {
        self.incoming.into_bytes()
    }

    fn read_in_time(&mut self, what: &str) -> Result<(), ReadError> {
        match self.read_more() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.late(what)),
            Err(_) => Err(self.left(what)),
        }
    }

    fn late(&self, what: &str) -> ReadError {
        let time = humantime::format_duration(self.times.request);
        let why = format!("{what} not complete within {time}");
        Refusal::new(StatusCode::REQUEST_TIMEOUT, why).into()
    }

    /// The peer has gone, or was woken to go.
    fn left(&self, what: &str) -> ReadError {
        if !self.outbox.is_asked_to_leave() {
            return ReadError::Left;
        }
        let why = format!("{what} not complete when its place was needed for others");
        Refusal::new(StatusCode::REQUEST_TIMEOUT, why).into()
    }

    /// Sends what is queued, then blocks for more bytes. False past the deadline; an error where
    /// the peer has left.
    fn read_more(&mut self) -> io::Result<bool> {
        self.outbox.flush();
        let outbox = self.outbox;
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            if self.account.told() > 0 {
                self.outbox.wait_for_memory(&LEDGER, self.deadline);
            }
            // It fails only for a zero duration or a dead socket, and the read tells of that.
            outbox.socket().set_read_timeout(Some(left)).ok();
            match self.incoming.fill(|room| outbox.receive(room)) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(true),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                    _ => return Err(error),
                },
            }
        }
    }
}
