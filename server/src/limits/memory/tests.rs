//! What is told is what is counted. Other tests of this process hold memory too, so that the static is not
//! looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limit::at_rest_of;
use super::{Ledger, Limit, Part, Parts};

#[test]
fn parts_add_up_and_are_taken_back() {
    let ledger = Ledger::new();
    ledger.set_limit(1 << 30);
    ledger.add(Part::Backlogs, 3 << 20);
    ledger.add(Part::AtRest, 5 << 20);
    ledger.remove(Part::Backlogs, 1 << 20);
    let parts = ledger.parts();
    assert_eq!((parts.backlogs, parts.at_rest), (2 << 20, 5 << 20));
    assert_eq!((parts.sum(), ledger.sum()), (7 << 20, 7 << 20));
    assert_eq!(
        parts.to_string(),
        "7.0 MiB of 1.0 GiB are held (backlogs 2.0 MiB, clients at rest 5.0 MiB)"
    );
    assert_eq!(Parts::default().to_string(), "0 B of 0 B are held");
}

#[test]
fn the_alarm_rings_once_for_each_way_past_the_mark() {
    let ledger = Ledger::new();
    ledger.set_limit(800);
    let rung = Arc::new(AtomicUsize::new(0));
    let bell = rung.clone();
    ledger.set_alarm(move || {
        bell.fetch_add(1, Ordering::Relaxed);
    });
    let times = || rung.load(Ordering::Relaxed);
    ledger.add(Part::Receiving, 699);
    assert_eq!(times(), 0);
    ledger.add(Part::Receiving, 1);
    assert_eq!(times(), 1);
    ledger.add(Part::Receiving, 1000);
    assert_eq!(times(), 1);
    ledger.remove(Part::Receiving, 1001);
    ledger.add(Part::Receiving, 1);
    assert_eq!(times(), 2);
    ledger.set_limit(100);
    assert_eq!(times(), 3, "a lower limit may be passed already");
}

#[test]
fn a_limit_is_a_share_or_a_size() {
    for (text, limit) in [
        ("50%", Some(Limit::Share(50))),
        (" 7 % ", Some(Limit::Share(7))),
        ("100%", Some(Limit::Share(100))),
        ("256 MiB", Some(Limit::Bytes(256 << 20))),
        ("0%", None),
        ("101%", None),
        ("-1%", None),
        ("1 MiB", None),
        ("half", None),
        ("", None),
    ] {
        assert_eq!(Limit::parse(text), limit, "{text}");
    }
    assert_eq!(Limit::Share(50).bytes(512 << 20) >> 20, 255);
    assert_eq!(Limit::Bytes(1 << 30).bytes(1), 1 << 30);
}

#[test]
fn a_client_costs_more_where_pages_are_larger() {
    let kib = |page: u64| at_rest_of(page * 1024) / 1024;
    assert_eq!((kib(4), kib(16), kib(64)), (40, 50, 170));
}
