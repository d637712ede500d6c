//! Clients that are far behind: what they have missed comes in pieces, while others speak on.

use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::bounded;

use super::past::{after, bounds, keep, next_frame};
use super::*;
use crate::hub::{JoinFrom, Joining, Notice, Notices};
use crate::journal::{Outcome, Position, Since};
use crate::outbox::Bounds as OutboxBounds;
use crate::outbox::frame::Opcode;

const BACKLOG: usize = 256 * 1024;
/// Messages of 10,000 bytes each.
const MISSED: u64 = 2000;

/// A guest that is 20 MB behind, of which it has not read anything.
pub(super) fn far_behind(room: &Room) -> (Guest, Position) {
    room.post(bounds(u64::MAX));
    let start = room.read("t", Since::Now, 1).next;
    for number in 0..MISSED {
        room.post(keep("t", &format!("{number:010000}"), None, None));
    }
    let guest = room.open(1);
    guest.outbox.set_bounds(OutboxBounds {
        backlog_bytes_max: BACKLOG,
        ..OutboxBounds::default()
    });
    (guest, start)
}

/// Cause: a mutant that listed more members than were asked for, where some are behind, survived.
#[test]
fn no_more_members_are_listed_than_are_asked_for_whoever_is_behind() {
    let room = Room::new();
    let (behind, start) = far_behind(&room);
    room.join_from(&behind, "t", after(start));
    let others = [room.open(2), room.open(3)];
    for other in &others {
        room.post(join(other.id, "t"));
    }
    for most in 0..5 {
        let listed = room.route.list(topic("t"), most).expect("the hub answers");
        assert_eq!((listed.clients.len(), listed.count), (most.min(3), 3));
    }
    behind.outbox.abort();
    others.iter().for_each(|other| other.outbox.abort());
    room.hub.end();
    room.drain.end();
}

/// Cause: what is missed may be many times what may wait for a client, and nobody may be closed for that.
#[test]
fn much_more_than_a_backlog_is_missed_and_comes_whole_while_others_speak() {
    let room = Room::new();
    let (mut behind, start) = far_behind(&room);
    let joined = room.join_from(&behind, "t", after(start));
    assert_eq!(joined.outcome, Outcome::Recovered);
    // It reads nothing yet; others are heard, and more is said.
    let mut quiet = room.open(2);
    room.post(join(quiet.id, "quiet"));
    for number in 0..100 {
        room.post(to_topic("quiet", &number.to_string()));
        assert_eq!(next_frame(&mut quiet.peer).1, number.to_string().as_bytes());
        room.post(keep("t", &format!("{:010000}", 2000 + number), None, None));
    }
    for number in 0..2100 {
        let (is_close, payload) = next_frame(&mut behind.peer);
        let said = String::from_utf8_lossy(&payload);
        assert!(!is_close, "closed: {said}");
        assert_eq!(said.trim_start_matches('0').parse().unwrap_or(0), number);
    }
    room.keep("t", "live");
    assert_eq!(next_frame(&mut behind.peer).1, b"live");
    room.hub.end();
    room.drain.end();
}

#[test]
fn what_is_said_to_one_who_is_behind_comes_behind_what_was_kept_before() {
    let room = Room::new();
    let (mut behind, start) = far_behind(&room);
    room.join_from(&behind, "t", after(start));
    room.post(to_one(behind.id, "to you"));
    room.post(keep("t", "then", None, None));
    room.post(to_one(behind.id, "and again"));
    for _ in 0..2000 {
        assert_eq!(next_frame(&mut behind.peer).1.len(), 10_000);
    }
    for expected in ["to you", "then", "and again"] {
        assert_eq!(next_frame(&mut behind.peer).1, expected.as_bytes());
    }
    room.hub.end();
    room.drain.end();
}

#[test]
fn who_is_overtaken_by_what_is_let_go_is_told_to_come_back() {
    let room = Room::new();
    let (mut behind, start) = far_behind(&room);
    room.join_from(&behind, "t", after(start));
    room.post(bounds(1));
    let (code, seen) = loop {
        let (is_close, payload) = next_frame(&mut behind.peer);
        if is_close {
            break (u16::from_be_bytes([payload[0], payload[1]]), payload);
        }
    };
    assert_eq!(code, 1013, "{}", String::from_utf8_lossy(&seen));
    room.hub.end();
    room.drain.end();
}

