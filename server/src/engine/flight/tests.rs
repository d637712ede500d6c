use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Arrived, Flight, Manner, Next, Refused};
use crate::engine::address::Address;
use crate::engine::condition::{Condition, Side};
use crate::engine::entry::{Kind, Meta, Packed};
use crate::engine::link::Trouble;
use crate::engine::terms::WhenAway;
use crate::hub::{Audience, Event, Hub, Message};
use crate::ids::{ClientId, RouteId};
use crate::journal::{Epoch, Position};
use crate::limits::FLIGHT_BYTES_MAX;
use crate::outbox::frame::Opcode;

fn publish(bytes: usize) -> Event {
    Event::Publish {
        audience: Audience::Everyone,
        message: Message::new(Opcode::Binary, &vec![7; bytes]),
        except: None,
    }
}

fn meta() -> Meta {
    Meta {
        kind: Kind::Said,
        opcode: 2,
        host: 1,
        number: 0,
        except: None,
        at: 0,
        position_at: None,
        topic: "".into(),
    }
}

fn packed() -> Packed {
    Packed::new(&meta(), b"")
}

fn arrive(flight: &Flight, numbers: impl IntoIterator<Item = u64>) {
    let arrived = numbers.into_iter().map(own).collect();
    flight.arrive(arrived, place(0), |_, _| Some(publish(1)));
}

fn own(number: u64) -> Arrived {
    Arrived::Own {
        number,
        position: place(number),
        body: Box::new((meta(), Vec::new())),
    }
}

fn place(offset: u64) -> Position {
    Position {
        epoch: Epoch::random(),
        offset,
    }
}

struct World {
    hub: Hub,
    flight: Flight,
    condition: Arc<Condition>,
}

fn world(wait: Duration) -> World {
    let hub = Hub::start(|_| {}).expect("a thread");
    let address = Address::of("redis://127.0.0.1");
    let condition = Arc::new(Condition::new("/t".into(), address, WhenAway::Wait));
    condition.set_up(Side::Writer);
    condition.set_up(Side::Reader);
    let handle = hub.handle().open(RouteId(0));
    let flight = Flight::new(handle, condition.clone(), wait);
    World {
        hub,
        flight,
        condition,
    }
}

fn patient(flight: &Flight, bytes: usize) -> Result<u64, Refused> {
    flight.put(publish(bytes), packed(), None, Manner::Patient, false)
}

fn batch(flight: &Flight) -> usize {
    match flight.next() {
        Next::Batch(batch) => batch.len(),
        _ => 0,
    }
}

#[test]
fn what_has_not_come_back_is_sent_again_and_what_has_is_not() {
    let World { hub, flight, .. } = world(Duration::from_secs(60));
    for number in 1..=3 {
        assert_eq!(patient(&flight, 1), Ok(number));
    }
    assert_eq!(batch(&flight), 3);
    assert_eq!(batch(&flight), 0);
    arrive(&flight, [1]);
    assert!(flight.is_back(1) && !flight.is_back(2));
    assert!(flight.send_again());
    assert_eq!(batch(&flight), 2);
    arrive(&flight, [2, 3]);
    assert!(!flight.send_again());
    assert_eq!(batch(&flight), 0);
    hub.end();
}

#[test]
fn what_a_thread_says_behind_its_message_waits_for_it() {
    let World { hub, flight, .. } = world(Duration::from_secs(60));
    let leave = || Event::Leave {
        client: ClientId(1),
        topic: Audience::Everyone,
    };
    let number = patient(&flight, 1).expect("there is room");
    let behind = || flight.put_behind(number, leave(), Manner::Patient);
    assert!(behind().is_none());
    arrive(&flight, [number]);
    assert!(behind().is_some());
    hub.end();
}

/// Cause: a reload waited for Redis, with all clients of the route, where its new instance had said something to many and to one.
#[test]
fn what_was_held_back_does_not_wait_for_room_behind_a_message() {
    let World { hub, flight, .. } = world(Duration::from_secs(60));
    let flight = Arc::new(flight);
    let number = patient(&flight, FLIGHT_BYTES_MAX as usize + 1).expect("nothing else is there");
    let (done, is_done) = mpsc::channel();
    let putting = flight.clone();
    let thread = thread::spawn(move || {
        let leave = Event::Leave {
            client: ClientId(1),
            topic: Audience::Everyone,
        };
        let waits = putting.put_behind(number, leave, Manner::Urgent).is_none();
        done.send(waits).expect("the test waits for it");
    });
    let waits = is_done.recv_timeout(Duration::from_secs(20));
    flight.end();
    thread.join().expect("it does not panic");
    assert_eq!(waits, Ok(true), "it is taken, and at once");
    hub.end();
}

#[test]
fn what_waits_too_long_is_given_up_and_what_is_too_much_is_refused() {
    let World {
        hub,
        flight,
        condition,
    } = world(Duration::ZERO);
    let refused = Arc::new(AtomicU64::new(0));
    let counted = refused.clone();
    let told = Box::new(move |result| {
        counted.fetch_add(u64::from(result == Err(Refused::Late)), Ordering::Relaxed);
    });
    let sent = flight.put(publish(1), packed(), Some(told), Manner::Patient, false);
    let sent = sent.expect("there is room");
    assert_eq!(batch(&flight), 1);
    flight.give_up();
    assert!(flight.is_back(sent));
    assert_eq!(refused.load(Ordering::Relaxed), 1);
    // It has come after all: everybody is to hear it.
    arrive(&flight, [sent]);

    assert_eq!(patient(&flight, FLIGHT_BYTES_MAX as usize), Ok(2));
    assert_eq!(patient(&flight, 1), Err(Refused::Full));
    condition.set_away(Side::Reader, &Trouble::Silent);
    flight.give_up();
    assert_eq!(patient(&flight, 1), Err(Refused::Away));
    flight.end();
    assert_eq!(patient(&flight, 1), Err(Refused::Over));
    hub.end();
}
