//! What is missing of what hosts have said is told once, to whoever serves the route.

use std::thread;
use std::time::{Duration, Instant};

use plugin_api::abi;

use super::{Counts, World, library, value};
use crate::engine::{Gap, GapCause};
use crate::journal::{Epoch, Position};
use crate::plugin::HandOver;

fn gap(cause: GapCause, from: u64, to: u64) -> Gap {
    let epoch = Epoch::LAST;
    let at = |offset| Position { epoch, offset };
    let (from, to) = (at(from), at(to));
    Gap { cause, from, to }
}

/// Waits until so many gaps were told; gives why, and between what.
fn told(counts: &Counts, count: usize) -> Vec<(u32, String)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while counts.gaps.lock().len() < count {
        assert!(Instant::now() < deadline, "{:?}", counts.gaps.lock());
        thread::yield_now();
    }
    let told = counts.gaps.lock();
    told.iter().map(|(_, why, at)| (*why, at.clone())).collect()
}

#[test]
fn what_is_found_while_a_plugin_is_told_of_a_gap_is_told_as_one() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let held = COUNTS.gap_gate.lock();
    world.route.note_gap(gap(GapCause::Missed, 1, 3));
    assert_eq!(told(&COUNTS, 1), [(abi::GAP_MISSED, "[1, 3]".to_owned())]);
    world.route.note_gap(gap(GapCause::Lost, 4, 6));
    world.route.note_gap(gap(GapCause::Missed, 7, 9));
    drop(held);
    assert_eq!(
        told(&COUNTS, 2)[1..],
        [(abi::GAP_LOST, "[4, 9]".to_owned())]
    );
    world.end();
    assert_eq!((COUNTS.gaps.lock().len(), value(&COUNTS.faults)), (2, 0));
}

#[test]
fn who_is_replaced_before_it_is_told_of_a_gap_leaves_that_to_its_successor() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let prepared = HandOver::prepare(&world.route, library(), &COUNTS.config());
    let prepared = prepared.expect("nobody is busy");
    world.route.note_gap(gap(GapCause::Missed, 1, 3));
    prepared.commit().destroy_old();
    told(&COUNTS, 1);
    let newest = COUNTS.made.lock()[1];
    assert_eq!(COUNTS.gaps.lock()[0].0, std::ptr::from_ref(newest).addr());
    world.end();
    assert_eq!((COUNTS.gaps.lock().len(), value(&COUNTS.faults)), (1, 0));
}

#[test]
fn a_plugin_that_is_out_of_service_is_told_of_a_gap_when_it_is_back() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    world.route.hold_out(true);
    world.route.note_gap(gap(GapCause::Missed, 1, 3));
    // As the timers thread does, which was rung for it.
    world.route.on_gap(&world.route.instance());
    assert_eq!(COUNTS.gaps.lock().len(), 0, "it is out of service");
    world.route.hold_out(false);
    assert_eq!(told(&COUNTS, 1), [(abi::GAP_MISSED, "[1, 3]".to_owned())]);
    world.end();
    assert_eq!((COUNTS.gaps.lock().len(), value(&COUNTS.faults)), (1, 0));
}
