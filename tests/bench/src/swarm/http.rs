//! The few bytes of HTTP and of event streams that a load needs. Whoever answers otherwise is not measured but
//! reported.

/// An event that has come whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event<'b> {
    /// Its position.
    pub(super) id: Option<&'b [u8]>,
    /// Its one line; none where it is a comment, or only a position.
    pub(super) data: Option<&'b [u8]>,
    /// Where the next begins.
    pub(super) end: usize,
}

impl<'b> Event<'b> {
    /// The event that begins at `at`; none where it is not complete.
    ///
    /// # Errors
    /// It has a name or several lines: no load sends what becomes that.
    pub(super) fn read(bytes: &'b [u8], at: usize) -> Result<Option<Event<'b>>, String> {
        let mut event = Event::default();
        let mut start = at;
        while let Some(length) = bytes[start..].iter().position(|&byte| byte == b'\n') {
            let line = &bytes[start..start + length];
            start += length + 1;
            if line.is_empty() {
                event.end = start;
                return Ok(Some(event));
            }
            if let Some(data) = line.strip_prefix(b"data: ")
                && event.data.is_none()
            {
                event.data = Some(data);
            } else if let Some(id) = line.strip_prefix(b"id: ") {
                event.id = Some(id);
            } else if !line.starts_with(b":") && !line.starts_with(b"retry: ") {
                return Err(format!("in an event: {}", String::from_utf8_lossy(line)));
            }
        }
        Ok(None)
    }
}

/// An answer that has come whole and says yes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer<'b> {
    /// Its body.
    pub(super) body: &'b [u8],
    /// The server ends the connection behind it.
    pub(super) is_last: bool,
    /// Where the next begins.
    pub(super) end: usize,
}

impl<'b> Answer<'b> {
    /// The answer that begins at `at`; none where it is not complete.
    ///
    /// # Errors
    /// It says no, or not how long it is.
    pub(super) fn read(bytes: &'b [u8], at: usize) -> Result<Option<Answer<'b>>, String> {
        let rest = &bytes[at..];
        let Some(head_bytes) = head_end(rest) else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&rest[..head_bytes]);
        let first = head.lines().next().unwrap_or_default();
        let field = |wanted: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim())
        };
        let length = field("content-length").and_then(|value| value.parse::<usize>().ok());
        let is_last = field("connection").is_some_and(|of| of.eq_ignore_ascii_case("close"));
        match length {
            Some(length) if first.starts_with("HTTP/1.1 2") => {
                let end = head_bytes + length;
                Ok(rest.get(head_bytes..end).map(|body| Answer {
                    body,
                    is_last,
                    end: at + end,
                }))
            }
            _ => Err(format!("an answer: {first}")),
        }
    }
}

/// Where what follows a head begins; none where the head is not complete.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    Some(end + 4)
}

#[cfg(test)]
mod tests {
    use super::{Answer, Event};

    #[test]
    fn events_are_read_when_they_are_whole() {
        let bytes = b": hi\n\nid: 7\n\nretry: 3000\nid: 8\ndata: a: b\n\nid: 9";
        let first = Event::read(bytes, 0).expect("known").expect("whole");
        assert_eq!((first.id, first.data, first.end), (None, None, 6));
        let second = Event::read(bytes, 6).expect("known").expect("whole");
        assert_eq!((second.id, second.data), (Some(&b"7"[..]), None));
        let third = Event::read(bytes, second.end)
            .expect("known")
            .expect("whole");
        assert_eq!(third.id, Some(&b"8"[..]));
        assert_eq!(third.data, Some(&b"a: b"[..]));
        assert_eq!(Event::read(bytes, third.end), Ok(None));
        for refused in [&b"event: gap\n\n"[..], b"data: a\ndata: b\n\n"] {
            assert!(Event::read(refused, 0).is_err());
        }
    }

    #[test]
    fn answers_are_read_by_their_length_and_refusals_are_faults() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyesHTTP/1.1 201";
        let answer = Answer::read(bytes, 0).expect("yes").expect("whole");
        assert_eq!(answer.body, b"yes");
        assert!(!answer.is_last);
        let last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let last = Answer::read(last, 0).expect("yes").expect("whole");
        assert!(last.is_last);
        assert_eq!(Answer::read(bytes, answer.end), Ok(None));
        for cut in 0..answer.end {
            assert_eq!(Answer::read(&bytes[..cut], 0), Ok(None), "cut at {cut}");
        }
        for refused in [
            &b"HTTP/1.1 507 No\r\nContent-Length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert!(Answer::read(refused, 0).is_err());
        }
    }
}
