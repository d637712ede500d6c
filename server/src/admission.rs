//! How many may be let in: handshakes under way at once, and connections of one address.
//!
//! The acceptors claim, connection threads give back by dropping what they were given. The lock is held
//! for one look into a table.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

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
    /// Other limits hold from now on; who is in stays. Zero is no limit.
    pub fn set_limits(&self, handshakes: u32, per_address: u32) {
        self.handshakes_max.store(handshakes, Ordering::Relaxed);
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
        if max != 0 && before >= max {
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
        if max != 0 && *count >= max {
            return Err(max);
        }
        *count += 1;
        Ok(AddressPermit {
            admission: self.clone(),
            address,
        })
    }
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
    use std::net::IpAddr;
    use std::sync::Arc;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_gets_as_many_as_the_limit_and_a_leaver_makes_room() {
        let admission = Arc::new(Admission::default());
        admission.set_limits(0, 2);
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
        admission.set_limits(0, 1);
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
        admission.set_limits(1, 0);
        let held = admission.claim_handshake();
        assert_eq!(admission.claim_handshake().err(), Some(1));
        drop(held);
        assert!(admission.claim_handshake().is_ok());
        assert!(admission.addresses.lock().is_empty());
    }
}
