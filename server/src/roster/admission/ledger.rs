//! What each address holds at the entrance, and who of an address has waited longest.
//!
//! Pure memory, behind the lock of [`Admission`](super::Admission). Knows nothing of sockets: `T`
//! is whatever leads to one who waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::network::Network;
use crate::limits::EVICTION_LOOKS_MAX;

/// For what one waits that can lose its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The rest of a request head, its first byte included.
    Head,
    /// The first byte of a further request.
    Idle,
}

/// Both kinds.
pub(super) const ANY: [Waiting; 2] = [Waiting::Head, Waiting::Idle];

/// All addresses that hold something.
pub(super) struct Ledger<T> {
    accounts: HashMap<Network, Account<T>>,
    /// By [`Waiting`].
    ranks: [Ranks; 2],
    requests: usize,
    /// Who begins to wait next.
    next: u64,
}

/// What one address holds.
struct Account<T> {
    places: usize,
    requests: usize,
    /// By [`Waiting`]: those who wait, the one who has waited longest first.
    waiting: [BTreeMap<u64, T>; 2],
}

/// Addresses by how many of theirs wait.
#[derive(Default)]
struct Ranks {
    total: usize,
    by_count: BTreeSet<(usize, Network)>,
}

impl<T> Default for Ledger<T> {
    fn default() -> Ledger<T> {
        Ledger {
            accounts: HashMap::new(),
            ranks: Default::default(),
            requests: 0,
            next: 0,
        }
    }
}

impl<T> Default for Account<T> {
    fn default() -> Account<T> {
        Account {
            places: 0,
            requests: 0,
            waiting: Default::default(),
        }
    }
}

impl<T> Account<T> {
    fn is_empty(&self) -> bool {
        let waits = self.waiting.iter().any(|waiting| !waiting.is_empty());
        !waits && self.places == 0 && self.requests == 0
    }
}

impl Ranks {
    fn change(&mut self, network: Network, before: usize, now: usize) {
        self.total = self.total - before + now;
        // Most addresses hold one at most, and then the set has next to nothing to do.
        if before > 0 {
            self.by_count.remove(&(before, network));
        }
        if now > 0 {
            self.by_count.insert((now, network));
        }
    }

    fn largest(&self) -> Option<(usize, Network)> {
        self.by_count.last().copied()
    }
}

impl<T> Ledger<T> {
    /// How many wait so.
    pub(super) fn waiting(&self, kind: Waiting) -> usize {
        self.ranks[kind as usize].total
    }

    /// Requests under way.
    pub(super) fn requests(&self) -> usize {
        self.requests
    }

    /// Places that an address holds.
    pub(super) fn places_of(&self, network: Network) -> usize {
        self.accounts
            .get(&network)
            .map_or(0, |account| account.places)
    }

    /// Requests under way of an address.
    pub(super) fn requests_of(&self, network: Network) -> usize {
        let account = self.accounts.get(&network);
        account.map_or(0, |account| account.requests)
    }

    pub(super) fn add_place(&mut self, network: Network) {
        self.accounts.entry(network).or_default().places += 1;
    }

    pub(super) fn remove_place(&mut self, network: Network) {
        self.change(network, |account| account.places -= 1);
    }

    pub(super) fn add_request(&mut self, network: Network) {
        self.requests += 1;
        self.accounts.entry(network).or_default().requests += 1;
    }

    pub(super) fn remove_request(&mut self, network: Network) {
        self.requests -= 1;
        self.change(network, |account| account.requests -= 1);
    }

    /// One of `network` begins to wait; gives the number under which it is found.
    pub(super) fn add_waiting(&mut self, kind: Waiting, network: Network, who: T) -> u64 {
        let number = self.next;
        self.next += 1;
        let account = self.accounts.entry(network).or_default();
        let waiting = &mut account.waiting[kind as usize];
        let before = waiting.len();
        waiting.insert(number, who);
        self.ranks[kind as usize].change(network, before, before + 1);
        number
    }

    /// One waits no more. False where it has lost its place before.
    pub(super) fn remove_waiting(&mut self, kind: Waiting, network: Network, number: u64) -> bool {
        let Some(account) = self.accounts.get_mut(&network) else {
            return false;
        };
        let waiting = &mut account.waiting[kind as usize];
        let before = waiting.len();
        if waiting.remove(&number).is_none() {
            return false;
        }
        self.ranks[kind as usize].change(network, before, before - 1);
        if account.is_empty() {
            self.accounts.remove(&network);
        }
        true
    }

    /// Of the address that holds most of those who wait in one of these ways, the one who has waited
    /// longest and whom `asks` can ask to leave waits no more. False where there is none, as far as is
    /// looked.
    pub(super) fn evict(&mut self, kinds: &[Waiting], asks: impl Fn(&T) -> bool) -> bool {
        let of = |kind: &Waiting| Some((self.ranks[*kind as usize].largest()?, *kind));
        let largest = kinds.iter().filter_map(of).max_by_key(|(rank, _)| rank.0);
        let Some(((_, network), kind)) = largest else {
            return false;
        };
        let account = self.accounts.get(&network);
        let waiting = account.map(|account| &account.waiting[kind as usize]);
        let mut oldest = waiting.into_iter().flatten().take(EVICTION_LOOKS_MAX);
        let found = oldest.find(|(_, who)| asks(who)).map(|(number, _)| *number);
        found.is_some_and(|number| self.remove_waiting(kind, network, number))
    }

    fn change(&mut self, network: Network, change: impl FnOnce(&mut Account<T>)) {
        if let Some(account) = self.accounts.get_mut(&network) {
            change(account);
            if account.is_empty() {
                self.accounts.remove(&network);
            }
        }
    }

    /// Addresses that hold anything.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> usize {
        self.accounts.len()
    }
}

#[cfg(test)]
mod tests;
