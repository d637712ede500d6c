//! What a replacement says, and what the instances before and behind it may still do.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use plugin_api::abi::GONE;

use super::{Counts, ROUTE, World, library};
use crate::outbox::cause::Cause;
use crate::plugin::HandOver;
use crate::roster::Call;

/// Cause: mutants survived in which the line of a reload said nothing, or another time.
#[test]
fn a_replacement_says_whom_it_moved_and_how_long_they_waited() {
    const LEAST: Duration = Duration::from_millis(20);
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let (client, place, _peer) = world.enter();
    let start = Instant::now();
    let prepared = HandOver::prepare(&world.route, library(), &COUNTS.config());
    let prepared = prepared.expect("nobody is busy");
    thread::sleep(LEAST);
    let replaced = prepared.commit();
    let most = start.elapsed();
    let text = replaced.to_string();
    let time = text
        .strip_prefix("1 clients, paused for ")
        .and_then(|rest| rest.strip_suffix(" ms")?.parse::<f64>().ok());
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    // It is told in tenths.
    let range = milliseconds(LEAST)..=milliseconds(most) + 0.1;
    assert!(time.is_some_and(|time| range.contains(&time)), "{text}");
    replaced.destroy_old();
    place
        .close(&Cause::peer(1000, ""))
        .expect("counts does not fail");
    world.roster.release(client);
    world.end();
}

/// Cause: a mutant survived in which an instance that has been replaced could still speak.
#[test]
fn an_instance_that_was_replaced_or_given_up_is_told_that_it_has_gone() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let prepare = || {
        let prepared = HandOver::prepare(&world.route, library(), &COUNTS.config());
        prepared.expect("nobody is busy")
    };
    let old = world.route.instance();
    drop(prepare());
    assert_eq!(old.host.outgoing.check(), Ok(()));
    let replaced = prepare().commit();
    assert_eq!(old.host.outgoing.check(), Err(GONE));
    assert_eq!(world.route.instance().host.outgoing.check(), Ok(()));
    replaced.destroy_old();
    world.end();
}

/// Cause: mutants survived in which what waits for a turn was done by the code of before, which threw it away, or by none.
#[test]
fn what_waits_for_a_turn_is_left_to_the_code_whose_session_it_is() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let (client, place, _peer) = world.enter_held();
    let put = || {
        let call: Call = Arc::new(());
        let put = world.roster.put_call(client, ROUTE, call);
        put.expect("it is here");
    };
    let waits = || world.roster.has_calls(client);
    let old = world.route.instance();
    put();
    let prepared = HandOver::prepare(&world.route, library(), &COUNTS.config());
    assert!(!waits(), "it was for the session that goes");
    prepared.expect("nobody is busy").commit().destroy_old();
    let new = world.route.instance();
    put();
    assert_eq!((world.route.attend(&old, client), waits()), (None, true));
    // While a callback of it runs, whoever runs that does it, or the next who looks.
    let seat = world.roster.seat_of(client).lock();
    assert!(world.route.attend(&new, client).is_some() && waits());
    drop(seat);
    assert_eq!((world.route.attend(&new, client), waits()), (None, false));
    place
        .close(&Cause::peer(1000, ""))
        .expect("counts does not fail");
    world.release(client);
    world.end();
}
