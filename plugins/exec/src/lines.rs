//! Lines out of the pieces in which they come.

/// What has come of a line that has not ended.
#[derive(Debug)]
pub(crate) struct Lines {
    rest: Vec<u8>,
    bytes_max: usize,
}

/// A line has more bytes than it may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Lines {
    pub(crate) fn new(bytes_max: usize) -> Lines {
        Lines {
            rest: Vec::new(),
            bytes_max,
        }
    }

    /// Gives each line that ends in `bytes` to `take`, without its end (`\n`, or `\r\n`).
    pub(crate) fn add(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), TooLong> {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.rest.len() + part.len() > self.bytes_max + 2 {
                return Err(TooLong);
            }
            self.rest.extend_from_slice(part);
            if let Some(line) = self.rest.strip_suffix(b"\n") {
                take(line.strip_suffix(b"\r").unwrap_or(line));
                self.rest.clear();
            }
        }
        Ok(())
    }

    /// What came behind the last end of a line.
    pub(crate) fn end(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, TooLong};

    fn lines(pieces: &[&str]) -> (Vec<String>, Option<String>) {
        let (mut lines, mut all) = (Lines::new(8), Vec::new());
        for piece in pieces {
            let take = |line: &[u8]| all.push(String::from_utf8_lossy(line).into_owned());
            lines.add(piece.as_bytes(), take).expect("they are short");
        }
        let rest = lines
            .end()
            .map(|rest| String::from_utf8_lossy(&rest).into_owned());
        (all, rest)
    }

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_come() {
        let expected = (
            ["a", "", "bc"].map(str::to_owned).to_vec(),
            Some("d".to_owned()),
        );
        assert_eq!(lines(&["a\n\nbc\r\nd"]), expected);
        assert_eq!(lines(&["a", "\n", "\nb", "c\r", "\nd"]), expected);
        assert_eq!(lines(&[]), (Vec::new(), None));
    }

    #[test]
    fn a_line_without_an_end_is_too_long_at_its_bound() {
        let mut lines = Lines::new(8);
        assert_eq!(lines.add(b"12345678\r\n12345678", |_| {}), Ok(()));
        assert_eq!(lines.add(b"9", |_| {}), Ok(()));
        assert_eq!(lines.add(b"abc", |_| {}), Err(TooLong));
    }
}
