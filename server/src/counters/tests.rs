//! What is counted is what is read.

use std::sync::Arc;
use std::thread;

use super::{Amount, ByCode, Closed, Counters, Exchanged, OTHER, SqueezedTotal, Totals, Traffic};
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
                    counters.of(client).visits.opened.add(1);
                    counters.of(client).visits.closed_by_peer.add(1000);
                    counters.acceptors.accepted.add(2);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it counts"));
    let totals = counters.totals(Exchanged::default());
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
        client.visits.closed_by_plugin.add(code);
    }
    let totals = counters.totals(Exchanged::default());
    assert_eq!(
        totals.answered,
        ByCode::from([(OTHER, 2), (101, 1), (404, 2)])
    );
    assert_eq!(totals.closed.by_plugin, ByCode::from([(OTHER, 2)]));
}

#[test]
fn traffic_adds_up_over_slots_and_what_was_before_is_taken_off() {
    let slots = [Traffic::default(), Traffic::default()];
    slots[0].received(10);
    let before = slots[0].exchanged();
    slots[0].received(5);
    slots[1].received(1);
    slots[1].sent(7);
    let amount = |messages, bytes| Amount { messages, bytes };
    let sum = slots[0].exchanged().with(slots[1].exchanged());
    assert_eq!((sum.incoming, sum.answers), (amount(3, 16), amount(1, 7)));
    let own = slots[0].exchanged().since(before);
    assert_eq!((own.incoming, own.answers), (amount(1, 5), amount(0, 0)));
}

/// Every number with a value of its own, so that none can stand in the place of another.
fn one_of_each() -> (Counters, Exchanged) {
    let counters = Counters::new();
    let Counters {
        acceptors,
        hub,
        store,
        drain,
        log,
        callbacks,
        ..
    } = &counters;
    let counts = [
        &acceptors.accepted,
        &acceptors.unanswered,
        &hub.rounds,
        &hub.events,
        &hub.messages,
        &hub.bytes,
        &drain.stalled,
        &log.lost,
        &log.left_out,
        &callbacks.failed,
        &callbacks.panicked,
        &hub.kept,
        &hub.recovered,
        &hub.gaps[1],
        &hub.lost,
        &store.written,
        &store.lost,
        &store.troubles,
        &store.set_aside,
    ];
    for (count, number) in counts.into_iter().zip(11..) {
        count.add(number);
    }
    acceptors.refused.add(429);
    // Of two shares, so that each number is a sum.
    for client in [1, 2].map(|number| counters.of(ClientId(number))) {
        client.answered.add(101);
        client.visits.opened.add(15);
        client.visits.closed_by_peer.add(1000);
        client.visits.closed_by_plugin.add(1011);
        client.visits.closed_by_server.add(1001);
        client.visits.dropped.add(16);
    }
    let traffic = Traffic::default();
    traffic.received(100);
    counters.compression.sent.add(33, 34);
    counters.compression.received.add(35, 36);
    traffic.sent(200);
    traffic.sent(1);
    (counters, traffic.exchanged())
}

#[test]
fn each_number_is_read_where_it_was_counted() {
    let (counters, traffic) = one_of_each();
    let amount = |messages, bytes| Amount { messages, bytes };
    let squeezed = |bytes, compressed| SqueezedTotal {
        messages: 1,
        bytes,
        compressed,
    };
    assert_eq!(
        counters.totals(traffic),
        Totals {
            accepted: 11,
            refused: ByCode::from([(429, 1)]),
            unanswered: 12,
            answered: ByCode::from([(101, 2)]),
            opened: 30,
            closed: Closed {
                by_peer: ByCode::from([(1000, 2)]),
                by_plugin: ByCode::from([(1011, 2)]),
                by_server: ByCode::from([(1001, 2)]),
            },
            incoming: amount(1, 100),
            answers: amount(2, 201),
            deliveries: amount(15, 16),
            compressed: squeezed(33, 34),
            inflated: squeezed(35, 36),
            dropped: 32,
            stalled: 17,
            failed: 20,
            panicked: 21,
            hub_rounds: 13,
            hub_events: 14,
            log_lines_lost: 18,
            log_lines_left_out: 19,
            kept: 22,
            recovered: 23,
            gaps: 24,
            lost: 25,
            stored: 26,
            unstored: 27,
            store_troubles: 28,
            set_aside: 29,
        }
    );
}

#[test]
fn the_line_for_the_log_leaves_out_nothing_that_happened() {
    let (counters, traffic) = one_of_each();
    assert_eq!(
        counters.totals(traffic).to_string(),
        "11 connections, 1 refused (429: 1), 2 requests (101: 2); 30 clients, 6 closed (1000 by peer: 2, \
         1011 by plugin: 2, 1001 by server: 2); 1 messages (100 bytes) in, 2 messages (201 bytes) answered, \
         15 messages (16 bytes) delivered; 12 connections that left before they were refused; 32 messages \
         dropped; 22 messages kept; 23 clients recovered; 24 gaps told; 25 clients closed behind what is kept; 26 messages stored; 27 messages not stored; 28 troubles with journals; 29 damaged journals set aside; \
         17 clients stalled; 20 callbacks failed; 21 callbacks panicked; 18 log lines lost; 19 log lines left out"
    );
}

/// Statuses and codes that nothing in this server answers with count together; all that it does answer
/// with count apart.
#[test]
fn every_code_that_the_server_knows_is_counted_by_itself() {
    let counters = Counters::new();
    let client = counters.of(ClientId(1));
    (100..600).for_each(|status| client.answered.add(status));
    (1000..5000).for_each(|code| client.visits.closed_by_server.add(code));
    let totals = counters.totals(Exchanged::default());
    let apart = |codes: &ByCode| codes.values().filter(|&&number| number == 1).count() as u64;
    assert_eq!(totals.answered[&OTHER], 500 - apart(&totals.answered));
    let closed = &totals.closed.by_server;
    assert_eq!(closed[&OTHER], 4000 - apart(closed));
    // A foreign `Host` on a listener for insiders is answered 421, which counted as "other".
    for status in [
        101, 200, 204, 304, 308, 400, 403, 404, 405, 408, 413, 414, 417, 421, 426, 429, 431, 500,
        501, 503, 505, 507,
    ] {
        assert_eq!(totals.answered.get(&status), Some(&1), "{status}");
    }
    for code in [
        1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1013,
    ] {
        assert_eq!(closed.get(&code), Some(&1), "{code}");
    }
}

#[test]
fn the_log_gets_one_line_of_what_happened() {
    let counters = Counters::new();
    assert_eq!(
        counters.totals(Exchanged::default()).to_string(),
        "0 connections; 0 clients; 0 messages (0 bytes) in, 0 messages (0 bytes) answered, \
         0 messages (0 bytes) delivered"
    );
    counters.acceptors.accepted.add(3);
    counters.acceptors.refused.add(503);
    let client = counters.of(ClientId(1));
    client.answered.add(101);
    client.visits.opened.add(2);
    client.visits.closed_by_server.add(1001);
    client.visits.closed_by_peer.add(4000);
    client.visits.dropped.add(5);
    counters.hub.messages.add(4);
    counters.hub.bytes.add(40);
    let traffic = Traffic::default();
    traffic.received(9);
    assert_eq!(
        counters.totals(traffic.exchanged()).to_string(),
        "3 connections, 1 refused (503: 1), 1 requests (101: 1); 2 clients, 2 closed (other by \
         peer: 1, 1001 by server: 1); 1 messages (9 bytes) in, 0 messages (0 bytes) answered, \
         4 messages (40 bytes) delivered; 5 messages dropped"
    );
}
