//! Numbers that name things: clients and routes. Plain values, used by every module above.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;

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

/// The run of a server among those that share routes: drawn by chance at its start, so that none has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostNumber(pub u32);

impl fmt::Display for HostNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for HostNumber {
    type Err = NoSuchNumber;

    fn from_str(text: &str) -> Result<HostNumber, NoSuchNumber> {
        let is_one = text.len() == 8 && !text.starts_with('+');
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_one);
        number.map(HostNumber).ok_or(NoSuchNumber)
    }
}

/// A client by the number that it has on all hosts: `5f3a09c1-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Anywhere {
    /// Where it is.
    pub host: HostNumber,
    /// Its number there.
    pub client: ClientId,
}

impl fmt::Display for Anywhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.host, self.client)
    }
}

impl FromStr for Anywhere {
    type Err = NoSuchNumber;

    fn from_str(text: &str) -> Result<Anywhere, NoSuchNumber> {
        let (host, client) = text.split_once('-').ok_or(NoSuchNumber)?;
        let is_number = client.bytes().all(|byte| byte.is_ascii_digit());
        let client = client.parse().ok().filter(|_| is_number);
        Ok(Anywhere {
            host: host.parse()?,
            client: client.map(ClientId).ok_or(NoSuchNumber)?,
        })
    }
}

/// What was read names no host, or no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no number of that kind")]
pub struct NoSuchNumber;

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

#[cfg(test)]
mod tests {
    use super::{Anywhere, ClientId, HostNumber};

    #[test]
    fn a_client_anywhere_reads_as_it_is_written() {
        for (host, client, text) in [
            (0x5f3a_09c1, 17, "5f3a09c1-17"),
            (1, u64::MAX, "00000001-18446744073709551615"),
        ] {
            let anywhere = Anywhere {
                host: HostNumber(host),
                client: ClientId(client),
            };
            assert_eq!(anywhere.to_string(), text);
            assert_eq!(text.parse(), Ok(anywhere));
        }
        for wrong in [
            "",
            "17",
            "-17",
            "5f3a09c1",
            "5f3a09c1-",
            "5f3a09c1-+1",
            "5f3a09c1-x",
            "+f3a09c1-1",
            "f3a09c1-1",
            "5f3a09c1-18446744073709551616",
        ] {
            assert!(wrong.parse::<Anywhere>().is_err(), "{wrong}");
        }
    }
}
