//! What each address holds at the entrance, and who of an address has waited longest.
//!
//! Pure memory, behind the lock of [`Admission`](super::Admission). Knows nothing of sockets: `T`
//! is whatever leads to one who waits. Each connection passes here several times, so that the usual way
//! is one look into a table: addresses that hold nothing stay in it for a while, and only those with
//! several who wait are kept in order.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::network::Network;
use crate::limits::{EMPTY_ACCOUNTS_KEPT, EVICTION_LOOKS_MAX};

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
    lines: [Line; 2],
    requests: usize,
    /// Who begins to wait next.
    next: u64,
    /// Places, requests and those who wait together: no more accounts than these hold anything.
    held: usize,
}

/// What one address holds.
struct Account<T> {
    places: usize,
    requests: usize,
    /// By [`Waiting`]: those who wait, the one who has waited longest first.
    waiting: [VecDeque<(u64, T)>; 2],
}

/// Those who wait for the same.
#[derive(Default)]
struct Line {
    total: usize,
    /// Addresses with more than one of them.
    several: BTreeSet<(usize, Network)>,
    /// In the order in which they came, with some who wait no more.
    by_age: VecDeque<(u64, Network)>,
}

impl<T> Default for Ledger<T> {
    fn default() -> Ledger<T> {
        Ledger {
            accounts: HashMap::new(),
            lines: Default::default(),
            requests: 0,
            next: 0,
            held: 0,
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

    /// Where one stands who waits under this number.
    fn find(&self, kind: Waiting, number: u64) -> Option<usize> {
        self.waiting[kind as usize]
            .binary_search_by_key(&number, |one| one.0)
            .ok()
    }
}

impl Line {
    /// So many of `network` wait now, one more or one less than before.
    fn change(&mut self, network: Network, before: usize, now: usize) {
        self.total = self.total - before + now;
        if before > 1 {
            self.several.remove(&(before, network));
        }
        if now > 1 {
            self.several.insert((now, network));
        }
    }
}

impl<T> Ledger<T> {
    /// How many wait so.
    pub(super) fn waiting(&self, kind: Waiting) -> usize {
        self.lines[kind as usize].total
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
        self.account(network).places += 1;
        self.held += 1;
    }

    pub(super) fn remove_place(&mut self, network: Network) {
        self.account(network).places -= 1;
        self.held -= 1;
    }

    pub(super) fn add_request(&mut self, network: Network) {
        self.account(network).requests += 1;
        self.requests += 1;
        self.held += 1;
    }

    pub(super) fn remove_request(&mut self, network: Network) {
        self.account(network).requests -= 1;
        self.requests -= 1;
        self.held -= 1;
    }

    /// One of `network` begins to wait; gives the number under which it is found.
    pub(super) fn add_waiting(&mut self, kind: Waiting, network: Network, who: T) -> u64 {
        let number = self.next;
        self.next += 1;
        self.held += 1;
        let waiting = &mut self.account(network).waiting[kind as usize];
        waiting.push_back((number, who));
        let now = waiting.len();
        let line = &mut self.lines[kind as usize];
        line.change(network, now - 1, now);
        line.by_age.push_back((number, network));
        self.tidy(kind);
        number
    }

    /// One waits no more. False where it has lost its place before.
    pub(super) fn remove_waiting(&mut self, kind: Waiting, network: Network, number: u64) -> bool {
        let Some(account) = self.accounts.get_mut(&network) else {
            return false;
        };
        let Some(index) = account.find(kind, number) else {
            return false;
        };
        let waiting = &mut account.waiting[kind as usize];
        waiting.remove(index);
        let now = waiting.len();
        self.lines[kind as usize].change(network, now + 1, now);
        self.held -= 1;
        true
    }

    /// Of the address that holds most of those who wait in one of these ways, the one who has waited
    /// longest and whom `asks` can ask to leave waits no more. False where there is none, as far as is
    /// looked.
    pub(super) fn evict(&mut self, kinds: &[Waiting], asks: impl Fn(&T) -> bool) -> bool {
        let of = |kind: &Waiting| Some((*self.lines[*kind as usize].several.last()?, *kind));
        let largest = kinds.iter().filter_map(of).max_by_key(|(rank, _)| rank.0);
        let Some(((_, network), kind)) = largest else {
            return kinds.iter().any(|kind| self.evict_single(*kind, &asks));
        };
        let account = self.accounts.get(&network);
        let waiting = account.map(|account| &account.waiting[kind as usize]);
        let mut oldest = waiting.into_iter().flatten().take(EVICTION_LOOKS_MAX);
        let found = oldest.find(|(_, who)| asks(who)).map(|(number, _)| *number);
        found.is_some_and(|number| self.remove_waiting(kind, network, number))
    }

    /// No address has more than one who waits: the one who has waited longest of all.
    fn evict_single(&mut self, kind: Waiting, asks: &impl Fn(&T) -> bool) -> bool {
        let accounts = &self.accounts;
        let waits = |(number, network): &(u64, Network)| {
            let account = accounts.get(network)?;
            let index = account.find(kind, *number)?;
            let (_, who) = &account.waiting[kind as usize][index];
            Some((*number, *network, who))
        };
        let by_age = &mut self.lines[kind as usize].by_age;
        // Those before the oldest are looked at this once.
        while by_age.front().is_some_and(|one| waits(one).is_none()) {
            by_age.pop_front();
        }
        let mut oldest = by_age.iter().filter_map(waits).take(EVICTION_LOOKS_MAX);
        let found = oldest.find(|(.., who)| asks(who));
        let found = found.map(|(number, network, _)| (number, network));
        found.is_some_and(|(number, network)| self.remove_waiting(kind, network, number))
    }

    fn account(&mut self, network: Network) -> &mut Account<T> {
        self.accounts.entry(network).or_default()
    }

    /// Forgets who holds nothing and who waits no more, where these are most of all: each costs what
    /// its coming has cost once more.
    fn tidy(&mut self, kind: Waiting) {
        if self.accounts.len() > 2 * self.held + EMPTY_ACCOUNTS_KEPT {
            self.accounts.retain(|_, account| !account.is_empty());
        }
        let line = &mut self.lines[kind as usize];
        let by_age = &mut line.by_age;
        if by_age.len() > 2 * line.total + EMPTY_ACCOUNTS_KEPT {
            let accounts = &self.accounts;
            by_age.retain(|(number, network)| {
                let account = accounts.get(network);
                account.is_some_and(|account| account.find(kind, *number).is_some())
            });
        }
    }

    /// Addresses that hold anything.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> usize {
        let all = self.accounts.values();
        all.filter(|account| !account.is_empty()).count()
    }
}

#[cfg(test)]
mod tests;
