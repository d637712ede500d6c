//! Bodies in chunks (RFC 9112 section 7.1), taken apart as they come, in any cutting of bytes.
//!
//! Pure memory. Own code, since what `httparse` offers for it reads a size and forgives what stands
//! behind it, and bounds nothing.

use std::ops::ControlFlow;

use http::StatusCode;

use super::HttpLimits;
use super::fields;
use super::framing::body_too_large;
use super::refusal::Refusal;
use crate::limits::CHUNK_EXTENSION_BYTES_MAX;

/// Digits of a chunk's size: more than any size that is taken, and enough for leading zeros.
const SIZE_DIGITS_MAX: usize = 16;

/// A body under way.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    limits: HttpLimits,
    body: Vec<u8>,
    state: State,
    /// Bytes of all chunk extensions so far.
    extension_bytes: usize,
    /// Bytes of the trailers in which no end of them begins.
    searched: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A line with a size follows.
    #[default]
    Size,
    /// So many bytes of a chunk follow.
    Data(usize),
    /// The CR LF behind a chunk follows.
    DataEnd,
    /// Header lines that end with an empty one follow.
    Trailers,
    /// The body is complete.
    End,
}

/// How much of some bytes was used up; broken off where more are needed.
type Step = ControlFlow<(), usize>;

impl Decoder {
    /// Bytes of the body so far.
    pub(super) fn length(&self) -> usize {
        self.body.len()
    }

    /// For a body within `limits`.
    pub(super) fn new(limits: HttpLimits) -> Decoder {
        Decoder {
            limits,
            ..Decoder::default()
        }
    }

    /// Takes what it can of `bytes` and says how many these were. What is left belongs to what
    /// follows: to the next call, with more bytes behind it, or where the body is complete to the
    /// next request.
    ///
    /// # Errors
    /// 400 where the chunks are malformed, 413 for a body over its limit or chunk
    /// extensions over [`CHUNK_EXTENSION_BYTES_MAX`], 431 for trailers over a head's limit.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut used = 0;
        while !self.is_complete() {
            match self.step(&bytes[used..])? {
                ControlFlow::Continue(count) => used += count,
                ControlFlow::Break(()) => break,
            }
        }
        Ok(used)
    }

    /// Whether the last chunk and the trailers have come.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// What the chunks held.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }

    fn step(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        match self.state {
            State::Size => self.take_size(bytes),
            State::Data(left) => {
                let count = left.min(bytes.len());
                self.body.extend_from_slice(&bytes[..count]);
                self.state = if count == left {
                    State::DataEnd
                } else {
                    State::Data(left - count)
                };
                Ok(if count == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(count)
                })
            }
            State::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(ControlFlow::Continue(2))
                }
                [] | [b'\r'] => Ok(ControlFlow::Break(())),
                _ => Err(malformed("a chunk is longer than its size says")),
            },
            State::Trailers => self.take_trailers(bytes),
            State::End => Ok(ControlFlow::Break(())),
        }
    }

    fn take_size(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        let digits = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        if digits > SIZE_DIGITS_MAX {
            return Err(malformed("a chunk's size has too many digits"));
        }
        let Some(&next) = bytes.get(digits) else {
            return Ok(ControlFlow::Break(()));
        };
        if digits == 0 || !matches!(next, b'\r' | b';' | b' ' | b'\t') {
            return Err(malformed("a chunk's size is no hexadecimal number"));
        }
        let size = std::str::from_utf8(&bytes[..digits])
            .ok()
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| *size <= self.limits.body_bytes - self.body.len())
            .ok_or_else(|| body_too_large(self.limits))?;
        let ControlFlow::Continue(rest) = self.skip_extensions(&bytes[digits..])? else {
            return Ok(ControlFlow::Break(()));
        };
        self.state = if size == 0 {
            State::Trailers
        } else {
            State::Data(size)
        };
        Ok(ControlFlow::Continue(digits + rest))
    }

    /// What stands between a size and its CR LF, the CR LF included, is ignored (RFC 9112 section
    /// 7.1.1) where it is an extension.
    fn skip_extensions(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        let is_text = |byte: &&u8| !byte.is_ascii_control() || **byte == b'\t';
        let length = bytes.iter().take_while(is_text).count();
        if self.extension_bytes + length > CHUNK_EXTENSION_BYTES_MAX {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("chunk extensions over {CHUNK_EXTENSION_BYTES_MAX} bytes"),
            ));
        }
        let extension = bytes[..length].trim_ascii_start();
        if !(length == 0
            || extension.is_empty() && length == bytes.len()
            || extension.starts_with(b";"))
        {
            return Err(malformed(
                "a chunk's size is followed by something else than an extension",
            ));
        }
        match bytes[length..] {
            [b'\r', b'\n', ..] => {
                self.extension_bytes += length;
                Ok(ControlFlow::Continue(length + 2))
            }
            [] | [b'\r'] => Ok(ControlFlow::Break(())),
            _ => Err(malformed(
                "the line of a chunk's size does not end with CR LF",
            )),
        }
    }

    /// Trailers are read, held to the rules of headers, and dropped.
    fn take_trailers(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        let end = match bytes {
            [b'\r', b'\n', ..] => Some(2),
            [b'\n', ..] => return Err(fields::bare_line_feed()),
            _ => fields::end(bytes, self.searched),
        };
        let most = self.limits.head_bytes;
        if end.unwrap_or(bytes.len()) > most {
            return Err(Refusal::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                format!("trailers over {most} bytes"),
            ));
        }
        let Some(end) = end else {
            self.searched = fields::searched(bytes);
            return Ok(ControlFlow::Break(()));
        };
        fields::parse(&bytes[..end], self.limits, |_| Ok(()))?;
        self.state = State::End;
        Ok(ControlFlow::Continue(end))
    }
}

