//! What the connections of one address can make the log grow by: `log.client_rate` and `log.client_burst`.
//!
//! Bounded is what a client can cause message by message, on its connection's own thread: lines of plugins,
//! and the server's at `debug` and `trace`. The server's other lines about clients have bounds of their own
//! ([`super::refusal_log`]), so that a client that chatters cannot hide what it is closed for. An address
//! keeps its share between connections. Connection threads count; the main thread tells once a second what
//! was left out. A lock is held for a little arithmetic, or for a walk over the addresses that speak.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use log::{Level, Record, warn};
use parking_lot::Mutex;

use crate::counters::COUNTERS;
use crate::limits::{LOG_ADDRESSES_NAMED_MAX, LOG_UNIT_BYTES};

/// How many lines one address may cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRate {
    /// Lines a second, in the long run; 0 for no limit. A long line counts once for each KiB that it begins.
    pub per_second: u64,
    /// Lines at once.
    pub burst: u64,
}

static PER_SECOND: AtomicU64 = AtomicU64::new(0);
static BURST: AtomicU64 = AtomicU64::new(1);

/// Addresses that have spoken, until they have their whole burst again and no connection.
static SHARES: LazyLock<Mutex<HashMap<IpAddr, Share>>> = LazyLock::new(Mutex::default);

/// What an address has left; held by the table and by the threads of its connections.
type Share = Arc<Mutex<Allowance>>;

thread_local! {
    /// Whose thread this is, and, from its first line on, the share of that address.
    static OWN: RefCell<Option<(IpAddr, Option<Share>)>> = const { RefCell::new(None) };
}

/// The rate holds from now on.
pub(super) fn set(rate: ClientRate) {
    PER_SECOND.store(rate.per_second, Ordering::Relaxed);
    BURST.store(rate.burst, Ordering::Relaxed);
}

/// Tells this thread, a connection's, from which address its client is.
pub(super) fn set_own_address(address: IpAddr) {
    let address = counted_as(address);
    OWN.with(|own| {
        let mut own = own.borrow_mut();
        if own.as_ref().is_none_or(|(known, _)| *known != address) {
            *own = Some((address, None));
        }
    });
}

/// A household has an IPv6 /64 of its own, and as many addresses as it likes in it.
fn counted_as(address: IpAddr) -> IpAddr {
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
    // A plugin's own thread-local may log while this thread ends: then it is nobody's.
    OWN.try_with(|own| {
        let mut own = own.borrow_mut();
        let (address, share) = own.as_mut()?;
        let share = share.get_or_insert_with(|| SHARES.lock().entry(*address).or_default().clone());
        Some(share.clone())
    })
    .ok()?
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

/// What one address may still write.
#[derive(Default)]
struct Allowance {
    /// When what was written is paid off; none or past where the whole burst is left.
    paid_at: Option<Instant>,
    /// Lines that were left out, and of which nobody has told yet.
    left_out: u64,
}

impl Allowance {
    fn admits(&mut self, now: Instant, units: u64, rate: ClientRate) -> bool {
        let time = |units: u64| Duration::from_secs(units) / per_second(rate);
        let start = self.paid_at.map_or(now, |paid_at| paid_at.max(now));
        // A line that is longer than the whole burst can be written after a calm.
        let paid_at = start + time(units.min(rate.burst));
        let admits = paid_at.saturating_duration_since(now) <= time(rate.burst);
        if admits {
            self.paid_at = Some(paid_at);
        } else {
            self.left_out += 1;
        }
        admits
    }

    fn is_whole(&self, now: Instant) -> bool {
        self.paid_at.is_none_or(|paid_at| paid_at <= now)
    }
}

/// The settings end far below what does not fit.
fn per_second(rate: ClientRate) -> u32 {
    u32::try_from(rate.per_second.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Allowance, ClientRate, counted_as};
    use std::time::{Duration, Instant};

    const RATE: ClientRate = ClientRate {
        per_second: 100,
        burst: 500,
    };

    fn written(allowance: &mut Allowance, at: Instant, units: u64) -> u64 {
        (0..10_000)
            .filter(|_| allowance.admits(at, units, RATE))
            .count() as u64
    }

    #[test]
    fn a_burst_and_then_so_many_a_second_and_each_other_is_counted() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        assert_eq!(written(&mut allowance, start, 1), 500);
        assert_eq!(allowance.left_out, 9500);
        let second = Duration::from_secs(1);
        assert_eq!(written(&mut allowance, start + second, 1), 100);
        assert!(!allowance.is_whole(start + second));
        // A calm gives the burst back, and no more.
        let later = start + Duration::from_secs(3600);
        assert!(allowance.is_whole(later));
        assert_eq!(written(&mut allowance, later, 1), 500);
    }

    #[test]
    fn long_lines_count_more_and_none_is_too_long_for_ever() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        assert_eq!(written(&mut allowance, start, 8), 62);
        let later = start + Duration::from_secs(3600);
        assert_eq!(written(&mut allowance, later, 501), 1);
    }

    #[test]
    fn a_household_counts_as_one() {
        let of = |text: &str| counted_as(text.parse().expect("it is an address")).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
