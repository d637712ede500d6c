//! Who waits in front of a full queue, for how long, and in which order they go on.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Notice, Queue, State, Taken};
use crate::counters::{measure, measure_alone};
use crate::hub::event::Manner;
use crate::hub::intake::Intake;
use crate::hub::{Audience, Event, Message};
use crate::ids::{ClientId, RouteId};
use crate::limits::memory::Account;
use crate::limits::{EVENT_LOAD_LEAST, GATHER_ENOUGH_DIVISOR, MEMORY_GRAIN_BYTES, WAITS_SAMPLED};
use crate::outbox::cause::Cause;
use crate::outbox::frame::Opcode;

const BOUND: u64 = 64 * 1024;
const DEADLINE: Duration = Duration::from_secs(20);

fn queue() -> Arc<Queue> {
    let intake = Intake::new();
    intake.set_queue_bytes(BOUND);
    Arc::new(Queue::new(RouteId(0), intake))
}

fn publish(bytes: usize) -> Event {
    Event::Publish {
        audience: Audience::Everyone,
        message: Message::new(Opcode::Binary, &vec![b'x'; bytes]),
        except: None,
    }
}

fn closed() -> Event {
    Event::Closed {
        client: ClientId(1),
    }
}

/// Takes what is in, as the hub does, and is done with it.
fn take(queue: &Queue) -> Vec<Event> {
    let mut taken = Taken::default();
    queue.exchange(&mut 0, &mut taken);
    let taken = taken.events;
    queue.give_back(&mut taken.iter().map(Event::load).sum());
    taken.into()
}

/// Waits until so many threads wait.
#[track_caller]
fn wait_for_waiting(queue: &Queue, count: usize) {
    let deadline = Instant::now() + DEADLINE;
    while queue.state.lock().waiting.len() != count {
        assert!(Instant::now() < deadline, "not {count} wait");
        thread::yield_now();
    }
}

/// Fills it as far as nobody waits; says how many events that were.
fn fill(queue: &Arc<Queue>) -> u64 {
    let count = BOUND / EVENT_LOAD_LEAST;
    for _ in 0..count {
        queue.post(publish(1));
    }
    count
}

/// The figure of what waits, by which one sees that the hub does not keep up.
#[test]
fn what_the_hub_is_done_with_waits_no_more() {
    let queue = queue();
    let held = fill(&queue);
    assert_eq!(queue.load().bytes, held * EVENT_LOAD_LEAST);
    take(&queue);
    assert_eq!(queue.load().bytes, 0);
    queue.post(publish(1));
    assert_eq!(queue.load().bytes, EVENT_LOAD_LEAST);
}

#[test]
fn small_events_are_bounded_in_number_and_large_ones_in_bytes() {
    let queue = queue();
    let held = fill(&queue);
    assert_eq!(held, 32);
    thread::scope(|scope| {
        scope.spawn(|| queue.post(publish(1)));
        wait_for_waiting(&queue, 1);
        assert_eq!(
            take(&queue).len() as u64,
            held + 1,
            "it stands in the queue while it waits"
        );
    });
    queue.post(publish(BOUND as usize / 2));
    thread::scope(|scope| {
        scope.spawn(|| queue.post(publish(BOUND as usize / 2)));
        wait_for_waiting(&queue, 1);
        take(&queue);
    });
    // However large one is, it does not wait for itself.
    queue.post(publish(3 * BOUND as usize));
}

#[test]
fn who_came_first_goes_on_first() {
    let queue = queue();
    fill(&queue);
    let (order, went_on) = mpsc::channel();
    thread::scope(|scope| {
        for number in 0..20 {
            let (queue, order) = (&queue, order.clone());
            scope.spawn(move || {
                // Each of them is larger than what is free when one may go on.
                queue.post(publish(BOUND as usize));
                order.send(number).expect("somebody listens");
            });
            wait_for_waiting(queue, number + 1);
        }
        // Cause: a mutant survived in which all of them had gone on at once.
        assert!(went_on.try_recv().is_err(), "they wait");
        let load = queue.load();
        assert_eq!((load.waiting, load.waited), (20, 20));
        let mut taken = Taken::default();
        queue.exchange(&mut 0, &mut taken);
        let mut next = 0;
        for event in taken.events {
            queue.give_back(&mut event.load());
            let waiting = queue.state.lock().waiting.len();
            while next < 20 - waiting {
                assert_eq!(went_on.recv_timeout(DEADLINE), Ok(next));
                next += 1;
            }
        }
        assert_eq!(next, 20);
    });
}

#[test]
fn who_comes_goes_or_ends_a_route_never_waits() {
    let queue = queue();
    let held = fill(&queue);
    for _ in 0..10 {
        queue.post(closed());
        queue.post(Event::CloseAll {
            cause: Cause::server(1001, ""),
        });
    }
    queue.post_all((0..10).map(|_| publish(BOUND as usize)).collect());
    let number = queue.post(Event::End);
    assert_eq!(number, held + 20 + 10 + 1, "all of them stand in one order");
    let taken = take(&queue);
    assert!(matches!(taken.last(), Some(Event::End)));
}

#[test]
fn where_the_route_has_ended_nobody_waits_any_more() {
    let queue = queue();
    fill(&queue);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| queue.post(publish(1))))
            .collect();
        wait_for_waiting(&queue, 3);
        queue.end();
        waiting
            .into_iter()
            .for_each(|thread| assert!(thread.join().expect("it does not panic") > 0));
    });
    assert_eq!(queue.post(publish(1)), 0);
    assert!(take(&queue).is_empty());
}

