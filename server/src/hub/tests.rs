//! The hub with real outboxes on real sockets.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::members::{Members, TooManyTopics};
use super::{Audience, Event, Hub, HubHandle};
use crate::ids::{ClientId, RouteId};
use crate::limits::{HUB_QUEUE_EVENTS, TOPICS_PER_CLIENT_MAX};
use crate::outbox::cause::Cause;
use crate::outbox::drain::Drain;
use crate::outbox::frame::{self, Opcode};
use crate::outbox::{Ending, Outbox};

const ROUTE: RouteId = RouteId(0);

struct Room {
    drain: Drain,
    hub: Hub,
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
        let hub = Hub::start(4).expect("a thread");
        Room {
            drain,
            hub,
            listener: TcpListener::bind("127.0.0.1:0").expect("a free port"),
        }
    }

    fn handle(&self) -> HubHandle {
        self.hub.handle()
    }

    fn open(&self, id: u64, route: RouteId) -> Guest {
        let address = self.listener.local_addr().expect("it is bound");
        let peer = TcpStream::connect(address).expect("it listens");
        peer.set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a valid timeout");
        let (socket, _) = self.listener.accept().expect("one connects");
        let id = ClientId(id);
        let outbox = Outbox::new(socket, id, Arc::default(), self.drain.handle());
        self.handle().tell_quietly(Event::Opened {
            client: id,
            route,
            outbox: outbox.clone(),
        });
        Guest { id, outbox, peer }
    }

    /// Ends the hub behind everything told so far, then every guest's connection; what each heard.
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

fn everyone(text: &str, except: Option<ClientId>) -> Event {
    let frame = frame::encode(Opcode::Text, text.as_bytes());
    Event::Publish {
        audience: Audience::Everyone(ROUTE),
        frame,
        except,
    }
}

fn topic(name: &str) -> Audience {
    Audience::Topic(ROUTE, name.into())
}

fn to_topic(name: &str, text: &str) -> Event {
    let frame = frame::encode(Opcode::Text, text.as_bytes());
    Event::Publish {
        audience: topic(name),
        frame,
        except: None,
    }
}

fn to_one(client: ClientId, text: &str) -> Event {
    Event::Send {
        client,
        frame: frame::encode(Opcode::Text, text.as_bytes()),
    }
}

#[test]
fn everyone_hears_everything_in_one_order_but_what_leaves_them_out() {
    let room = Room::new();
    let (one, two) = (room.open(1, ROUTE), room.open(2, ROUTE));
    let hub = room.handle();
    hub.tell(everyone("a", None));
    hub.tell(everyone("b", Some(one.id)));
    hub.tell(to_one(one.id, "only-one"));
    hub.tell(everyone("c", None));
    hub.tell(everyone("d", Some(two.id)));
    assert_eq!(room.heard(vec![one, two]), ["a only-one c d ", "a b c "]);
}

#[test]
fn who_comes_later_does_not_hear_what_was_said_before() {
    let room = Room::new();
    let one = room.open(1, ROUTE);
    room.handle().tell(everyone("before", None));
    let two = room.open(2, ROUTE);
    room.handle().tell(everyone("after", None));
    assert_eq!(room.heard(vec![one, two]), ["before after ", "after "]);
}

#[test]
fn a_topic_reaches_its_members_while_they_are_members() {
    let room = Room::new();
    let (one, two) = (room.open(1, ROUTE), room.open(2, ROUTE));
    let hub = room.handle();
    hub.tell(Event::Join {
        client: one.id,
        topic: topic("t"),
    });
    hub.tell(Event::Join {
        client: one.id,
        topic: topic("t"),
    });
    hub.tell(to_topic("t", "first"));
    hub.tell(Event::Join {
        client: two.id,
        topic: topic("t"),
    });
    assert_eq!(hub.count(topic("t")), Some(2));
    hub.tell(everyone("all", None));
    hub.tell(to_topic("t", "second"));
    hub.tell(Event::Leave {
        client: one.id,
        topic: topic("t"),
    });
    hub.tell(to_topic("t", "third"));
    hub.tell(to_topic("nobody", "lost"));
    assert_eq!(hub.count(topic("t")), Some(1));
    assert_eq!(
        room.heard(vec![one, two]),
        ["first all second ", "all second third "]
    );
}

#[test]
fn routes_do_not_hear_each_other() {
    let room = Room::new();
    let (one, two) = (room.open(1, ROUTE), room.open(2, RouteId(1)));
    room.handle().tell(everyone("here", None));
    assert_eq!(room.heard(vec![one, two]), ["here ", ""]);
}

#[test]
fn who_has_left_is_a_member_of_nothing() {
    let room = Room::new();
    let (one, two) = (room.open(1, ROUTE), room.open(2, ROUTE));
    let three = room.open(3, ROUTE);
    let hub = room.handle();
    for guest in [&one, &two, &three] {
        hub.tell(Event::Join {
            client: guest.id,
            topic: topic("t"),
        });
    }
    hub.tell(everyone("a", None));
    hub.tell(Event::Closed { client: one.id });
    hub.tell(everyone("b", None));
    hub.tell(to_topic("t", "c"));
    assert_eq!(hub.count(topic("t")), Some(2));
    hub.tell(Event::Closed { client: two.id });
    hub.tell(Event::Closed { client: three.id });
    assert_eq!(hub.count(topic("t")), Some(0));
    assert_eq!(
        room.heard(vec![one, two, three]),
        ["a ", "a b c ", "a b c "]
    );
}

/// Cause: a plugin that joins on and on logged a line for each join that was refused.
#[test]
fn a_refused_join_is_told_once_for_each_client() {
    let room = Room::new();
    let mut members = Members::new(4);
    for guest in [room.open(1, ROUTE), room.open(2, ROUTE)] {
        let id = guest.id;
        members.insert(id, ROUTE, guest.outbox);
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

#[test]
fn a_slot_serves_its_next_client() {
    let room = Room::new();
    let first = room.open(1, ROUTE);
    room.handle().tell(Event::Closed { client: first.id });
    let second = room.open(5, ROUTE);
    room.handle().tell(to_one(first.id, "gone"));
    room.handle().tell(to_one(second.id, "here"));
    assert_eq!(room.heard(vec![first, second]), ["", "here "]);
}

#[test]
fn a_close_comes_behind_what_was_said_and_holds_for_latecomers() {
    let room = Room::new();
    let one = room.open(1, ROUTE);
    room.handle().tell(everyone("last", None));
    let cause = Cause::server(1001, "bye");
    room.handle().tell(Event::CloseAll { route: None, cause });
    room.handle().tell(everyone("too late", None));
    let two = room.open(2, ROUTE);
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
    room.handle().tell(Event::CloseAll { route: None, cause });
    // The hub has come to it, and sleeps or is about to.
    assert_eq!(room.handle().count(topic("t")), Some(0));
    let mut late = room.open(1, ROUTE);
    let mut close = [0; 7];
    late.peer.read_exact(&mut close).expect("it is closed");
    assert_eq!(close, *b"\x88\x05\x03\xe9bye");
    room.heard(vec![late]);
}

#[test]
fn a_crowd_that_comes_does_not_fill_the_queue() {
    let room = Room::new();
    let one = room.open(1, ROUTE);
    let stranger = ClientId(2);
    for _ in 0..3 * HUB_QUEUE_EVENTS {
        let event = Event::Closed { client: stranger };
        room.handle().tell_quietly(event);
    }
    room.handle().tell(everyone("here", None));
    assert_eq!(room.heard(vec![one]), ["here "]);
}
