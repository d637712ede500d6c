//! The `Range` header (RFC 9110 section 14.2): one range of bytes. Who asks for several gets the whole, as section 14.2 allows.

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// All of it: no range, several, or none that can be understood.
    Whole,
    /// From the first byte to the last, which is sent too.
    Part { first: u64, last: u64 },
    /// It begins behind the end.
    Unsatisfiable,
}

impl Range {
    /// Of a file of `size` bytes.
    pub(crate) fn parse(header: &str, size: u64) -> Range {
        let Some((unit, set)) = header.split_once('=') else {
            return Range::Whole;
        };
        let Some((first, last)) = set.trim().split_once('-') else {
            return Range::Whole;
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Range::Whole;
        }
        match (number(first), number(last)) {
            // The last so many bytes.
            (Some(None), Some(Some(count))) => match count.min(size) {
                0 => Range::Unsatisfiable,
                count => Range::Part {
                    first: size - count,
                    last: size - 1,
                },
            },
            (Some(Some(first)), Some(last)) if last.is_none_or(|last| first <= last) => {
                if first >= size {
                    return Range::Unsatisfiable;
                }
                let end = size - 1;
                Range::Part {
                    first,
                    last: last.map_or(end, |last| last.min(end)),
                }
            }
            _ => Range::Whole,
        }
    }
}

/// Digits; none within where there are none, and none at all where something else stands there. What no number
/// holds is larger than any file.
fn number(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Range::{self, Part, Unsatisfiable, Whole};

    fn part(first: u64, last: u64) -> Range {
        Part { first, last }
    }

    #[test]
    fn each_form_of_one_range_is_understood() {
        for (header, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-99", part(0, 9)),
            ("bytes=2-", part(2, 9)),
            ("bytes=9-9", part(9, 9)),
            ("bytes=-1", part(9, 9)),
            ("bytes=-100", part(0, 9)),
            ("Bytes= 2 - 4 ", part(2, 4)),
            ("bytes=5-99999999999999999999999", part(5, 9)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-20", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
        ] {
            assert_eq!(Range::parse(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn what_is_no_single_range_means_the_whole() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=4-2",
            "bytes=a-b",
            "bytes=1-2,4-5",
            "bytes=1-2, -1",
            "lines=1-2",
            "bytes=0x1-2",
            "bytes=+1-2",
            "bytes=1-2-3",
        ] {
            assert_eq!(Range::parse(header, 10), Whole, "{header}");
        }
    }

    #[test]
    fn of_an_empty_file_there_is_no_part() {
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(Range::parse(header, 0), Unsatisfiable, "{header}");
        }
    }
}
