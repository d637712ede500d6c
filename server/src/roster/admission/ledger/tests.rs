//! Who has to leave, and that the books balance.

use std::collections::HashMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::{ANY, Ledger, Waiting};
use crate::roster::admission::network::Network;

fn network(number: u8) -> Network {
    Network::of(IpAddr::from([192, 0, 2, number]))
}

/// Cause: a mutant that tidied up only where the bound is met exactly survived: where many leave at once it is jumped over.
#[test]
fn those_who_have_left_at_once_are_forgotten() {
    let mut ledger = Ledger::default();
    let networks = || (0..2).flat_map(|high| (0..=255).map(move |low| [198, 51, high, low]));
    let networks = || networks().map(|address| Network::of(IpAddr::from(address)));
    networks().for_each(|network| ledger.add_place(network));
    networks().for_each(|network| ledger.remove_place(network));
    ledger.add_waiting(Waiting::Head, network(1), 'a');
    assert_eq!(ledger.accounts.len(), 1);
}

/// Cause: mutants survived that kept five hundred times as much of those who had left as there were who stayed, or looked for
/// them only where the bound is met exactly.
#[test]
fn of_those_who_have_left_little_is_kept_beside_few_who_stay() {
    let mut ledger = Ledger::default();
    let many = |number: u32| Network::of(IpAddr::from((number << 8).to_be_bytes()));
    for number in 0..3 {
        ledger.add_waiting(Waiting::Head, many(number), ());
    }
    let waiting: Vec<(Network, u64)> = (3..1000)
        .map(many)
        .map(|network| (network, ledger.add_waiting(Waiting::Head, network, ())))
        .collect();
    for (network, number) in waiting {
        assert!(ledger.remove_waiting(Waiting::Head, network, number));
    }
    ledger.add_waiting(Waiting::Head, many(0), ());
    assert_eq!(ledger.accounts.len(), 3);
    assert_eq!(ledger.lines[Waiting::Head as usize].by_age.len(), 4);
}

#[test]
fn the_oldest_of_the_address_that_holds_most_has_to_leave() {
    let mut ledger = Ledger::default();
    for (address, who) in [(1, 'a'), (2, 'b'), (2, 'c'), (3, 'd'), (2, 'e'), (1, 'f')] {
        ledger.add_waiting(Waiting::Head, network(address), who);
    }
    let mut left = Vec::new();
    let mut evict = |ledger: &mut Ledger<char>| {
        let found = std::cell::Cell::new('-');
        ledger.evict(&[Waiting::Head], |who| {
            found.set(*who);
            true
        });
        left.push(found.get());
    };
    evict(&mut ledger);
    ledger.add_waiting(Waiting::Head, network(1), 'g');
    for _ in 0..6 {
        evict(&mut ledger);
    }
    assert_eq!(ledger.waiting(Waiting::Head), 0);
    assert_eq!(ledger.addresses(), 0);
    // Three of 2, then three of 1; where two have as many, one of them loses.
    assert_eq!(left[..2], ['b', 'a']);
    let mut all = left.clone();
    all.sort_unstable();
    assert_eq!(all, ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    let position = |who| left.iter().position(|found| *found == who);
    assert!(position('c') < position('e') && position('f') < position('g'));
}

#[test]
fn who_cannot_be_asked_stays_and_the_next_oldest_leaves() {
    let mut ledger = Ledger::default();
    let numbers = [1, 2, 3].map(|who| ledger.add_waiting(Waiting::Head, network(1), who));
    assert!(ledger.evict(&ANY, |who| *who == 2));
    assert!(!ledger.evict(&ANY, |_| false));
    let stays = numbers.map(|number| ledger.remove_waiting(Waiting::Head, network(1), number));
    assert_eq!(stays, [true, false, true]);
    assert!(!ledger.evict(&ANY, |_| true), "nobody is left");
}

#[test]
fn either_kind_of_waiting_counts_where_places_are_needed() {
    let mut ledger = Ledger::default();
    ledger.add_waiting(Waiting::Head, network(1), "head");
    ledger.add_waiting(Waiting::Idle, network(2), "idle");
    ledger.add_waiting(Waiting::Idle, network(2), "idle");
    assert!(ledger.evict(&ANY, |who| *who == "idle"));
    assert!(ledger.evict(&[Waiting::Head], |who| *who == "head"));
    assert!(!ledger.evict(&[Waiting::Head], |_| true));
    assert_eq!(ledger.waiting(Waiting::Idle), 1);
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Wait(u8),
    Leave(prop::sample::Index),
    Evict,
    Place(u8),
    Request(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..5_u8).prop_map(Act::Wait),
        2 => any::<prop::sample::Index>().prop_map(Act::Leave),
        2 => Just(Act::Evict),
        1 => (0..5_u8).prop_map(Act::Place),
        1 => (0..5_u8).prop_map(Act::Request),
    ]
}

