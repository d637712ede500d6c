//! Many routes beside each other: none holds up another, none is forgotten, none hears another.

use std::io::Read;
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::*;
use crate::outbox::{Bounds, SlowClient};

/// How much longer than usual: `DETENT_LONG=1` asks for the full numbers.
fn times(short: usize, long: usize) -> usize {
    if std::env::var_os("DETENT_LONG").is_some() {
        long
    } else {
        short
    }
}

/// A client whose socket is a pair, so that thousands use up no ports.
fn pair(drain: &Drain, route: &RouteHandle, id: u64) -> (Arc<Outbox>, UnixStream) {
    let (socket, peer) = UnixStream::pair().expect("two descriptors");
    peer.set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a valid timeout");
    let socket = TcpStream::from(OwnedFd::from(socket));
    let outbox = Outbox::new(socket, ClientId(id), drain.handle());
    outbox.set_bounds(Bounds {
        backlog_bytes_max: usize::MAX,
        ..Bounds::default()
    });
    let client = ClientId(id);
    route.post(Event::Opened {
        client,
        outbox: outbox.clone(),
    });
    (outbox, peer)
}

/// Says one thing after the other on routes that are silent otherwise, each when the one before has been
/// heard: a wake-up that was lost leaves it unheard.
#[test]
fn a_thousand_silent_routes_are_woken_each_time() {
    const ROUTES: usize = 1000;
    const SPEAKERS: usize = 4;
    let drain = Drain::start().expect("a thread");
    let hub = Hub::start(|_| {}).expect("a thread");
    let ways: Vec<_> = (0..ROUTES)
        .map(|number| hub.handle().open(RouteId(number as u32)))
        .collect();
    let mut clients: Vec<_> = ways
        .iter()
        .zip(1..)
        .map(|(way, id)| (way, pair(&drain, way, id)))
        .collect();
    thread::scope(|scope| {
        for (speaker, clients) in clients.chunks_mut(ROUTES / SPEAKERS).enumerate() {
            scope.spawn(move || {
                for number in 0..times(5_000, 250_000) {
                    // Neighbours after each other, and jumps.
                    let place = number * (speaker + 1) % clients.len();
                    let (way, (_, peer)) = &mut clients[place];
                    way.post(everyone("word", None));
                    let mut word = [0; 6];
                    peer.read_exact(&mut word).expect("it is heard");
                    assert_eq!(&word, b"\x81\x04word");
                }
            });
        }
    });
    hub.end();
    clients.iter().for_each(|(_, (outbox, _))| outbox.abort());
    drain.end();
}

/// Clients that do not read.
fn crowd(
    drain: &Drain,
    route: &RouteHandle,
    ids: RangeInclusive<u64>,
) -> Vec<(Arc<Outbox>, UnixStream)> {
    let crowd: Vec<_> = ids.map(|id| pair(drain, route, id)).collect();
    for (outbox, _) in &crowd {
        outbox.set_bounds(Bounds {
            backlog_bytes_max: 4096,
            slow_client: SlowClient::Drop,
            ..Bounds::default()
        });
    }
    crowd
}

/// So many words to a crowd, between what is first and what is last. The topics take turns, so that each word is a walk.
fn flood(
    mut events: Vec<Event>,
    ids: RangeInclusive<u64>,
    words: usize,
    last: Event,
) -> Vec<Event> {
    for name in ["a", "b"] {
        events.extend(ids.clone().map(|id| join(ClientId(id), name)));
    }
    events.extend((0..words).map(|number| to_topic(["a", "b"][number % 2], "word")));
    events.push(last);
    events
}

/// Cause: one sender in a room of 100 held up a push on another route for 3 to 9 s.
#[test]
fn what_a_silent_route_says_passes_a_flood_by() {
    let [first, quiet, last] = [1, 2, 3].map(ClientId);
    let way_of_the_quiet = Arc::new(OnceLock::<RouteHandle>::new());
    let order = Arc::new(Mutex::new(Vec::new()));
    let drain = Drain::start().expect("a thread");
    let (heard, way) = (order.clone(), way_of_the_quiet.clone());
    let hub = Hub::start(move |client| {
        heard.lock().push(client);
        // Said while the hub is at work on the flood.
        if client == first {
            let way = way.get().expect("it is there");
            way.post(Event::Closed { client: quiet });
        }
    });
    let hub = hub.expect("a thread");
    let flooded = hub.handle().open(RouteId(0));
    let other = hub.handle().open(RouteId(1));
    way_of_the_quiet.set(other).ok().expect("once");
    let crowd = crowd(&drain, &flooded, 101..=200);
    let begin = vec![Event::Closed { client: first }];
    let end = Event::Closed { client: last };
    flooded.post_all(flood(begin, 101..=200, 20_000, end));
    // Behind all of it; what comes behind the hub's end is not taken.
    assert_eq!(flooded.count(Audience::Everyone), Some(100));
    hub.end();
    assert_eq!(*order.lock(), [first, quiet, last]);
    crowd.iter().for_each(|(outbox, _)| outbox.abort());
    drain.end();
}

