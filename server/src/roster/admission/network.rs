//! What counts as one address.

use std::net::{IpAddr, Ipv4Addr};

/// Bits of an IPv6 address that one customer of a provider has at least: addresses that share them
/// count as one.
const IPV6_PREFIX_BITS: u32 = 64;

/// An IPv4 address, or the network of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network(u64);

impl Network {
    /// Where `address` belongs.
    pub(super) fn of(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                Network((u128::from(address) >> (u128::BITS - IPV6_PREFIX_BITS)) as u64)
            }
            IpAddr::V4(address) => Network::of_v4(address),
        }
    }

    /// Beside those of IPv6: no network of theirs begins with 32 bits of zero, since ::/8 is reserved
    /// (RFC 4291 section 2.4), but for `::1`, which counts as 0.0.0.0.
    fn of_v4(address: Ipv4Addr) -> Network {
        Network(u64::from(u32::from(address)))
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn ipv6_addresses_of_one_network_are_one_and_mapped_ones_are_their_ipv4() {
        let of = |text: &str| Network::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("::1"), of("127.0.0.1"));
    }
}