/// Cause: in a busy room more is said before a newcomer's turn than is kept, and it was closed as one who has missed
/// something.
#[test]
fn a_newcomer_begins_with_what_are_the_last_messages_when_it_is_given_the_first() {
    const LARGE: usize = 16 * 1024 * 1024;
    let room = Room::new();
    room.post(bounds(2));
    let mut late = room.open(1);
    // It takes nothing for now.
    room.post(to_one(late.id, &"x".repeat(LARGE)));
    room.keep("t", "a");
    let joined = room.join_from(&late, "t", Since::Last(2));
    assert_eq!(joined.outcome, Outcome::Fresh);
    for text in ["b", "c", "d"] {
        room.keep("t", text);
    }
    assert_eq!(next_frame(&mut late.peer).1.len(), LARGE);
    let mut next = || String::from_utf8_lossy(&next_frame(&mut late.peer).1).into_owned();
    assert_eq!([next(), next()], ["c", "d"]);
    room.keep("t", "live");
    assert_eq!(next(), "live");
    room.hub.end();
    room.drain.end();
}

/// Cause: between reading what is kept and hearing what is said lies the moment in which something is lost or
/// comes twice. Everyone who joins at any moment of a stream has all of it from its position on.
#[test]
fn whenever_somebody_joins_a_stream_it_has_all_of_it_once_and_in_order() {
    const SAID: usize = 20_000;
    let room = Room::new();
    room.post(bounds(u64::MAX));
    let start = room.read("t", Since::Now, 1).next;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let route = room.route.clone();
        let over = &is_over;
        scope.spawn(move || {
            for number in 0..SAID {
                route.post(keep("t", &number.to_string(), None, None));
            }
            over.store(true, Ordering::Release);
        });
        let mut guests = Vec::new();
        let mut id = 0;
        while !is_over.load(Ordering::Acquire) || id < 20 {
            id += 1;
            let mut guest = room.open(id);
            // In turn from the beginning, and from where the one before has begun.
            let kept = room.read("t", after(start), usize::MAX);
            let from = match id % 2 {
                0 => start,
                _ => kept
                    .messages
                    .last()
                    .map_or(start, |(position, _)| *position),
            };
            let has = match id % 2 {
                0 => 0,
                _ => kept.messages.len(),
            };
            room.join_from(&guest, "t", after(from));
            guests.push(scope.spawn(move || {
                for number in has..SAID {
                    let (_, payload) = next_frame(&mut guest.peer);
                    assert_eq!(payload, number.to_string().as_bytes(), "guest {id}");
                }
                guest
            }));
        }
        for guest in guests {
            guest.join().expect("it has heard everything");
        }
    });
    room.keep("t", "the end");
    room.hub.end();
    room.drain.end();
}

#[test]
fn too_many_topics_are_too_many_for_one_who_is_behind_too() {
    let room = Room::new();
    let (mut behind, start) = far_behind(&room);
    room.join_from(&behind, "t", after(start));
    for number in 1..TOPICS_PER_CLIENT_MAX {
        room.join_from(&behind, &format!("topic {number}"), Since::Now);
    }
    assert_eq!(room.route.count(topic("topic 1")), Some(1));
    let joining = room.ask_to_join(&behind, "one more", Since::Now, Notices::default());
    assert_eq!(joining, Joining::TooManyTopics);
    assert_eq!(room.route.count(topic("one more")), Some(0));
    assert_eq!(next_frame(&mut behind.peer).1.len(), 10_000);
    let message = Message::new(Opcode::Text, b"bye");
    room.post(Event::Send {
        client: behind.id,
        message,
    });
    room.hub.end();
    room.drain.end();
}

