//! What was said here while other hosts could not be reached, and has its place in the stream of all hosts now: those who have
//! come since hear it, and nobody hears it twice.

use super::stream::{at, room};
use super::*;
use crate::hub::{Keep, Late};
use crate::journal::POSITION_BYTES;

fn local(number: u64, audience: Audience, text: &str) -> Event {
    Event::Local {
        number,
        audience,
        message: message(text),
        except: None,
    }
}

/// What was said under `number` has its place at `offset`, and nothing of that is on its way any more where it `is_last`.
fn late(number: u64, name: &str, text: &str, offset: u64, is_last: bool) -> Late {
    let keep = Keep {
        topic: name.into(),
        message: message(text),
        position_at: None,
        except: None,
        confirm: None,
        reply: None,
        at: Some(at(10, offset)),
    };
    Late {
        keep: Some(keep),
        number,
        is_last,
    }
}

impl Room {
    fn post_late(&self, late: Late) {
        self.post(Event::Late(Box::new(late)));
    }

    /// A client of the room that is a member of the topic `t`.
    fn open_in_topic(&self, id: u64) -> Guest {
        let guest = self.open(id);
        self.post(join(guest.id, "t"));
        guest
    }
}

#[test]
fn those_who_have_come_since_hear_it_and_who_said_it_or_has_left_the_topic_does_not() {
    let room = room(10, 0);
    let before = room.open_in_topic(1);
    room.post(local(1, topic("t"), "alone"));
    let [since, speaker, gone] = [2, 3, 4].map(|id| room.open_in_topic(id));
    let elsewhere = room.open(5);
    room.post(Event::Leave {
        client: gone.id,
        topic: topic("t"),
    });
    let mut late_one = late(1, "t", "alone", 1, false);
    late_one.keep.as_mut().expect("it is kept").except = Some(speaker.id);
    room.post_late(late_one);
    // It has come twice, as what a host says again does whose answer was lost.
    room.post_late(late(1, "t", "alone", 1, false));
    room.post(to_topic("t", "end"));
    assert_eq!(
        room.heard(vec![before, since, speaker, gone, elsewhere]),
        ["alone end ", "alone end ", "end ", "", ""]
    );
}

#[test]
fn it_has_its_position_in_it_for_those_who_hear_it_late() {
    let room = room(10, 0);
    let before = room.open_in_topic(1);
    let text = format!("at:{}.", "-".repeat(POSITION_BYTES));
    room.post(local(1, topic("t"), &text));
    let since = room.open_in_topic(2);
    let mut late = late(1, "t", &text, 7, true);
    late.keep.as_mut().expect("it is kept").position_at = Some(3);
    room.post_late(late);
    assert_eq!(
        room.heard(vec![before, since]),
        [format!("{text} "), format!("at:{}. ", at(10, 7))]
    );
}

/// Cause: a mutant survived in which who came to an empty route was taken for one who had heard what was said before.
#[test]
fn who_comes_after_all_have_left_hears_it_too_and_who_comes_when_it_is_over_does_not() {
    let room = room(10, 0);
    let first = room.open(1);
    room.post(local(1, Audience::Everyone, "one"));
    room.post(Event::Closed { client: first.id });
    let second = room.open(2);
    room.post(local(2, Audience::Everyone, "two"));
    let third = room.open(3);
    room.post_late(late(1, "", "one", 1, false));
    room.post_late(late(2, "", "two", 2, true));
    let fourth = room.open(4);
    room.post(local(3, Audience::Everyone, "three"));
    room.post_late(late(2, "", "no more", 3, false));
    assert_eq!(
        room.heard(vec![first, second, third, fourth]),
        ["one ", "two one three ", "one two three ", "three "]
    );
}

/// Cause: who left a topic and joined it again before other hosts could be reached heard again what it had heard of it.
#[test]
fn who_leaves_and_comes_again_hears_late_what_was_said_meanwhile_and_nothing_twice() {
    let room = room(10, 0);
    let leave = |guest: &Guest| Event::Leave {
        client: guest.id,
        topic: topic("t"),
    };
    let lone = room.open_in_topic(1);
    room.post(local(1, topic("t"), "one"));
    // It was the only member: the topic's place goes to another one meanwhile.
    room.post(leave(&lone));
    room.post(join(lone.id, "u"));
    room.post(local(2, topic("t"), "two"));
    let late_one = room.open_in_topic(2);
    room.post(join(lone.id, "t"));
    for guest in [&lone, &late_one] {
        room.post(leave(guest));
        room.post(join(guest.id, "t"));
    }
    room.post(local(3, topic("t"), "three"));
    for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
        room.post_late(late(number, "t", text, number, number == 3));
    }
    assert_eq!(
        room.heard(vec![lone, late_one]),
        ["one three two ", "three one two "]
    );
}
