//! The hub with real outboxes on real sockets.

mod apart;
mod behind;
mod demand;
mod events;
mod from_file;
mod late;
mod one_round;
mod past;
mod presence;
mod routes;
mod stream;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::members::{Members, TooManyTopics};
use super::{Audience, Event, Hub, Message, RouteHandle};
use crate::ids::{ClientId, RouteId};
use crate::limits::TOPICS_PER_CLIENT_MAX;
use crate::outbox::cause::Cause;
use crate::outbox::drain::Drain;
use crate::outbox::frame::Opcode;
use crate::outbox::{Ending, Outbox};

const ROUTE: RouteId = RouteId(0);

/// A hub with a route, and what its clients need.
struct Room {
    drain: Drain,
    hub: Hub,
    route: RouteHandle,
    listener: TcpListener,
}

/// A client of the hub: its outbox, and the socket that a browser would have.
struct Guest {
    id: ClientId,
    outbox: Arc<Outbox>,
    peer: TcpStream,
}

impl Room {
    fn new() -> Room {
        let drain = Drain::start().expect("a thread");
        let hub = Hub::start(|_| {}).expect("a thread");
        Room {
            drain,
            route: hub.handle().open(ROUTE),
            hub,
            listener: TcpListener::bind("127.0.0.1:0").expect("a free port"),
        }
    }

    fn post(&self, event: Event) -> u64 {
        self.route.post(event)
    }

    /// A client of the room's route.
    fn open(&self, id: u64) -> Guest {
        self.open_on(&self.route, id)
    }

    /// A client that does not hear yet what is said to everyone.
    fn open_apart(&self, id: u64) -> Guest {
        self.open_as(&self.route, id, true)
    }

    fn open_on(&self, route: &RouteHandle, id: u64) -> Guest {
        self.open_as(route, id, false)
    }

    fn open_as(&self, route: &RouteHandle, id: u64, is_apart: bool) -> Guest {
        let guest = self.guest(id);
        guest.outbox.set_apart(is_apart);
        route.post(guest.opened());
        guest
    }

    /// One of whom the hub does not know yet.
    fn guest(&self, id: u64) -> Guest {
        let address = self.listener.local_addr().expect("it is bound");
        let peer = TcpStream::connect(address).expect("it listens");
        peer.set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a valid timeout");
        let (socket, _) = self.listener.accept().expect("one connects");
        let id = ClientId(id);
        let outbox = Outbox::new(socket, id, self.drain.handle());
        Guest { id, outbox, peer }
    }

    /// Ends the hub behind everything posted so far, then every guest's connection; what each heard.
    fn heard(self, guests: Vec<Guest>) -> Vec<String> {
        self.hub.end();
        let heard = guests.into_iter().map(|mut guest| {
            guest.outbox.finish(Ending::Complete);
            let mut bytes = Vec::new();
            guest
                .peer
                .read_to_end(&mut bytes)
                .expect("it ends in good order");
            texts(&bytes)
        });
        let heard = heard.collect();
        self.drain.end();
        heard
    }
}

impl Guest {
    fn opened(&self) -> Event {
        Event::Opened {
            client: self.id,
            outbox: self.outbox.clone(),
        }
    }
}

fn texts(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let [_, length, rest @ ..] = bytes {
        let (payload, behind) = rest.split_at(usize::from(*length));
        text += &String::from_utf8_lossy(payload);
        text.push(' ');
        bytes = behind;
    }
    text
}

fn message(text: &str) -> Message {
    Message::new(Opcode::Text, text.as_bytes())
}

fn everyone(text: &str, except: Option<ClientId>) -> Event {
    Event::Publish {
        audience: Audience::Everyone,
        message: message(text),
        except,
    }
}

fn topic(name: &str) -> Audience {
    Audience::Topic(name.into())
}

fn to_topic(name: &str, text: &str) -> Event {
    Event::Publish {
        audience: topic(name),
        message: message(text),
        except: None,
    }
}

fn to_one(client: ClientId, text: &str) -> Event {
    Event::Send {
        client,
        message: message(text),
    }
}

