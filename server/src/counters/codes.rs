//! Numbers by status or close code: those that a server gives have a place of their own, any other
//! that a plugin or a client thinks of goes into one.

use std::collections::BTreeMap;

use super::Count;

/// HTTP statuses that the server itself answers with.
const STATUSES: [u16; 22] = [
    101, 200, 204, 304, 308, 400, 403, 404, 405, 408, 413, 414, 417, 421, 426, 429, 431, 500, 501,
    503, 505, 507,
];

/// Close codes of RFC 6455 section 7.4.1 and IANA's registry.
const CLOSE_CODES: [u16; 14] = [
    1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
];

/// The key of every code without a place of its own.
pub const OTHER: u16 = 0;

/// Numbers by code, in its order; codes that never occurred are left out.
pub type ByCode = BTreeMap<u16, u64>;

/// Numbers by HTTP status.
#[derive(Debug)]
pub struct Statuses(Codes<{ STATUSES.len() }>);

/// Numbers by close code.
#[derive(Debug)]
pub struct CloseCodes(Codes<{ CLOSE_CODES.len() }>);

impl Statuses {
    pub(super) const fn new() -> Statuses {
        Statuses(Codes::new())
    }

    /// Counts one.
    pub fn add(&self, status: u16) {
        self.0.add(&STATUSES, status);
    }

    pub(super) fn add_to(&self, sum: &mut ByCode) {
        self.0.add_to(&STATUSES, sum);
    }
}

impl Default for CloseCodes {
    fn default() -> CloseCodes {
        CloseCodes::new()
    }
}

impl CloseCodes {
    pub(super) const fn new() -> CloseCodes {
        CloseCodes(Codes::new())
    }

    /// Counts one.
    pub fn add(&self, code: u16) {
        self.0.add(&CLOSE_CODES, code);
    }

    pub(super) fn add_to(&self, sum: &mut ByCode) {
        self.0.add_to(&CLOSE_CODES, sum);
    }
}

#[derive(Debug)]
struct Codes<const N: usize> {
    counts: [Count; N],
    others: Count,
}

impl<const N: usize> Codes<N> {
    const fn new() -> Codes<N> {
        Codes {
            counts: [const { Count::new() }; N],
            others: Count::new(),
        }
    }

    fn add(&self, known: &[u16; N], code: u16) {
        let place = known.iter().position(|&known| known == code);
        place
            .map_or(&self.others, |place| &self.counts[place])
            .add(1);
    }

    fn add_to(&self, known: &[u16; N], sum: &mut ByCode) {
        let numbers = self.counts.iter().chain([&self.others]).map(Count::get);
        for (&code, number) in known.iter().chain([&OTHER]).zip(numbers) {
            if number > 0 {
                *sum.entry(code).or_default() += number;
            }
        }
    }
}
