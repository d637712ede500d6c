//! The bytes that one connection has sent and nobody has used yet, and the head in them.
//!
//! Pure memory: reading is the [`reader`](super::reader)'s business. In any cutting of bytes, since
//! a body, a further request or frames may follow in the same packet.

use std::io;

use http::StatusCode;

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
    /// 400 where it is no HTTP/1, 505 for another version than 1.1, 414 for a line and 431 for a
    /// head over their limit.
    pub fn head(&mut self) -> Result<Option<&[u8]>, Refusal> {
        if !self.has_begun() {
            return Ok(None);
        }
        check_start(&self.buffer)?;
        self.check_line()?;
        let end = fields::end(&self.buffer, self.searched);
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

    /// RFC 9112 section 3: a line that is longer than any that is read is 414.
    fn check_line(&mut self) -> Result<(), Refusal> {
        if self.has_line {
            return Ok(());
        }
        let line_end = self.buffer.iter().position(|&byte| byte == b'\n');
        let most = self.limits.head_bytes;
        if line_end.unwrap_or(self.buffer.len()) > most {
            let why = format!("request line over {most} bytes");
            return Err(Refusal::new(StatusCode::URI_TOO_LONG, why));
        }
        let Some(line_end) = line_end else {
            return Ok(());
        };
        let line = self.buffer[..line_end].strip_suffix(b"\r");
        RequestLine::parse(line.ok_or_else(fields::bare_line_feed)?)?;
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
            "this looks like TLS, but plain HTTP is spoken here: use ws:// or put a proxy before it",
        ),
        [b' ' | b'\t', ..] => malformed("the request line begins with a space"),
        [b'\r' | b'\n', ..] => malformed("an empty line stands where a request should begin"),
        [byte, ..] if fields::is_token(&[*byte]) => Ok(()),
        _ => malformed("this is no HTTP request"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::http::fuzz::{parse, requests};

    #[test]
    fn requests_that_follow_one_another_are_told_apart() {
        let one = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
        let two = "\r\nPOST /2?a HTTP/1.1\r\nHost: i\r\nB:c\r\n\r\n";
        let bytes = format!("{one}{two}{one}rest");
        let (found, rest) = requests(bytes.as_bytes(), &[]);
        let paths: Vec<_> = found
            .iter()
            .map(|parsed| parsed.as_ref().map(|p| &*p.1))
            .collect();
        assert_eq!(paths, [Ok("/1"), Ok("/2"), Ok("/1")]);
        assert_eq!(rest, b"rest");
        for cut in 0..bytes.len() {
            assert_eq!(
                requests(bytes.as_bytes(), &[cut]),
                (found.clone(), rest.clone())
            );
        }
    }

    #[test]
    fn what_can_become_no_request_is_refused_at_once() {
        for (bytes, status) in [
            ("\u{16}", 400),
            (" ", 400),
            ("\n", 400),
            ("\rG", 400),
            ("\r\n\r\n", 400),
            ("(", 400),
            ("GET /\r\n", 400),
            ("GET / HTTP/1.1\n", 400),
            ("GET / HTTP/1.0\r\n", 505),
        ] {
            let (found, _) = requests(bytes.as_bytes(), &[]);
            assert_eq!(found, [Err(status)], "{bytes:?}");
        }
        let long = "x".repeat(16_384);
        for (bytes, status) in [
            (format!("GET /{long}"), 414),
            (format!("GET /{long} HTTP/1.1\r\n"), 414),
            (format!("GET / HTTP/1.1\r\nA: {long}"), 431),
        ] {
            assert_eq!(requests(bytes.as_bytes(), &[]).0, [Err(status)]);
        }
    }

    /// Bytes that look like requests often enough to come deep into the parser.
    fn request_like() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            4 => Just("GET /a?b HTTP/1.1\r\nHost: h\r\n".to_owned()),
            4 => Just("\r\n".to_owned()),
            1 => Just("Name: value\r\n".to_owned()),
            1 => Just("OPTIONS * HTTP/1.1\r\n".to_owned()),
            1 => Just("GET http://h/ HTTP/1.1\r\nHost: i\r\n\r\n".to_owned()),
            1 => "[GET/ HTP1.:\\r\\n\\t\\x00%?\u{e9}]{0,12}",
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_cutting_of_any_bytes_gives_the_same_requests(
            bytes in request_like(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> =
                cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            prop_assert_eq!(requests(&bytes, &cuts), requests(&bytes, &[]));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            requests(&bytes, &[]);
            parse(&bytes).ok();
            parse(&[b"GET / HTTP/1.1\r\n".as_slice(), &bytes, b"\r\n\r\n"].concat()).ok();
        }
    }
}