/// Cause: who was a member of as many topics as it may be was told that it gets all of a further one, of which it got nothing.
#[test]
fn who_may_join_no_further_topic_is_not_told_that_it_has() {
    let room = Room::new();
    let start = room.keep("u", "before").position;
    let full = room.open(1);
    for number in 1..TOPICS_PER_CLIENT_MAX {
        room.post(join(full.id, &number.to_string()));
    }
    let notices = || Notices {
        recovered: Some(Notice {
            message: message("nothing is missing"),
            position_at: None,
        }),
        ..Notices::default()
    };
    let ask = |name, since| room.ask_to_join(&full, name, since, notices());
    assert!(matches!(ask("t", Since::Now), Joining::Joined(_)));
    // What is missed, nothing, and what nobody knows yet: it is refused for any.
    let ahead = Position {
        offset: start.offset + 9,
        ..start
    };
    for since in [Since::Last(1), Since::Now, after(start), after(ahead)] {
        assert_eq!(ask("u", since), Joining::TooManyTopics);
    }
    let Joining::Joined(again) = ask("t", Since::Now) else {
        panic!("it is a member");
    };
    assert_eq!(again.outcome, Outcome::Recovered);
    room.keep("u", "said");
    room.post(to_topic("t", "live"));
    assert_eq!(room.heard(vec![full]), ["live "]);
}

/// Cause: a mutant survived in which a topic in which one is behind made room for another.
#[test]
fn a_topic_counts_from_when_it_is_joined_though_one_is_behind_in_it() {
    let room = Room::new();
    room.keep("t", "kept");
    let full = room.open(1);
    for number in 1..TOPICS_PER_CLIENT_MAX {
        room.post(join(full.id, &number.to_string()));
    }
    // All of that is done, so that what follows is taken together, before anybody is given anything.
    room.route.count(topic("t"));
    let (reply, answers) = bounded(2);
    let ask = |name: &str, since| {
        Event::JoinFrom(Box::new(JoinFrom {
            client: full.id,
            topic: name.into(),
            since,
            notices: Notices::default(),
            reply: Some(reply.clone()),
        }))
    };
    let events = [ask("t", Since::Last(1)), ask("one more", Since::Now)];
    room.route.post_all(events.into());
    let next = || answers.recv().expect("the hub answers");
    assert!(matches!(next(), Joining::Joined(_)));
    assert_eq!(next(), Joining::TooManyTopics);
    assert_eq!(room.heard(vec![full]), ["kept "]);
}

/// The frames that come before one that says `last`.
fn frames_before(guest: &mut Guest, last: &str) -> u64 {
    let mut is_last = || next_frame(&mut guest.peer) == (false, last.as_bytes().to_vec());
    (0..).find(|_| is_last()).expect("it comes")
}

/// Cause: mutants survived in which who is behind in one topic was taken for being so in all, or came to that one twice.
#[test]
fn who_is_behind_in_a_topic_is_in_that_one_once_and_in_no_other() {
    let room = Room::new();
    let (behind, start) = far_behind(&room);
    room.join_from(&behind, "t", after(start));
    room.post(join(behind.id, "t"));
    assert_eq!(room.route.count(topic("t")), Some(1));
    assert_eq!(room.route.count(topic("other")), Some(0));
    room.post(join(behind.id, "other"));
    assert_eq!(room.keep("other", "live").members, 1);
    let client = behind.id;
    room.post(Event::Closed { client });
    assert_eq!(room.route.count(topic("t")), Some(0), "it has gone");
    behind.outbox.abort();
    room.hub.end();
    room.drain.end();
}

#[test]
fn who_leaves_a_topic_in_which_it_is_behind_gets_no_more_of_it_and_all_of_another() {
    let room = Room::new();
    let (mut behind, start) = far_behind(&room);
    for number in 0..MISSED {
        room.post(keep("u", &format!("{number:010001}"), None, None));
    }
    for name in ["t", "u"] {
        room.join_from(&behind, name, after(start));
    }
    room.post(Event::Leave {
        client: behind.id,
        topic: topic("t"),
    });
    assert_eq!(room.route.count(topic("t")), Some(0));
    assert_eq!(room.route.count(topic("u")), Some(1));
    let (mut of_left, mut of_other) = (0, 0);
    while of_other < MISSED {
        match next_frame(&mut behind.peer).1.len() {
            10_000 => of_left += 1,
            _ => of_other += 1,
        }
    }
    assert!(of_left < MISSED, "all of a topic that it has left");
    room.keep("t", "not this");
    room.post(to_one(behind.id, "but this"));
    assert_eq!(frames_before(&mut behind, "but this"), 0);
    assert!(!behind.outbox.is_behind());
    room.hub.end();
    room.drain.end();
}

