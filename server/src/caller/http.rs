//! One request by HTTP/1.0, which no answer comes to in chunks, and nothing follows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::place::Place;
use super::{CallError, harmless};

/// Bytes of the head and of a refusal that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// An answer whose body is still to be read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: BufReader<TcpStream>,
}

impl Answer {
    /// The status with what the body says about it.
    pub(super) fn refusal(self) -> CallError {
        let mut why = Vec::new();
        // What has come of it is better than nothing.
        self.body.take(ANSWER_BYTES_MAX).read_to_end(&mut why).ok();
        let why = String::from_utf8_lossy(&why);
        CallError::Refused(format!("{} {}", self.status, harmless(why.trim())))
    }
}

/// Sends a request with further header lines and a body, and reads the head of its answer. Blocks for both.
///
/// # Errors
/// [`CallError::Unreachable`].
pub(super) fn ask(
    place: &Place,
    method: &str,
    lines: &str,
    body: &[u8],
) -> Result<Answer, CallError> {
    let lost = |error: &dyn std::fmt::Display| {
        CallError::Unreachable(format!("{}: {error}", place.authority))
    };
    let (target, host, length) = (&place.target, &place.authority, body.len());
    let head = format!(
        "{method} {target} HTTP/1.0\r\nHost: {host}\r\n{lines}Content-Length: {length}\r\n\r\n"
    );
    let mut stream = place.connect()?;
    let request = [head.as_bytes(), body].concat();
    // Who refuses a request early has answered it all the same.
    let written = stream.write_all(&request);
    let mut body = BufReader::new(stream);
    let mut status = None;
    let mut left = ANSWER_BYTES_MAX;
    loop {
        let mut line = Vec::new();
        let read = (&mut body).take(left).read_until(b'\n', &mut line);
        let count = read.map_err(|error| lost(&error))?;
        left -= count as u64;
        if !line.ends_with(b"\n") {
            let error = written.err().map(|error| error.to_string());
            return Err(lost(&error.as_deref().unwrap_or("there is no answer")));
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        match status {
            None => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
            // The head of `100 Continue` is none of the answer.
            Some(100..200) if line.is_empty() => status = None,
            Some(status) if line.is_empty() => return Ok(Answer { status, body }),
            Some(_) => {}
        }
    }
}

/// The header line of a token.
pub(super) fn authorization(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| {
        format!("Authorization: Bearer {token}\r\n")
    })
}
