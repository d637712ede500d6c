//! Positions: where in what was said on a route somebody stands. Plain values.
//!
//! To clients and plugins a position is an opaque text of [`POSITION_BYTES`] bytes, of characters that need no
//! escape in JSON, in a URL or in a header. Always as long, so that it can be written over a place that was left for
//! it in a message that is encoded already. Inside are an epoch, which is another one wherever counting begins
//! anew, and an offset; both are below 2^53, so that they pass through any program's numbers.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Bytes of a position's text.
pub const POSITION_BYTES: usize = EPOCH_DIGITS + 1 + OFFSET_DIGITS;

/// Ten digits of five bits.
const EPOCH_DIGITS: usize = 10;
/// Room for the numbers of other stores, such as a time in milliseconds with a count behind it.
const OFFSET_DIGITS: usize = 13;
/// Stands between the two.
const SEPARATOR: u8 = b'-';
/// Crockford's, in lower case: no letter looks like a digit.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Offsets are below it.
pub(super) const OFFSET_END: u64 = 1 << 53;

/// Which counting an offset belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// The one of the greatest number.
    pub const LAST: Epoch = Epoch((1 << (5 * EPOCH_DIGITS)) - 1);

    /// One that there has not been, as far as chance goes: of 2^50.
    pub fn random() -> Epoch {
        // The standard library takes the keys of its hashes from the system's source of chance.
        Epoch(RandomState::new().hash_one(0) >> 14)
    }

    /// As it was written down; none where it is none.
    pub fn from_number(number: u64) -> Option<Epoch> {
        (number < 1 << (5 * EPOCH_DIGITS)).then_some(Epoch(number))
    }

    /// To be written down.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Behind a message, or before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of which counting.
    pub epoch: Epoch,
    /// Number of the message; 0 is before the first.
    pub offset: u64,
}

impl Position {
    /// Reads a text; none where it is no position.
    pub fn parse(text: &[u8]) -> Option<Position> {
        let text: &[u8; POSITION_BYTES] = text.try_into().ok()?;
        let (epoch, rest) = text.split_at(EPOCH_DIGITS);
        let (separator, offset) = rest.split_first()?;
        let epoch = Epoch::from_number(number(epoch)?)?;
        let offset = number(offset).filter(|&offset| offset < OFFSET_END)?;
        (*separator == SEPARATOR).then_some(Position { epoch, offset })
    }

    /// Its text, of ASCII.
    pub fn text(self) -> [u8; POSITION_BYTES] {
        let mut text = [SEPARATOR; POSITION_BYTES];
        write(&mut text[..EPOCH_DIGITS], self.epoch.0);
        write(&mut text[EPOCH_DIGITS + 1..], self.offset);
        text
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

fn write(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number & 31) as usize];
        number >>= 5;
    }
}

/// None where a character is no digit, or the number has more than 64 bits.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = DIGITS.iter().position(|of| of == digit)? as u64;
        number.checked_mul(32)?.checked_add(value)
    })
}

/// Asserts that nothing reads as a position but what one is written as, wherever it stands in `data`.
#[cfg(any(test, fuzzing))]
pub(crate) fn holds(data: &[u8]) {
    assert!(data.len() == POSITION_BYTES || Position::parse(data).is_none());
    for text in data.windows(POSITION_BYTES) {
        if let Some(position) = Position::parse(text) {
            assert_eq!(position.to_string().as_bytes(), text);
            assert!(position.offset < OFFSET_END);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Epoch, OFFSET_END, POSITION_BYTES, Position};

    #[test]
    fn a_position_reads_as_it_was_written() {
        for offset in [0, 1, 31, 32, OFFSET_END - 1] {
            let epoch = Epoch::random();
            let position = Position { epoch, offset };
            assert_eq!(Position::parse(&position.text()), Some(position));
        }
    }

    #[test]
    fn it_needs_no_escape_and_has_no_number_past_what_javascript_counts() {
        let epoch = Epoch::random();
        let text = Position { epoch, offset: 7 }.to_string();
        assert_eq!(text.len(), POSITION_BYTES);
        let is_plain = |of: char| of == '-' || of.is_ascii_lowercase() || of.is_ascii_digit();
        assert!(text.chars().all(is_plain), "{text}");
        assert!(epoch.number() < 1 << 53);
        let past = format!("{}-{}", "0".repeat(10), "1g0000000000000".split_at(13).0);
        assert_eq!(
            Position::parse(past.as_bytes()),
            None,
            "{past} is 2^53 or more"
        );
    }

    proptest! {
        #[test]
        fn what_is_no_position_is_none_and_nothing_reads_as_two(text in "[0-9a-z-]{20,28}") {
            if let Some(position) = Position::parse(text.as_bytes()) {
                prop_assert_eq!(position.to_string(), text);
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            Position::parse(&bytes);
        }
    }
}