/// Neither is ever through, nor new to the hub. It is not asked how long a turn lasts, which the tests of [`Slice`] do:
/// whose turn the machine takes time from waits for longer.
///
/// [`Slice`]: crate::hub::slice::Slice
#[test]
fn two_floods_go_on_side_by_side() {
    const TURNS: usize = 20;
    let ways = Arc::new(OnceLock::<[RouteHandle; 2]>::new());
    // Whose turn it was, one after the other.
    let order = Arc::new(Mutex::new(Vec::new()));
    let piece = |client: ClientId| {
        let first = 100 * (client.0 + 1);
        let end = Event::Closed { client };
        flood(Vec::new(), first..=first + 49, 100, end)
    };
    let drain = Drain::start().expect("a thread");
    let (on, heard) = (ways.clone(), order.clone());
    let hub = Hub::start(move |client| {
        let mut order = heard.lock();
        if order.last() != Some(&client) {
            order.push(client);
        }
        // There are two pieces of each at all times, this one and one more.
        if order.len() < TURNS {
            on.get().expect("they are there")[client.0 as usize].post_all(piece(client));
        }
    });
    let hub = hub.expect("a thread");
    let routes = [0, 1].map(|id| hub.handle().open(RouteId(id)));
    let crowds = [(0, 100..=149), (1, 200..=249)].map(|(at, ids)| crowd(&drain, &routes[at], ids));
    ways.set(routes.clone()).ok().expect("once");
    for (id, route) in (0..).zip(&routes) {
        for _ in 0..2 {
            route.post_all(piece(ClientId(id)));
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while order.lock().len() < TURNS {
        assert!(Instant::now() < deadline, "one is never left");
        thread::park_timeout(Duration::from_millis(1));
    }
    hub.end();
    let outboxes = crowds.iter().flatten();
    outboxes.for_each(|(outbox, _)| outbox.abort());
    drain.end();
}

/// Cause: the stop's Close frames stood behind a flood on another route for 2 to 3 s.
#[test]
fn a_farewell_passes_floods_of_other_routes_by_and_holds_on_routes_that_come() {
    let room = Room::new();
    let other = room.hub.handle().open(RouteId(1));
    let one = room.open(1);
    for _ in 0..3 {
        other.post(everyone("to nobody", None));
        room.post(everyone("before", None));
    }
    room.hub.handle().farewell(&Cause::server(1001, "bye"));
    let late = room.hub.handle().open(RouteId(2));
    let mut guests = vec![
        one,
        room.open(2),
        room.open_on(&other, 3),
        room.open_on(&late, 4),
    ];
    for guest in &mut guests[1..] {
        let mut close = [0; 7];
        guest
            .peer
            .read_exact(&mut close)
            .expect("it is closed without a further event");
        assert_eq!(close, *b"\x88\x05\x03\xe9bye");
    }
    let bye = "\u{3}\u{fffd}bye ";
    assert_eq!(room.heard(guests)[0], format!("before before before {bye}"));
}

#[test]
fn a_route_that_has_ended_takes_nothing_and_others_go_on() {
    let room = Room::new();
    let other = room.hub.handle().open(RouteId(1));
    let (one, two) = (room.open(1), room.open_on(&other, 2));
    other.post(everyone("last", None));
    other.end();
    assert_eq!(other.count(Audience::Everyone), None);
    assert_eq!(other.post(everyone("too late", None)), 0);
    room.post(everyone("here", None));
    assert_eq!(room.heard(vec![one, two]), ["here ", "last "]);
}

/// Walks that are left midway: two topics with the same members take turns beside another flooded route, and
/// everyone hears everything of its own in one order.
#[test]
fn walks_that_are_left_midway_lose_and_reorder_nothing() {
    const MEMBERS: u64 = 50;
    let messages = times(300, 3000);
    let drain = Drain::start().expect("a thread");
    let hub = Hub::start(|_| {}).expect("a thread");
    let ways = [0, 1].map(|number| hub.handle().open(RouteId(number)));
    let clients: Vec<_> = (1..=2 * MEMBERS)
        .map(|id| {
            let way = &ways[(id % 2) as usize];
            let client = pair(&drain, way, id);
            way.post(join(ClientId(id), "a"));
            way.post(join(ClientId(id), "b"));
            client
        })
        .collect();
    thread::scope(|scope| {
        for way in &ways {
            scope.spawn(move || {
                for number in 0..messages {
                    let text = format!("{number:>2000}");
                    way.post(to_topic(["a", "b"][number % 2], &text));
                }
            });
        }
        for (_, peer) in &clients {
            let mut peer = peer;
            scope.spawn(move || {
                for number in 0..messages {
                    let mut frame = [0; 2004];
                    peer.read_exact(&mut frame).expect("it is heard");
                    let text = String::from_utf8_lossy(&frame[4..]);
                    assert_eq!(text.trim_start(), number.to_string());
                }
            });
        }
    });
    hub.end();
    clients.iter().for_each(|(outbox, _)| outbox.abort());
    drain.end();
}

/// Cause: a mutant survived in which the bound of the queues was that of the start for ever.
#[test]
fn another_bound_of_the_queues_holds_from_then_on() {
    let drain = Drain::start().expect("a thread");
    let (go_on, gate) = std::sync::mpsc::channel::<()>();
    // The hub stands still while it tells of one who has left.
    let wait = move |_| gate.recv().expect("the test goes on");
    let hub = Hub::start(wait).expect("a thread");
    hub.handle().set_queue_bytes(64 * 1024);
    let route = hub.handle().open(ROUTE);
    let (_outbox, _peer) = pair(&drain, &route, 1);
    let client = ClientId(1);
    route.post(Event::Closed { client });
    thread::scope(|scope| {
        scope.spawn(|| {
            // More than this bound holds, and less than that of the start.
            for _ in 0..100 {
                route.post(everyone(&"x".repeat(1000), None));
            }
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while route.load().waiting == 0 {
            assert!(
                Instant::now() < deadline,
                "{} bytes are in, and nobody waits",
                route.load().bytes
            );
            thread::yield_now();
        }
        go_on.send(()).expect("the hub waits for it");
    });
    hub.end();
    drain.end();
}
