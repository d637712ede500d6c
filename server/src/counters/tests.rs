//! What is counted is what is read.

use std::sync::Arc;
use std::thread;

use super::{Amount, ByCode, Counters, OTHER, Traffic};
use crate::ids::ClientId;

#[test]
fn what_many_threads_count_is_added_up() {
    let counters = Arc::new(Counters::new());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let counters = counters.clone();
            thread::spawn(move || {
                for number in 0..1000 {
                    let client = ClientId(thread * 1000 + number);
                    counters.of(client).opened.add(1);
                    counters.of(client).closed_by_peer.add(1000);
                    counters.acceptors.accepted.add(2);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it counts"));
    let totals = counters.totals(&Traffic::default());
    assert_eq!(totals.opened, 8000);
    assert_eq!(totals.accepted, 16_000);
    assert_eq!(totals.closed.by_peer, ByCode::from([(1000, 8000)]));
    assert_eq!(totals.closed.all(), 8000);
}

#[test]
fn clients_of_neighbouring_numbers_share_no_cache_line() {
    let counters = Counters::new();
    let place = |client: u64| (&raw const *counters.of(ClientId(client))).addr();
    for client in 0..200 {
        assert!(place(client).abs_diff(place(client + 1)) >= 128);
    }
    let kinds = [
        (&raw const *counters.acceptors).addr(),
        (&raw const *counters.hub).addr(),
        (&raw const *counters.drain).addr(),
        (&raw const *counters.log).addr(),
        (&raw const *counters.callbacks).addr(),
        place(0),
    ];
    for (index, one) in kinds.iter().enumerate() {
        assert!(
            kinds[..index]
                .iter()
                .all(|other| one.abs_diff(*other) >= 128)
        );
    }
}

#[test]
fn a_code_that_nobody_knows_is_counted_with_the_others() {
    let counters = Counters::new();
    let client = counters.of(ClientId(1));
    for status in [101, 404, 404, 418, 299] {
        client.answered.add(status);
    }
    for code in [3000, 4999] {
        client.closed_by_plugin.add(code);
    }
    let totals = counters.totals(&Traffic::default());
    assert_eq!(
        totals.answered,
        ByCode::from([(OTHER, 2), (101, 1), (404, 2)])
    );
    assert_eq!(totals.closed.by_plugin, ByCode::from([(OTHER, 2)]));
}

#[test]
fn traffic_is_the_sum_over_all_slots() {
    let slots = [Traffic::default(), Traffic::default()];
    slots[0].received(10);
    slots[0].received(5);
    slots[1].received(1);
    slots[1].sent(7);
    let sum: Traffic = slots.iter().collect();
    assert_eq!(
        sum.incoming(),
        Amount {
            messages: 3,
            bytes: 16
        }
    );
    assert_eq!(
        sum.outgoing(),
        Amount {
            messages: 1,
            bytes: 7
        }
    );
}

#[test]
fn the_log_gets_one_line_of_what_happened() {
    let counters = Counters::new();
    assert_eq!(
        counters.totals(&Traffic::default()).to_string(),
        "0 connections; 0 clients; 0 messages (0 bytes) in, 0 messages (0 bytes) answered, \
         0 messages (0 bytes) delivered"
    );
    counters.acceptors.accepted.add(3);
    counters.acceptors.refused.add(503);
    let client = counters.of(ClientId(1));
    client.answered.add(101);
    client.opened.add(2);
    client.closed_by_server.add(1001);
    client.closed_by_peer.add(4000);
    client.dropped.add(5);
    counters.hub.messages.add(4);
    counters.hub.bytes.add(40);
    let traffic = Traffic::default();
    traffic.received(9);
    assert_eq!(
        counters.totals(&traffic).to_string(),
        "3 connections, 1 refused (503: 1), 1 requests (101: 1); 2 clients, 2 closed (other by \
         peer: 1, 1001 by server: 1); 1 messages (9 bytes) in, 0 messages (0 bytes) answered, \
         4 messages (40 bytes) delivered; 5 messages dropped"
    );
}