fn join(client: ClientId, name: &str) -> Event {
    let topic = topic(name);
    Event::Join { client, topic }
}

fn leave(client: ClientId, name: &str) -> Event {
    let topic = topic(name);
    Event::Leave { client, topic }
}

#[test]
fn everyone_hears_everything_in_one_order_but_what_leaves_them_out() {
    let room = Room::new();
    let (one, two) = (room.open(1), room.open(2));
    room.post(everyone("a", None));
    room.post(everyone("b", Some(one.id)));
    room.post(to_one(one.id, "only-one"));
    room.post(everyone("c", None));
    room.post(everyone("d", Some(two.id)));
    assert_eq!(room.heard(vec![one, two]), ["a only-one c d ", "a b c "]);
}

#[test]
fn who_comes_later_does_not_hear_what_was_said_before() {
    let room = Room::new();
    let one = room.open(1);
    room.post(everyone("before", None));
    let two = room.open(2);
    room.post(everyone("after", None));
    assert_eq!(room.heard(vec![one, two]), ["before after ", "after "]);
}

#[test]
fn a_topic_reaches_its_members_while_they_are_members() {
    let room = Room::new();
    let (one, two) = (room.open(1), room.open(2));
    room.post(join(one.id, "t"));
    room.post(join(one.id, "t"));
    room.post(to_topic("t", "first"));
    room.post(join(two.id, "t"));
    assert_eq!(room.route.count(topic("t")), Some(2));
    room.post(everyone("all", None));
    room.post(to_topic("t", "second"));
    room.post(Event::Leave {
        client: one.id,
        topic: topic("t"),
    });
    room.post(to_topic("t", "third"));
    room.post(to_topic("nobody", "lost"));
    assert_eq!(room.route.count(topic("t")), Some(1));
    assert_eq!(
        room.heard(vec![one, two]),
        ["first all second ", "all second third "]
    );
}

#[test]
fn routes_do_not_hear_each_other() {
    let room = Room::new();
    let other = room.hub.handle().open(RouteId(1));
    let (one, two) = (room.open(1), room.open_on(&other, 2));
    room.post(everyone("here", None));
    assert_eq!(room.heard(vec![one, two]), ["here ", ""]);
}

#[test]
fn who_has_left_is_a_member_of_nothing() {
    let room = Room::new();
    let (one, two) = (room.open(1), room.open(2));
    let three = room.open(3);
    for guest in [&one, &two, &three] {
        room.post(join(guest.id, "t"));
    }
    room.post(everyone("a", None));
    room.post(Event::Closed { client: one.id });
    room.post(everyone("b", None));
    room.post(to_topic("t", "c"));
    assert_eq!(room.route.count(topic("t")), Some(2));
    room.post(Event::Closed { client: two.id });
    room.post(Event::Closed { client: three.id });
    assert_eq!(room.route.count(topic("t")), Some(0));
    assert_eq!(
        room.heard(vec![one, two, three]),
        ["a ", "a b c ", "a b c "]
    );
}

/// Cause: a plugin that joins on and on logged a line for each join that was refused.
#[test]
fn a_refused_join_is_told_once_for_each_client() {
    let room = Room::new();
    let mut members = Members::default();
    for guest in [room.open(1), room.open(2)] {
        let id = guest.id;
        members.insert(id, guest.outbox);
        for number in 0..TOPICS_PER_CLIENT_MAX {
            assert_eq!(members.join(id, topic(&number.to_string())), Ok(()));
        }
        for is_first in [true, false, false] {
            let refused = members.join(id, topic("one more"));
            assert_eq!(refused, Err(TooManyTopics { is_first }));
        }
        assert!(members.topic(&topic("one more")).is_none());
        assert_eq!(members.join(id, topic("0")), Ok(()), "it is a member");

        members.leave(id, &topic("0"));
        assert_eq!(members.join(id, topic("in its place")), Ok(()));
        let refused = members.join(id, topic("one more"));
        assert_eq!(refused, Err(TooManyTopics { is_first: false }));
    }
}

