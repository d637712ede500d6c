//! What the connections of one address can make the log grow by: `log.client_rate` and `log.client_burst`.
//!
//! Bounded is what a client can cause message by message, on its connection's own thread: lines of plugins,
//! and the server's at `debug` and `trace`. The server's other lines about clients have bounds of their own
//! ([`super::refusal_log`]), so that a client that chatters cannot hide what it is closed for. An address
//! keeps its share between connections. Connection threads count; the main thread tells once a second what
//! was left out. A lock is held for a little arithmetic, or for a walk over the addresses that speak.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use log::{Level, Record, warn};
use parking_lot::Mutex;

use super::allowance::{ClientRate, Share};
use super::own;
use crate::counters::COUNTERS;
use crate::limits::{LOG_ADDRESSES_NAMED_MAX, LOG_UNIT_BYTES};

static PER_SECOND: AtomicU64 = AtomicU64::new(0);
static BURST: AtomicU64 = AtomicU64::new(1);

/// Addresses that have spoken, until they have their whole burst again and no connection.
static SHARES: LazyLock<Mutex<HashMap<IpAddr, Share>>> = LazyLock::new(Mutex::default);

/// The rate holds from now on.
pub(super) fn set(rate: ClientRate) {
    PER_SECOND.store(rate.per_second, Ordering::Relaxed);
    BURST.store(rate.burst, Ordering::Relaxed);
}

/// The address that one counts as: a household has an IPv6 /64 of its own, and as many addresses as it likes in it.
pub(super) fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Whether `record`, a line of so many bytes, may be written; counts it where not.
pub(super) fn admits(record: &Record<'_>, bytes: usize) -> bool {
    let rate = ClientRate {
        per_second: PER_SECOND.load(Ordering::Relaxed),
        burst: BURST.load(Ordering::Relaxed),
    };
    let is_of_plugin = record.target().starts_with("plugin::");
    if rate.per_second == 0 || !is_of_plugin && record.level() < Level::Debug {
        return true;
    }
    let Some(share) = own_share() else {
        return true;
    };
    let units = bytes.div_ceil(LOG_UNIT_BYTES).max(1) as u64;
    share.lock().admits(Instant::now(), units, rate)
}

/// The share of the address whose thread this is; none on any other thread.
fn own_share() -> Option<Share> {
    own::with(|own| {
        let (address, share) = (own.counted, &mut own.share);
        let share = share.get_or_insert_with(|| SHARES.lock().entry(address).or_default().clone());
        share.clone()
    })
}

/// Once a second, and at the end: logs how many lines of whom were left out, and forgets who has gone.
pub fn report_left_out() {
    let left_out = take_left_out(Instant::now());
    COUNTERS
        .log
        .left_out
        .add(left_out.iter().map(|(_, lines)| lines).sum());
    let named = left_out.len().min(LOG_ADDRESSES_NAMED_MAX);
    for (address, lines) in &left_out[..named] {
        let network = if address.is_ipv6() { "/64" } else { "" };
        warn!(
            address:% = address;
            "{address}{network}: {lines} lines that its connections caused were left out: more than log.client_rate"
        );
    }
    let others: u64 = left_out[named..].iter().map(|(_, lines)| lines).sum();
    if others > 0 {
        let addresses = left_out.len() - named;
        warn!("{others} lines that {addresses} further addresses caused were left out");
    }
}

/// Addresses of which lines were left out, with most of them first.
fn take_left_out(now: Instant) -> Vec<(IpAddr, u64)> {
    let mut left_out = Vec::new();
    SHARES.lock().retain(|address, share| {
        let mut allowance = share.lock();
        let lines = std::mem::take(&mut allowance.left_out);
        if lines > 0 {
            left_out.push((*address, lines));
        }
        Arc::strong_count(share) > 1 || !allowance.is_whole(now)
    });
    left_out.sort_unstable_by_key(|&(_, lines)| std::cmp::Reverse(lines));
    left_out
}

#[cfg(test)]
mod tests {
    use super::counted_as;

    #[test]
    fn a_household_counts_as_one() {
        let of = |text: &str| counted_as(text.parse().expect("it is an address")).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