proptest! {
    /// Against a list that is searched from end to end.
    #[test]
    fn it_agrees_with_a_plain_list(acts in prop::collection::vec(act(), 0..200)) {
        let mut ledger = Ledger::default();
        let mut list: Vec<(Network, u64)> = Vec::new();
        let (mut places, mut requests) = (Vec::new(), Vec::new());
        for act in acts {
            match act {
                Act::Wait(address) => {
                    let network = network(address);
                    let who = list.last().map_or(0, |last| last.1 + 1);
                    // Whoever waits is the number under which it does, as far as nobody has gone.
                    let number = ledger.add_waiting(Waiting::Head, network, ());
                    prop_assert!(number >= who);
                    list.push((network, number));
                }
                Act::Leave(index) if !list.is_empty() => {
                    let (network, number) = list.remove(index.index(list.len()));
                    prop_assert!(ledger.remove_waiting(Waiting::Head, network, number));
                    prop_assert!(!ledger.remove_waiting(Waiting::Head, network, number));
                }
                Act::Leave(_) => {}
                Act::Evict => {
                    let mut counts: HashMap<Network, usize> = HashMap::new();
                    for (network, _) in &list {
                        *counts.entry(*network).or_default() += 1;
                    }
                    let evicted = ledger.evict(&ANY, |()| true);
                    prop_assert_eq!(evicted, !list.is_empty());
                    let most = counts.values().max().copied().unwrap_or(0);
                    let gone = list.iter().position(|(network, number)| {
                        counts[network] == most && {
                            let waits = ledger.accounts.get(network);
                            let waiting = waits.map(|account| &account.waiting[0]);
                            !waiting.is_some_and(|waiting| waiting.iter().any(|one| one.0 == *number))
                        }
                    });
                    if let Some(gone) = gone {
                        let network = list[gone].0;
                        let oldest = list.iter().position(|one| one.0 == network);
                        prop_assert_eq!(oldest, Some(gone));
                        list.remove(gone);
                    } else {
                        prop_assert!(list.is_empty());
                    }
                }
                Act::Place(address) => {
                    ledger.add_place(network(address));
                    places.push(network(address));
                }
                Act::Request(address) => {
                    ledger.add_request(network(address));
                    requests.push(network(address));
                }
            }
            prop_assert_eq!(ledger.waiting(Waiting::Head), list.len());
            prop_assert_eq!(ledger.requests(), requests.len());
        }
        for (network, number) in list {
            ledger.remove_waiting(Waiting::Head, network, number);
        }
        places.into_iter().for_each(|network| ledger.remove_place(network));
        requests.into_iter().for_each(|network| ledger.remove_request(network));
        prop_assert_eq!(ledger.addresses(), 0);
    }
}

#[test]
fn books_of_many_who_came_and_went_stay_short() {
    let mut ledger = Ledger::default();
    for number in 0..100_000_u32 {
        let network = Network::of(IpAddr::from(number.to_be_bytes()));
        let waits = ledger.add_waiting(Waiting::Head, network, ());
        assert!(ledger.remove_waiting(Waiting::Head, network, waits));
        ledger.add_request(network);
        ledger.remove_request(network);
    }
    assert!(ledger.accounts.len() <= 300, "{}", ledger.accounts.len());
    assert!(ledger.lines[0].by_age.len() <= 300);
}

/// Cause: a mutant survived in which requests that had ended went on counting: after so many nobody would have got in.
#[test]
fn a_request_that_has_ended_counts_no_more() {
    let mut ledger: Ledger<char> = Ledger::default();
    for round in 0..3 {
        for number in [1, 1, 2] {
            ledger.add_request(network(number));
        }
        assert_eq!(ledger.requests(), 3, "round {round}");
        assert_eq!(ledger.requests_of(network(1)), 2);
        for number in [1, 2, 1] {
            ledger.remove_request(network(number));
        }
        assert_eq!(ledger.requests(), 0, "round {round}");
        assert_eq!(ledger.requests_of(network(1)), 0);
    }
}
