//! Who is told of whom that comes to a topic and leaves it.

use super::*;
use crate::hub::JoinTold;
use crate::hub::tests::behind::far_behind;
use crate::hub::tests::past::after;

/// Joins a topic whose members are told so, and what they are told when it goes.
fn tell(client: ClientId, name: &str, joined: &str, left: &str) -> Event {
    Event::JoinTold(Box::new(JoinTold {
        client,
        topic: name.into(),
        joined: Some(message(joined)),
        left: Some(message(left)),
    }))
}

/// Cause: mutants survived in which a word about an end overtook what had been said before, or came twice.
#[test]
fn the_others_hear_who_comes_and_goes_once_and_in_order() {
    let room = Room::new();
    let (one, two, three) = (room.open(1), room.open(2), room.open(3));
    room.post(join(one.id, "t"));
    room.post(tell(two.id, "t", "two-here", "two-gone"));
    // It is there already: only its last word is another now.
    room.post(tell(two.id, "t", "two-again", "two-left"));
    room.post(tell(three.id, "t", "three-here", "three-gone"));
    room.post(to_topic("t", "said"));
    room.post(leave(two.id, "t"));
    room.post(to_topic("t", "on"));
    room.post(Event::Closed { client: three.id });
    room.post(to_topic("t", "end"));
    assert_eq!(
        room.heard(vec![one, two, three]),
        [
            "two-here three-here said two-left on three-gone end ",
            "three-here said ",
            "said two-left on ",
        ]
    );
}

/// Cause: a mutant survived that told of the end of one topic what was to be said at the end of another.
#[test]
fn each_topic_hears_of_its_own_ends_alone() {
    let room = Room::new();
    let guests: Vec<Guest> = (1..=4).map(|id| room.open(id)).collect();
    for (guest, name) in guests.iter().zip(["a", "b", "c"]) {
        room.post(join(guest.id, name));
    }
    let last = guests[3].id;
    for name in ["a", "b"] {
        room.post(tell(
            last,
            name,
            &format!("in-{name}"),
            &format!("out-{name}"),
        ));
    }
    room.post(join(last, "c"));
    room.post(leave(last, "b"));
    room.post(leave(last, "c"));
    room.post(to_topic("b", "then"));
    room.post(Event::Closed { client: last });
    room.post(to_topic("a", "end"));
    assert_eq!(
        room.heard(guests)[..3],
        ["in-a out-a end ", "in-b out-b then ", ""]
    );
}

/// Cause: a mutant survived in which the word about an end in one topic took what was being said on another with it.
#[test]
fn a_word_about_an_end_goes_to_its_own_topic_while_something_is_said_on_another() {
    let room = Room::new();
    let (one, two, three) = (room.open(1), room.open(2), room.open(3));
    room.post(join(one.id, "x"));
    room.post(join(two.id, "y"));
    room.post(tell(three.id, "y", "here", "gone"));
    // In one round.
    let said = vec![to_topic("x", "said"), leave(three.id, "y")];
    room.route.post_all(said);
    assert_eq!(
        room.heard(vec![one, two, three]),
        ["said ", "here gone ", ""]
    );
}

/// Cause: a mutant survived that took those that are apart off the number of clients.
#[test]
fn those_that_are_apart_are_listed_among_the_clients_of_the_route() {
    let room = Room::new();
    let guests = vec![room.open(1), room.open_apart(2), room.open(3)];
    let listed = room.route.list(Audience::Everyone, 9);
    let mut listed = listed.expect("the hub answers");
    listed.clients.sort();
    assert_eq!(listed.clients, [1, 2, 3].map(ClientId));
    assert_eq!(listed.count, 3);
    room.heard(guests);
}

/// Cause: a mutant survived in which one who is behind in a topic came to it a second time.
#[test]
fn one_who_is_behind_in_a_topic_is_in_it_already() {
    let room = Room::new();
    let (behind, start) = far_behind(&room);
    let mut other = room.open(2);
    room.post(join(other.id, "t"));
    room.join_from(&behind, "t", after(start));
    room.post(tell(behind.id, "t", "here", "gone"));
    room.post(to_topic("t", "said"));
    let mut head = [0; 2];
    other.peer.read_exact(&mut head).expect("something is said");
    assert_eq!(head[1], 4, "not that it has come");
    behind.outbox.abort();
    other.outbox.abort();
    room.hub.end();
    room.drain.end();
}
