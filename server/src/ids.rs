//! Numbers that name things: clients and routes. Plain values, used by every module above.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

/// A client: from 1, never used twice in one run. Zero never occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A route: one plugin on one path. Counted up through the run, never used twice, below 2^24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// Hashes what is a number that we have given out: no stranger chooses it.
pub type ByNumber = BuildHasherDefault<NumberHasher>;

/// See [`ByNumber`].
#[derive(Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|&byte| self.write_u64(self.0 ^ u64::from(byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    /// An odd number keeps all that tells numbers apart, and spreads it into the high bits, which a table of
    /// the standard library looks at first.
    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