/// Cause: one that was taken in over another would have left that one among everyone for good.
#[test]
fn who_is_taken_in_twice_is_here_once_and_as_it_came_last() {
    let room = Room::new();
    let (first, again) = (room.open(1), room.open(2));
    let mut members = Members::default();
    let id = first.id;
    members.insert(id, first.outbox);
    assert_eq!(members.join(id, topic("t")), Ok(()));
    members.insert(id, again.outbox.clone());
    assert_eq!(members.count(&Audience::Everyone), 1);
    assert_eq!(members.count(&topic("t")), 0, "it begins anew");
    let outbox = members.outbox(id).expect("it is here");
    assert!(Arc::ptr_eq(outbox, &again.outbox));
    members.remove(id);
    assert_eq!(members.count(&Audience::Everyone), 0);
}

/// Cause: what a round had touched was kept by a number that the next client has too, so that what was
/// sent to it in the same round was not flushed.
#[test]
fn who_comes_in_the_place_of_another_in_one_round_is_flushed() {
    let room = Room::new();
    let first = room.open(1);
    let busy: Vec<_> = (10..110).map(|id| room.open(id)).collect();
    // What follows stands in the queue before the hub is done with this.
    for _ in 0..20 {
        room.post(everyone(&"x".repeat(60_000), Some(first.id)));
    }
    room.post(to_one(first.id, "last"));
    room.post(Event::Closed { client: first.id });
    let mut second = room.open(5);
    room.post(to_one(first.id, "gone"));
    room.post(to_one(second.id, "here"));
    let mut here = [0; 6];
    second
        .peer
        .read_exact(&mut here)
        .expect("it is flushed without a further event");
    assert_eq!(&here, b"\x81\x04here");
    drop(busy);
    assert_eq!(room.heard(vec![first, second]), ["last ", ""]);
}

#[test]
fn the_hub_says_when_it_has_forgotten_a_client() {
    let (told, left) = crossbeam_channel::unbounded();
    let hub = Hub::start(move |client| told.send(client).expect("somebody listens"));
    let hub = hub.expect("a thread");
    let route = hub.handle().open(ROUTE);
    route.post(Event::Closed {
        client: ClientId(7),
    });
    let deadline = Duration::from_secs(20);
    assert_eq!(left.recv_timeout(deadline), Ok(ClientId(7)));
    hub.end();
}

/// Cause: a mutant survived in which nothing ever settled: what a thread says past the hub waited for it for ever.
#[test]
fn what_was_posted_has_settled_once_it_stands_in_the_outboxes() {
    let room = Room::new();
    let one = room.open(1);
    let number = room.post(everyone("word", None));
    assert!(!room.route.has_settled(number + 1));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !room.route.has_settled(number) {
        assert!(Instant::now() < deadline, "it never settles");
        std::thread::yield_now();
    }
    assert_eq!(room.heard(vec![one]), ["word "]);
}

#[test]
fn a_close_comes_behind_what_was_said_and_holds_for_latecomers() {
    let room = Room::new();
    let one = room.open(1);
    room.post(everyone("last", None));
    let cause = Cause::server(1001, "bye");
    room.hub.handle().farewell(&cause);
    room.post(everyone("too late", None));
    let two = room.open(2);
    let bye = "\u{3}\u{fffd}bye ";
    assert_eq!(
        room.heard(vec![one, two]),
        [format!("last {bye}"), bye.to_owned()]
    );
}

#[test]
fn who_comes_after_all_were_closed_is_closed_without_a_further_event() {
    let room = Room::new();
    let cause = Cause::server(1001, "bye");
    room.hub.handle().farewell(&cause);
    // The hub has come to it, and sleeps or is about to.
    assert_eq!(room.route.count(topic("t")), Some(0));
    let mut late = room.open(1);
    let mut close = [0; 7];
    late.peer.read_exact(&mut close).expect("it is closed");
    assert_eq!(close, *b"\x88\x05\x03\xe9bye");
    room.heard(vec![late]);
}
