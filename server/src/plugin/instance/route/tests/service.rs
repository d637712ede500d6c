//! Out of service and in again, and what is said of a route and its instance meanwhile.

use std::time::{Duration, Instant};

use plugin_api::abi::GONE;

use super::{Counts, World};
use crate::compression::{Effort, Need, Shape, Window};
use crate::hub::{Audience, Event, Keep, Message};
use crate::journal::Bounds;
use crate::limits::PANICS_MAX;
use crate::outbox::frame::Opcode;
use crate::roster::activity::Callback;

#[test]
fn a_route_is_out_of_service_for_its_panics_or_since_somebody_says_so() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let route = &world.route;
    let is_out = || (route.is_out_of_service(), route.is_held_out());
    assert_eq!(is_out(), (false, false));
    assert!(!route.return_to_service(), "it was not out");
    let now = Instant::now();
    for _ in 0..PANICS_MAX {
        route.instance().faults.count_panic(now);
    }
    assert_eq!(is_out(), (true, false));
    assert!(route.return_to_service());
    assert_eq!(is_out(), (false, false));
    assert!(route.hold_out(true) && !route.hold_out(true));
    assert_eq!(is_out(), (true, true));
    assert!(!route.return_to_service(), "it did not panic");
    assert_eq!(is_out(), (true, true));
    assert!(route.hold_out(false));
    assert_eq!(is_out(), (false, false));
    world.end();
}

/// Cause: mutants survived in which the line about the end of the process named nobody.
#[test]
fn an_instance_is_called_by_plugin_path_and_file() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let title = world.route.instance().title;
    assert_eq!(title, "plugin counts on /counts (libcounts.so)");
    world.end();
}

/// Cause: mutants survived in which the stop did not wait for timers, and nobody was told of one that hangs.
#[test]
fn timers_end_with_their_thread_and_one_that_runs_is_told_of() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let end = world.route.end_timers().expect("one was set");
    end.wait();
    assert_eq!(world.route.instance().host.timers.set(0, 0), Err(GONE));
    assert!(world.route.busy_timer().is_none());
    let activity = &world.route.timer_activity;
    activity.begin(super::ROUTE, Callback::Timer, &world.roster.clock);
    let busy = world.route.busy_timer().expect("it runs");
    assert_eq!((busy.route, busy.callback), (super::ROUTE, Callback::Timer));
    world.end();
}

#[test]
fn an_effort_of_compression_holds_for_what_is_said_from_then_on() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let demand = world.route.parts.hub.demand();
    demand.note(Need {
        shape: Shape::Bare,
        window: Window::MOST,
    });
    for (level, threshold) in [(1, 1000), (9, 10)] {
        world.route.set_compression(Effort { level, threshold });
        assert_eq!(demand.level(threshold), Some(level));
        assert_eq!(demand.level(threshold - 1), None);
    }
    world.end();
}

/// Cause: a mutant survived in which no journal was ever looked through: what is too old stayed where nobody speaks.
#[test]
fn what_is_kept_and_too_old_goes_when_the_main_thread_asks_for_it() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let hub = &world.route.parts.hub;
    world.route.bound_journals(Bounds {
        age: Some(Duration::from_millis(1)),
        ..Bounds::default()
    });
    hub.post(Event::Keep(Box::new(Keep {
        at: None,
        topic: "t".into(),
        message: Message::new(Opcode::Text, b"old"),
        position_at: None,
        except: None,
        confirm: None,
        reply: None,
    })));
    let kept = || hub.counts().hub.journal.get();
    let deadline = Instant::now() + Duration::from_secs(20);
    // What is counted stands there at the end of a round.
    while kept().position == 0 || kept().messages > 0 {
        assert!(Instant::now() < deadline, "it stays for ever");
        world.route.tidy_journals();
        hub.count(Audience::Everyone);
    }
    world.end();
}
