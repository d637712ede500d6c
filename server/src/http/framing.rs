//! How long a request's body is (RFC 9112 section 6), and whether its sender waits to be asked for it.
//!
//! Whatever could be read in two ways is refused: two programs that disagree about where a body ends
//! can be made to see different requests.

use http::StatusCode;

use super::HttpLimits;
use super::refusal::Refusal;
use super::request::Request;
use super::request_line::Version;

/// The end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes, zero where there is no body.
    Length(usize),
    /// Where its last chunk says so.
    Chunked,
}

impl Framing {
    /// What the head says.
    ///
    /// # Errors
    /// 400 where it is malformed or says two things, 413 over the limit, 501 for a
    /// transfer coding other than chunked.
    pub fn of(request: &Request, limits: HttpLimits) -> Result<Framing, Refusal> {
        if request.header("transfer-encoding").is_none() {
            return content_length(request, limits).map(Framing::Length);
        }
        if request.version() == Version::Http10 {
            // RFC 9112 section 6.1: whoever sends that does not know what it says.
            return Err(Refusal::malformed(
                "a request of HTTP/1.0 has no Transfer-Encoding: use HTTP/1.1",
            ));
        }
        if request.header("content-length").is_some() {
            return Err(Refusal::malformed(
                "the request has both Transfer-Encoding and Content-Length",
            ));
        }
        let mut values = request.header_values("transfer-encoding");
        if values.any(|value| !value.is_ascii()) {
            return Err(Refusal::malformed("Transfer-Encoding is malformed"));
        }
        let codings: Vec<_> = request.list("transfer-encoding").collect();
        let is_chunked = |coding: &&&str| coding.eq_ignore_ascii_case("chunked");
        let chunked = codings.iter().filter(is_chunked).count();
        let ends_chunked = codings.last().filter(is_chunked).is_some();
        if codings.is_empty() {
            return Err(Refusal::malformed("Transfer-Encoding names no coding"));
        }
        if chunked > 1 || (chunked == 1 && !ends_chunked) {
            let why = "Transfer-Encoding: chunked has to stand once, and last";
            return Err(Refusal::malformed(why));
        }
        if codings.len() > chunked {
            let why = "of the transfer codings only chunked is known here";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, why));
        }
        Ok(Framing::Chunked)
    }

    /// Whether the head announces a body.
    pub fn has_body(self) -> bool {
        self != Framing::Length(0)
    }
}

/// Digits and nothing else, once: also `5, 5` is a list that another program may read as it likes.
fn content_length(request: &Request, limits: HttpLimits) -> Result<usize, Refusal> {
    let mut values = request.header_values("content-length");
    let Some(value) = values.next() else {
        return Ok(0);
    };
    if values.next().is_some() {
        return Err(Refusal::malformed("more than one Content-Length header"));
    }
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::malformed("Content-Length is no number"));
    }
    // Digits that do not fit are a length all the same: one over the limit.
    let length = std::str::from_utf8(value)
        .ok()
        .and_then(|digits| digits.parse().ok());
    length
        .filter(|&length| length <= limits.body_bytes)
        .ok_or_else(|| body_too_large(limits))
}

/// 413 for a body over its limit.
pub fn body_too_large(limits: HttpLimits) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("request body over {} bytes", limits.body_bytes),
    )
}

/// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
///
/// # Errors
/// 417 for an expectation that is not that.
pub fn expects_continue(request: &Request) -> Result<bool, Refusal> {
    if request.version() == Version::Http10 {
        // RFC 9110 section 10.1.1: it would not understand the answer.
        return Ok(false);
    }
    let mut expects = false;
    for expectation in request.list("expect") {
        if !expectation.eq_ignore_ascii_case("100-continue") {
            return Err(Refusal::new(
                StatusCode::EXPECTATION_FAILED,
                "of the expectations only 100-continue is known here",
            ));
        }
        expects = true;
    }
    Ok(expects)
}

#[cfg(test)]
mod tests {
    use super::{Framing, expects_continue};
    use crate::http::HttpLimits;
    use crate::http::peer::Remote;
    use crate::http::request::Request;

    fn request(lines: &str) -> Request {
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let peer = Remote::Tcp("192.0.2.1:1".parse().expect("an address"));
        Request::parse(head.as_bytes(), peer, HttpLimits::default()).expect("well-formed")
    }

    #[test]
    fn a_body_has_one_length() {
        for (lines, framing) in [
            ("", Ok(Framing::Length(0))),
            ("Content-Length: 0\r\n", Ok(Framing::Length(0))),
            ("Content-Length: 007\r\n", Ok(Framing::Length(7))),
            ("Content-Length: 65536\r\n", Ok(Framing::Length(65_536))),
            ("Content-Length: 65537\r\n", Err(413)),
            ("Content-Length: 99999999999999999999\r\n", Err(413)),
            ("Content-Length:\r\n", Err(400)),
            ("Content-Length: +5\r\n", Err(400)),
            ("Content-Length: -5\r\n", Err(400)),
            ("Content-Length: 0x5\r\n", Err(400)),
            ("Content-Length: 5 5\r\n", Err(400)),
            ("Content-Length: 5, 5\r\n", Err(400)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(400)),
            ("Transfer-Encoding: Chunked\r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding:\r\n", Err(400)),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                Err(400),
            ),
            ("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", Err(400)),
            ("Transfer-Encoding: chunked, chunked\r\n", Err(400)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(400),
            ),
            ("Transfer-Encoding: chunked, gzip\r\n", Err(400)),
            ("Transfer-Encoding: chunked\u{a0}\r\n", Err(400)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
            ("Transfer-Encoding: gzip\r\n", Err(501)),
            ("Transfer-Encoding: identity\r\n", Err(501)),
            ("Transfer-Encoding: chunked;a=b\r\n", Err(501)),
            ("Transfer-Encoding: xchunked\r\n", Err(501)),
        ] {
            let found = Framing::of(&request(lines), HttpLimits::default())
                .map_err(|refusal| refusal.status.as_u16());
            assert_eq!(found, framing, "{lines:?}");
        }
    }

    #[test]
    fn only_one_expectation_is_known() {
        let expects = |lines| expects_continue(&request(lines)).map_err(|no| no.status.as_u16());
        assert_eq!(expects(""), Ok(false));
        assert_eq!(expects("Expect: 100-Continue\r\n"), Ok(true));
        assert_eq!(expects("Expect: 200-ok\r\n"), Err(417));
        assert_eq!(expects("Expect: 100-continue, more\r\n"), Err(417));
    }
}