#[test]
fn numbers_count_up_and_settle_in_their_order() {
    let queue = queue();
    assert_eq!((queue.post(closed()), queue.post(closed())), (1, 2));
    queue.settle(1);
    assert!(queue.has_settled(1) && !queue.has_settled(2));
}

/// Cause: the hub slept for up to a millisecond to hear more, while who flooded the route waited for room.
#[test]
fn a_hub_that_waits_for_more_is_woken_by_a_flood_and_not_by_a_few_words() {
    let queue = queue();
    assert!(!queue.has_enough_or_rings());
    let enough = BOUND / GATHER_ENOUGH_DIVISOR / EVENT_LOAD_LEAST;
    let rings = |queue: &Arc<Queue>| {
        let mut state = queue.state.lock();
        state.put(publish(1), EVENT_LOAD_LEAST, Manner::Patient);
        queue.note(&mut state, false)
    };
    // The first one, since the hub knows of nothing here.
    assert!(rings(&queue));
    for _ in 2..enough {
        assert!(!rings(&queue));
    }
    assert!(rings(&queue));
    assert!(queue.has_enough_or_rings(), "it need not even lie down");
    take(&queue);
    assert!(!rings(&queue), "it waits no longer");
}

/// Cause: a mutant survived that let everybody go on with the first event that was done with, so that who floods was woken for
/// each message.
#[test]
fn who_waits_goes_on_when_half_of_the_bound_is_free() {
    let queue = queue();
    let held = fill(&queue);
    thread::scope(|scope| {
        scope.spawn(|| queue.post(publish(1)));
        wait_for_waiting(&queue, 1);
        let mut taken = Taken::default();
        queue.exchange(&mut 0, &mut taken);
        for done in 1..=held {
            queue.give_back(&mut EVENT_LOAD_LEAST.clone());
            let waits = queue.state.lock().waiting.len() == 1;
            assert_eq!(waits, done < held / 2, "{done} of {held} are done with");
        }
    });
}

/// Cause: mutants survived in which the first of a crowd woke the hub, or none of it however many there were.
#[test]
fn a_crowd_that_comes_does_not_wake_the_hub_until_half_of_the_bound_is_full() {
    let queue = queue();
    let wakes = |queue: &Arc<Queue>| {
        queue.post(Event::Tidy);
        queue.state.lock().notice == Notice::Known
    };
    for come in 1..=BOUND / EVENT_LOAD_LEAST / 2 {
        assert!(!wakes(&queue), "{come}");
    }
    assert!(wakes(&queue));
    let other = self::queue();
    other.alert();
    assert!(wakes(&other), "somebody waits for who comes");
}

#[test]
fn what_was_held_back_is_taken_together_and_by_no_route_that_has_ended() {
    let queue = queue();
    assert_eq!(queue.post(closed()), 1);
    assert_eq!(queue.post_all(Vec::new()), 0, "none is the last of none");
    assert_eq!(queue.post_all(vec![closed(), closed()]), 3);
    queue.end();
    assert_eq!(queue.post_all(vec![closed()]), 0);
    assert!(take(&queue).is_empty());
}

/// Cause: a mutant survived in which no route ever rested: the hub looked into its queue on and on.
#[test]
fn a_route_rests_once_nothing_is_in() {
    let queue = queue();
    let mut taken = Taken::default();
    queue.post(closed());
    assert!(queue.exchange_or_rest(&mut 0, &mut taken), "one is in");
    assert_eq!(taken.events.len(), 1);
    taken.events.clear();
    assert!(!queue.exchange_or_rest(&mut 0, &mut taken));
    assert_eq!(queue.state.lock().notice, Notice::Unknown);
}

/// Cause: mutants survived in which the memory of queues was counted by nobody, or grew with each event that was done with.
#[test]
fn what_waits_is_counted_among_the_memory_of_all_until_it_is_done_with() {
    let queue = queue();
    let told = |queue: &Queue| {
        let state = queue.state.lock();
        state.account.as_ref().map_or(0, Account::told)
    };
    queue.post(publish(3 * MEMORY_GRAIN_BYTES));
    assert_eq!(told(&queue), 3 * MEMORY_GRAIN_BYTES);
    take(&queue);
    assert_eq!(told(&queue), 0);
}

#[test]
fn of_many_events_the_first_and_then_one_of_so_many_tells_how_long_it_has_waited() {
    let mut state = State::default();
    for posted in 1..=3 * WAITS_SAMPLED {
        state.posted = posted;
        state.sample();
    }
    let sampled: Vec<u64> = state.posted_at.iter().map(|posted| posted.0).collect();
    assert_eq!(sampled, [0, 1, 2].map(|count| 1 + count * WAITS_SAMPLED));
    let mut taken = Taken::default();
    state.swap(&mut taken);
    for number in 1..=3 * WAITS_SAMPLED {
        let is_sampled = taken.posted_at(number).is_some();
        assert_eq!(is_sampled, sampled.contains(&number), "{number}");
    }
}

/// Cause: mutants survived that told of those alone that wait on purpose, or looked at the clock where nobody wants to know.
#[test]
fn times_are_taken_of_what_wakes_the_hub_and_where_somebody_looks_at_them() {
    let sampled = |event: Event| {
        let (load, manner) = (event.load(), event.manner());
        let mut state = State::default();
        state.put(event, load, manner);
        state.posted_at.len()
    };
    let _alone = measure_alone();
    measure(true);
    let measured = (sampled(closed()), sampled(Event::Tidy));
    measure(false);
    assert_eq!(measured, (1, 0));
    assert_eq!((sampled(closed()), sampled(Event::Tidy)), (0, 0));
}