/// Cause: mutants survived that closed one at the bound of what may be held back for it, or not past it.
#[test]
fn what_is_held_back_for_one_who_is_behind_may_be_as_much_as_a_backlog() {
    const FRAME: usize = 4096;
    let room = Room::new();
    let (behind, start) = far_behind(&room);
    room.join_from(&behind, "t", after(start));
    let text = "x".repeat(FRAME - 4);
    for _ in 0..BACKLOG / FRAME {
        room.post(to_one(behind.id, &text));
    }
    // The hub has taken all of them.
    assert_eq!(room.route.count(topic("t")), Some(1));
    assert!(!behind.outbox.is_closing());
    room.post(to_one(behind.id, ""));
    room.route.count(topic("t"));
    assert_eq!(behind.outbox.cause().map(|cause| cause.code), Some(1008));
    behind.outbox.abort();
    room.hub.end();
    room.drain.end();
}

/// Cause: mutants survived that counted only topics in which one is behind, or those of which it is a member for less. And
/// one who may join no further one was taken for being behind from then on: what others said to it was held back for good.
#[test]
fn topics_of_a_member_count_for_one_who_is_behind() {
    let room = Room::new();
    let (behind, start) = far_behind(&room);
    room.keep("u", "missed");
    for number in 0..TOPICS_PER_CLIENT_MAX - 1 {
        room.post(join(behind.id, &number.to_string()));
    }
    room.join_from(&behind, "t", after(start));
    let joining = room.ask_to_join(&behind, "u", after(start), Notices::default());
    assert_eq!(joining, Joining::TooManyTopics);
    assert_eq!(
        room.route.count(topic("t")),
        Some(1),
        "the last there may be"
    );
    assert_eq!(room.route.count(topic("u")), Some(0), "one more");
    let full = room.open(2);
    for number in 0..TOPICS_PER_CLIENT_MAX {
        room.post(join(full.id, &number.to_string()));
    }
    let joining = room.ask_to_join(&full, "u", after(start), Notices::default());
    assert_eq!(joining, Joining::TooManyTopics);
    assert_eq!(room.route.count(topic("u")), Some(0));
    room.post(to_one(full.id, "to you"));
    behind.outbox.abort();
    assert_eq!(room.heard(vec![full]), ["to you "]);
}

/// Cause: who had nothing to get of a further topic was a member of it at once where its turn came early: what was said there
/// overtook what had been said to it before. So did all of a topic where its turn came as late as that.
#[test]
fn what_is_said_on_another_topic_does_not_overtake_what_was_said_to_one_who_is_behind() {
    for turns in [0, 1, 10] {
        let room = Room::new();
        let (mut behind, start) = far_behind(&room);
        room.join_from(&behind, "t", after(start));
        room.post(to_one(behind.id, "to you"));
        room.keep("u", "before");
        room.join_from(&behind, "u", Since::Now);
        // Each question is answered behind a round of the hub, in which who is behind has turns.
        for _ in 0..turns {
            assert_eq!(room.route.count(topic("u")), Some(1));
        }
        room.keep("u", "then");
        assert_eq!(frames_before(&mut behind, "to you"), MISSED);
        assert_eq!(next_frame(&mut behind.peer).1, b"then");
        room.keep("u", "live");
        assert_eq!(next_frame(&mut behind.peer).1, b"live");
        room.hub.end();
        room.drain.end();
    }
}

#[test]
fn what_was_held_back_for_a_topic_that_is_left_is_given_and_then_what_is_said_on_others() {
    let room = Room::new();
    let (mut behind, start) = far_behind(&room);
    room.join_from(&behind, "t", after(start));
    room.post(to_one(behind.id, "to you"));
    room.keep("u", "before");
    room.join_from(&behind, "u", Since::Now);
    room.keep("u", "then");
    room.post(leave(behind.id, "t"));
    assert!(frames_before(&mut behind, "to you") <= MISSED);
    assert_eq!(next_frame(&mut behind.peer).1, b"then");
    assert_eq!(room.keep("u", "live").members, 1);
    assert_eq!(next_frame(&mut behind.peer).1, b"live");
    room.hub.end();
    room.drain.end();
}
