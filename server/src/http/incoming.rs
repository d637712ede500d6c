//! The bytes that one connection has sent and nobody has used yet, and the head in them.
//!
//! Pure memory: reading is the [`reader`](super::reader)'s business. In any cutting of bytes, since
//! a body, a further request or frames may follow in the same packet.

use std::io;

use http::StatusCode;
use memchr::memchr;

use super::HttpLimits;
use super::fields;
use super::refusal::Refusal;
use super::request::too_large;
use super::request_line::RequestLine;
use crate::limits::HEAD_BYTES_FIRST;

/// What has come and is not used.
#[derive(Debug, Default)]
pub struct Incoming {
    buffer: Vec<u8>,
    limits: HttpLimits,
    /// Bytes of `buffer` in which no end of a head begins.
    searched: usize,
    /// The request line that `buffer` begins with is complete and well-formed.
    has_line: bool,
    /// An empty line before the request has been passed over.
    has_skipped: bool,
}

impl Incoming {
    /// Other limits hold from the next request on.
    pub fn set_limits(&mut self, limits: HttpLimits) {
        self.limits = limits;
    }

    /// Appends what `read` writes into the room that it is given.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        let room = if self.buffer.is_empty() {
            HEAD_BYTES_FIRST
        } else {
            4 * HEAD_BYTES_FIRST
        };
        let filled = self.buffer.len();
        self.buffer.resize(filled + room, 0);
        let count = read(&mut self.buffer[filled..]);
        self.buffer.truncate(filled + *count.as_ref().unwrap_or(&0));
        count
    }

    /// Everything that is not used.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes everything that is not used.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.buffer.shrink_to_fit();
        self.buffer
    }

    /// Whether a request has begun. An empty line before it is passed over: some clients send one
    /// behind a body (RFC 9112 section 2.2).
    pub fn has_begun(&mut self) -> bool {
        if !self.has_skipped && self.buffer.starts_with(b"\r\n") {
            self.buffer.drain(..2);
            self.has_skipped = true;
        }
        !self.buffer.is_empty()
    }

    /// The head, up to and with its empty line; none while it is not complete. What can become no
    /// request is refused as soon as that can be told.
    ///
    /// # Errors
    /// 400 where it is no HTTP/1, 505 for another major version, 414 for a line and 431 for a
    /// head over their limit.
    pub fn head(&mut self) -> Result<Option<&[u8]>, Refusal> {
        if !self.has_begun() {
            return Ok(None);
        }
        check_start(&self.buffer)?;
        let end = fields::end(&self.buffer, self.searched);
        self.check_line(end.is_some())?;
        if end.unwrap_or(self.buffer.len()) > self.limits.head_bytes {
            return Err(too_large(self.limits));
        }
        if end.is_none() {
            self.searched = fields::searched(&self.buffer);
        }
        Ok(end.map(|end| &self.buffer[..end]))
    }

    /// Uses up `count` bytes of a request.
    pub fn consume(&mut self, count: usize) {
        self.buffer.drain(..count);
        self.searched = 0;
    }

    /// The request is used up: what follows is another. Gives memory back that a body took.
    pub fn end_request(&mut self) {
        self.has_line = false;
        self.has_skipped = false;
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// RFC 9112 section 3: a line that is longer than any that is read is 414. What else is wrong with it is
    /// told before the head is whole; who reads a whole one finds it.
    fn check_line(&mut self, is_whole: bool) -> Result<(), Refusal> {
        if self.has_line {
            return Ok(());
        }
        let line_end = memchr(b'\n', &self.buffer);
        let most = self.limits.head_bytes;
        if line_end.unwrap_or(self.buffer.len()) > most {
            let why = format!("request line over {most} bytes");
            return Err(Refusal::new(StatusCode::URI_TOO_LONG, why));
        }
        let Some(line_end) = line_end else {
            return Ok(());
        };
        let line = self.buffer[..line_end].strip_suffix(b"\r");
        let line = line.ok_or_else(fields::bare_line_feed)?;
        if !is_whole {
            RequestLine::parse(line)?;
        }
        self.has_line = true;
        Ok(())
    }
}

/// What cannot become a request line is told so at its first byte.
fn check_start(bytes: &[u8]) -> Result<(), Refusal> {
    let malformed = |why: &str| Err(Refusal::malformed(why));
    match bytes {
        [] | [b'\r'] => Ok(()),
        [0x16, ..] => malformed(
            "this is the beginning of TLS, but plain HTTP is spoken here: use http:// or ws://, or give \
             its [[listener]] `tls`, or put a proxy that ends TLS before it",
        ),
        [b' ' | b'\t', ..] => malformed("the request line begins with a space"),
        [b'\r', b'\n', ..] => malformed(
            "empty lines stand where a request should begin; so begins a header of the PROXY protocol \
             version 2, which only a [[listener]] with proxy_protocol = true reads",
        ),
        [b'\r' | b'\n', ..] => malformed("an empty line stands where a request should begin"),
        [byte, ..] if fields::is_token(&[*byte]) => Ok(()),
        _ => malformed("this is no HTTP request"),
    }
}

#[cfg(test)]
mod tests;