fn malformed(why: &str) -> Refusal {
    Refusal::malformed(why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Decoder;

    /// A body and what is left behind it, or the status of the refusal.
    type Decoded = Result<(Vec<u8>, Vec<u8>), u16>;

    /// Decodes bytes that are cut at `cuts`; none where the body is not complete.
    fn decode(bytes: &[u8], cuts: &[usize]) -> Option<Decoded> {
        let mut decoder = Decoder::default();
        let mut buffer = Vec::new();
        let mut from = 0;
        for &cut in cuts.iter().chain([&bytes.len()]) {
            buffer.extend_from_slice(&bytes[from..cut]);
            from = cut;
            match decoder.take(&buffer) {
                Ok(used) => drop(buffer.drain(..used)),
                Err(refusal) => return Some(Err(refusal.status.as_u16())),
            }
        }
        let is_complete = decoder.is_complete();
        is_complete.then(|| Ok((decoder.into_body(), buffer)))
    }

    #[track_caller]
    fn assert_refused(bytes: &str, status: u16) {
        assert_eq!(
            decode(bytes.as_bytes(), &[]),
            Some(Err(status)),
            "{bytes:?}"
        );
    }

    #[test]
    fn chunks_are_put_together_and_what_follows_is_left() {
        for (bytes, body) in [
            ("0\r\n\r\nnext", ""),
            (
                "3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\nnext",
                "abc0123456789",
            ),
            (
                "1;a=b\r\nx\r\n1 ; c\t\r\ny\r\n0;d=\"e\"\r\nTrailer: 1\r\nMore:\r\n\r\nnext",
                "xy",
            ),
        ] {
            let decoded = decode(bytes.as_bytes(), &[])
                .expect("complete")
                .expect("legal");
            assert_eq!(decoded, (body.into(), b"next".to_vec()), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for bytes in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            ";a\r\n",
            "1\n",
            "1 \r\n",
            "1 2\r\n",
            "1;a\nx",
            "1;a\rx",
            "1;\0\r\n",
            "1\r\nabc",
            "1\r\nx\n",
            "1\r\nx\rx",
            "00000000000000001\r\n",
            "0\r\n\n",
            "0\r\nA\r\n\r\n",
            "0\r\n A: b\r\n\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\nA : b\r\n\r\n",
        ] {
            assert_refused(bytes, 400);
        }
    }

    #[test]
    fn every_part_has_its_limit() {
        assert_refused("10001\r\n", 413);
        assert_refused("ffffffffffffffff\r\n", 413);
        assert_refused(&format!("10000\r\n{}\r\n1\r\n", "x".repeat(65_536)), 413);
        assert_refused(&format!("1;{}", "x".repeat(4_096)), 413);
        assert_refused(&format!("1;{}\r\nx\r\n", "x".repeat(60)).repeat(70), 413);
        assert_refused(&format!("0\r\nA: {}", "x".repeat(16_384)), 431);
        assert_refused(&format!("0\r\n{}\r\n", "A: b\r\n".repeat(101)), 431);
    }

    /// Bytes that look like chunks often enough to come deep into the decoder.
    fn chunk_like() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just("0\r\n".to_owned()),
            Just("3\r\nabc\r\n".to_owned()),
            Just("0\r\n\r\n".to_owned()),
            Just("A: b\r\n".to_owned()),
            Just(";x".to_owned()),
            "[0-9a-f \\t;\\r\\n:\\x00]{0,4}",
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_cutting_of_any_bytes_gives_the_same(
            bytes in chunk_like(),
            mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> =
                cuts.drain(..).map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            prop_assert_eq!(decode(&bytes, &cuts), decode(&bytes, &[]));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            decode(&bytes, &[]);
        }
    }
}
