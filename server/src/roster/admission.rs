//! How many may be let in: handshakes under way at once, and connections of one address.
//!
//! The acceptors claim, connection threads give back by dropping what they were given. The lock is held
//! for one look into a table.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::StatusCode;
use parking_lot::Mutex;

use crate::config::ServerLimits;

/// Bits of an IPv6 address that one customer of a provider has at least: addresses that share them
/// count as one.
const IPV6_PREFIX_BITS: u32 = 64;

/// Counts what is under way and who is here; shared by acceptors and connection threads.
#[derive(Default)]
pub struct Admission {
    handshakes: AtomicU32,
    handshakes_max: AtomicU32,
    addresses: Mutex<HashMap<IpAddr, u32>>,
    per_address_max: AtomicU32,
}

/// One handshake that is under way, until it is dropped.
pub struct HandshakePermit(Arc<Admission>);

/// One connection of an address, until it is dropped.
pub struct AddressPermit {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Other limits hold from now on; who is in stays.
    pub fn set_limits(&self, limits: &ServerLimits) {
        let handshakes = u32::try_from(limits.handshakes).unwrap_or(u32::MAX);
        self.handshakes_max.store(handshakes, Ordering::Relaxed);
        let per_address = limits.connections_per_address.unwrap_or(u32::MAX);
        self.per_address_max.store(per_address, Ordering::Relaxed);
    }

    /// A permit for one more handshake.
    ///
    /// # Errors
    /// The limit, where it is reached.
    pub fn claim_handshake(self: &Arc<Self>) -> Result<HandshakePermit, u32> {
        let max = self.handshakes_max.load(Ordering::Relaxed);
        let before = self.handshakes.fetch_add(1, Ordering::Relaxed);
        let permit = HandshakePermit(self.clone());
        if before >= max {
            return Err(max);
        }
        Ok(permit)
    }

    /// A permit for one more connection of `address`.
    ///
    /// # Errors
    /// The limit, where it is reached.
    pub fn claim_address(self: &Arc<Self>, address: IpAddr) -> Result<AddressPermit, u32> {
        let max = self.per_address_max.load(Ordering::Relaxed);
        let address = network(address);
        let mut addresses = self.addresses.lock();
        let count = addresses.entry(address).or_default();
        if *count >= max {
            return Err(max);
        }
        *count += 1;
        Ok(AddressPermit {
            admission: self.clone(),
            address,
        })
    }
}

/// What one connection has claimed.
pub struct Permits {
    /// Until it is a WebSocket or ends.
    pub handshake: HandshakePermit,
    /// None for a proxy's, until the request has told whose it is.
    pub address: Option<AddressPermit>,
}

/// 429 for an address that has as many connections as one may have.
pub fn too_many(max: u32) -> (StatusCode, String) {
    let why = format!("this address has {max} connections, which is the most that one may have");
    (StatusCode::TOO_MANY_REQUESTS, why)
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut addresses = self.admission.addresses.lock();
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let kept = u128::MAX << (u128::BITS - IPV6_PREFIX_BITS);
            IpAddr::V6((u128::from(address) & kept).into())
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::Admission;
    use crate::config::ServerLimits;
    use std::net::IpAddr;
    use std::sync::Arc;

    fn limits(handshakes: usize, per_address: Option<u32>) -> ServerLimits {
        ServerLimits {
            handshakes,
            connections_per_address: per_address,
            ..ServerLimits::default()
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_gets_as_many_as_the_limit_and_a_leaver_makes_room() {
        let admission = Arc::new(Admission::default());
        admission.set_limits(&limits(1, Some(2)));
        let first = admission.claim_address(address("192.0.2.1"));
        let _second = admission.claim_address(address("::ffff:192.0.2.1"));
        assert_eq!(admission.claim_address(address("192.0.2.1")).err(), Some(2));
        assert!(admission.claim_address(address("192.0.2.2")).is_ok());
        drop(first);
        assert!(admission.claim_address(address("192.0.2.1")).is_ok());
    }

    #[test]
    fn ipv6_addresses_of_one_network_count_as_one() {
        let admission = Arc::new(Admission::default());
        admission.set_limits(&limits(1, Some(1)));
        let _held = admission.claim_address(address("2001:db8:0:1::1"));
        assert!(
            admission
                .claim_address(address("2001:db8:0:1:ffff::2"))
                .is_err()
        );
        assert!(admission.claim_address(address("2001:db8:0:2::1")).is_ok());
    }

    #[test]
    fn handshakes_are_counted_while_they_last() {
        let admission = Arc::new(Admission::default());
        admission.set_limits(&limits(1, None));
        let held = admission.claim_handshake();
        assert_eq!(admission.claim_handshake().err(), Some(1));
        drop(held);
        assert!(admission.claim_handshake().is_ok());
        assert!(admission.addresses.lock().is_empty());
    }
}
