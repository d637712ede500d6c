//! What is kept, and who comes back to it, while others speak on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::bounded;

use super::*;
use crate::hub::{Answer, JoinFrom, Joined, Keep, Kept, Notice, Notices, Published, Read};
use crate::journal::{Bounds, Gap, Outcome, POSITION_BYTES, Position, Since};
use crate::outbox::Bounds as OutboxBounds;
use crate::outbox::frame::Opcode;

const BACKLOG: usize = 256 * 1024;

pub(super) fn bounds(messages: u64) -> Event {
    let bounds = Bounds {
        messages,
        bytes: u64::MAX,
        age: None,
        topics: 10,
    };
    Event::Bound { bounds }
}

impl Room {
    /// Says something that is kept, and waits for its place.
    fn keep(&self, name: &str, text: &str) -> Published {
        let (reply, answer) = bounded(1);
        self.post(keep(name, text, None, Some(reply)));
        answer.recv().expect("the hub answers")
    }

    pub(super) fn join_from(&self, guest: &Guest, name: &str, since: Since) -> Joined {
        self.join_telling(guest, name, since, Notices::default())
    }

    fn join_telling(&self, guest: &Guest, name: &str, since: Since, notices: Notices) -> Joined {
        let (reply, answer) = bounded(1);
        self.post(Event::JoinFrom(Box::new(JoinFrom {
            client: guest.id,
            topic: name.into(),
            since,
            notices,
            reply: Some(reply),
        })));
        let answer = answer.recv().expect("the hub answers");
        answer.expect("it knows")
    }

    fn read(&self, name: &str, since: Since, messages_max: usize) -> Kept {
        self.read_bytes(name, since, messages_max, usize::MAX)
    }

    fn read_bytes(&self, name: &str, since: Since, messages_max: usize, bytes_max: usize) -> Kept {
        let (reply, answer) = bounded(2);
        self.post(Event::Read(Box::new(Read {
            topic: name.into(),
            since,
            messages_max,
            bytes_max,
            reply,
        })));
        match answer.recv().expect("the hub answers") {
            Answer::Kept(kept) => kept,
            Answer::Later => panic!("there is no file"),
        }
    }
}

pub(super) fn keep(
    name: &str,
    text: &str,
    except: Option<ClientId>,
    reply: Option<crossbeam_channel::Sender<Published>>,
) -> Event {
    Event::Keep(Box::new(Keep {
        at: None,
        topic: name.into(),
        message: message(text),
        position_at: None,
        except,
        confirm: None,
        reply,
    }))
}

pub(super) fn after(position: Position) -> Since {
    Since::After {
        position: Some(position),
        or_last: 0,
    }
}

/// The next whole frame of a stream: its payload, and whether it is a Close frame.
fn next_frame(peer: &mut impl std::io::Read) -> (bool, Vec<u8>) {
    let mut head = [0; 2];
    peer.read_exact(&mut head).expect("a frame comes");
    let length = match head[1] & 0x7f {
        126 => {
            let mut length = [0; 2];
            peer.read_exact(&mut length).expect("its length");
            u64::from(u16::from_be_bytes(length))
        }
        127 => {
            let mut length = [0; 8];
            peer.read_exact(&mut length).expect("its length");
            u64::from_be_bytes(length)
        }
        short => u64::from(short),
    };
    let mut payload = vec![0; length as usize];
    peer.read_exact(&mut payload).expect("its payload");
    (head[0] & 0x0f == 8, payload)
}

#[test]
fn who_comes_back_gets_what_it_has_missed_and_then_what_is_said() {
    let room = Room::new();
    let first = room.keep("t", "a").position;
    room.keep("t", "b");
    room.keep("other", "x");
    let (back, new, last) = (room.open(1), room.open(2), room.open(3));
    let joined = room.join_from(&back, "t", after(first));
    assert_eq!(
        (joined.outcome, joined.position),
        (Outcome::Recovered, Some(first))
    );
    assert_eq!(
        room.join_from(&new, "t", Since::Now).outcome,
        Outcome::Fresh
    );
    assert_eq!(
        room.join_from(&last, "t", Since::Last(9)).outcome,
        Outcome::Fresh
    );
    assert_eq!(room.route.count(topic("t")), Some(3));
    let published = room.keep("t", "c");
    assert_eq!(published.members, 3);
    room.post(to_topic("t", "d"));
    assert_eq!(
        room.heard(vec![back, new, last]),
        ["b c d ", "c d ", "a b c d "]
    );
}

#[test]
fn a_plain_publish_on_a_topic_that_is_kept_is_kept_too() {
    let room = Room::new();
    let one = room.keep("t", "a").position;
    room.post(to_topic("t", "b"));
    room.post(to_topic("not kept", "c"));
    let kept = room.read("t", after(one), 9);
    let texts: Vec<_> = kept.messages.iter().map(|(_, of)| of.payload()).collect();
    assert_eq!(texts, [b"b"]);
    assert!(room.read("not kept", Since::Last(9), 9).messages.is_empty());
    room.heard(Vec::new());
}

/// Cause: a mutant that left out what just fits survived.
#[test]
fn a_part_holds_what_just_fits_and_one_message_however_large() {
    let room = Room::new();
    for text in ["12345", "67890"] {
        room.keep("t", text);
    }
    for (bytes_max, messages) in [(10, 2), (9, 1), (5, 1), (4, 1), (0, 1)] {
        let kept = room.read_bytes("t", Since::Last(9), 9, bytes_max);
        assert_eq!(kept.messages.len(), messages, "{bytes_max} bytes");
        assert_eq!(kept.has_more, messages == 1, "{bytes_max} bytes");
    }
    room.heard(Vec::new());
}

#[test]
fn what_is_read_in_parts_is_read_once_and_whole() {
    let room = Room::new();
    let start = room.read("t", Since::Now, 9).next;
    for number in 0..10 {
        room.keep("t", &number.to_string());
        room.keep("other", "x");
    }
    let (mut next, mut texts) = (start, String::new());
    loop {
        let kept = room.read("t", after(next), 3);
        assert_eq!(kept.outcome, Outcome::Recovered);
        for (position, message) in &kept.messages {
            texts += &String::from_utf8_lossy(message.payload());
            assert!(position.offset > next.offset);
        }
        next = kept.next;
        if !kept.has_more {
            break;
        }
    }
    assert_eq!(texts, "0123456789");
    assert!(room.read("t", after(next), 9).messages.is_empty());
    room.heard(Vec::new());
}

#[test]
fn a_position_is_written_into_the_message_that_everyone_gets() {
    let room = Room::new();
    let (one, two) = (room.open(1), room.open(2));
    room.post(join(one.id, "t"));
    let (reply, answer) = bounded(1);
    let text = format!("at:{}.", "-".repeat(POSITION_BYTES));
    room.post(Event::Keep(Box::new(Keep {
        at: None,
        topic: "t".into(),
        message: message(&text),
        position_at: Some(3),
        except: None,
        confirm: None,
        reply: Some(reply),
    })));
    let position = answer.recv().expect("the hub answers").position;
    room.join_from(&two, "t", Since::Last(1));
    let expected = format!("at:{position}. ");
    assert_eq!(room.heard(vec![one, two]), [&*expected, &*expected]);
}

#[test]
fn how_it_went_is_told_before_anything_of_the_topic() {
    let room = Room::new();
    room.post(bounds(1));
    let old = room.keep("t", "a").position;
    room.keep("t", "b");
    let kept = room.keep("t", "c").position;
    let notices = || {
        let notice = |text: &str| {
            let text = format!("{text}:{}", "-".repeat(POSITION_BYTES));
            let position_at = text.find(':').map(|at| at + 1);
            let message = message(&text);
            Some(Notice {
                message,
                position_at,
            })
        };
        Notices {
            fresh: notice("fresh"),
            recovered: notice("recovered"),
            gap: notice("gap"),
        }
    };
    let guests: Vec<_> = (1..5).map(|id| room.open(id)).collect();
    let or_last = Since::After {
        position: Some(old),
        or_last: 9,
    };
    let sinces = [Since::Now, after(kept), after(old), or_last];
    let joined: Vec<_> = guests
        .iter()
        .zip(sinces)
        .map(|(guest, since)| room.join_telling(guest, "t", since, notices()))
        .collect();
    assert_eq!(joined[3].outcome, Outcome::Gap(Gap::TooOld));
    room.keep("t", "d");
    let from = |at: usize| joined[at].position.expect("it is in memory");
    assert_eq!(
        room.heard(guests),
        [
            format!("fresh:{} d ", from(0)),
            format!("recovered:{} d ", from(1)),
            format!("gap:{} d ", from(2)),
            format!("gap:{} c d ", from(3)),
        ]
    );
}

#[test]
fn who_is_a_member_already_gets_nothing_again() {
    let room = Room::new();
    let one = room.open(1);
    room.join_from(&one, "t", Since::Now);
    room.keep("t", "a");
    let again = room.join_from(&one, "t", Since::Last(9));
    assert_eq!(again.outcome, Outcome::Recovered);
    room.keep("t", "b");
    assert_eq!(room.heard(vec![one]), ["a b "]);
}

#[test]
fn who_is_left_out_of_a_message_does_not_get_it_later_either() {
    let room = Room::new();
    let one = room.open(1);
    room.keep("t", "a");
    room.post(keep("t", "b", Some(one.id), None));
    room.keep("t", "c");
    room.join_from(&one, "t", Since::Last(9));
    assert_eq!(room.heard(vec![one]), ["a c "]);
}

#[test]
fn whoever_leaves_a_topic_hears_no_more_of_its_past() {
    let room = Room::new();
    let one = room.open(1);
    room.keep("t", "a");
    room.join_from(&one, "t", Since::Now);
    room.post(Event::Leave {
        client: one.id,
        topic: topic("t"),
    });
    room.keep("t", "b");
    room.join_from(&one, "t", Since::Last(1));
    room.keep("t", "c");
    assert_eq!(room.heard(vec![one]), ["b c "]);
}

/// Cause: a mutant of the hub that never looked through what it keeps survived: what is too old stayed on a topic on which
/// nothing more is said.
#[test]
fn what_is_too_old_goes_although_nobody_speaks() {
    let room = Room::new();
    let bounds = Bounds {
        messages: 10,
        bytes: u64::MAX,
        age: Some(Duration::from_millis(1)),
        topics: 10,
    };
    room.post(Event::Bound { bounds });
    room.keep("t", "a");
    let held = || room.route.counts().hub.journal.get();
    let deadline = Instant::now() + Duration::from_secs(20);
    // What is counted stands there at the end of a round.
    while held().position == 0 || held().messages > 0 {
        assert!(Instant::now() < deadline, "it stays for ever");
        room.post(Event::Tidy);
        room.route.count(topic("t"));
    }
    room.heard(Vec::new());
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

/// A guest that is 20 MB behind, of which it has not read anything.
pub(super) fn far_behind(room: &Room) -> (Guest, Position) {
    room.post(bounds(u64::MAX));
    let start = room.read("t", Since::Now, 1).next;
    for number in 0..2000 {
        room.post(keep("t", &format!("{number:010000}"), None, None));
    }
    let guest = room.open(1);
    guest.outbox.set_bounds(OutboxBounds {
        backlog_bytes_max: BACKLOG,
        ..OutboxBounds::default()
    });
    (guest, start)
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
    for number in 0..=TOPICS_PER_CLIENT_MAX {
        room.join_from(&behind, &format!("topic {number}"), Since::Now);
    }
    assert_eq!(room.route.count(topic("topic 0")), Some(1));
    let last = format!("topic {TOPICS_PER_CLIENT_MAX}");
    assert_eq!(room.route.count(topic(&last)), Some(0));
    assert_eq!(next_frame(&mut behind.peer).1.len(), 10_000);
    let message = Message::new(Opcode::Text, b"bye");
    room.post(Event::Send {
        client: behind.id,
        message,
    });
    room.hub.end();
    room.drain.end();
}

#[test]
fn what_is_said_to_everyone_is_kept_and_who_comes_apart_gets_it_in_order() {
    let room = Room::new();
    let guest = room.open(1);
    room.post(everyone("lost", None));
    let first = room.keep("", "a").position;
    room.post(everyone("b", Some(guest.id)));
    room.post(everyone("c", None));
    let back = room.open_apart(2);
    room.post(everyone("d", None));
    room.post(to_one(back.id, "own"));
    let joined = room.join_from(&back, "", after(first));
    assert_eq!(joined.outcome, Outcome::Recovered);
    room.post(everyone("e", None));
    let never = room.open_apart(3);
    room.post(everyone("f", Some(back.id)));
    let again = room.join_from(&back, "", after(first));
    assert_eq!(again.outcome, Outcome::Recovered, "nothing comes of it");
    room.post(everyone("g", None));
    assert_eq!(room.route.count(Audience::Everyone), Some(3));
    assert_eq!(room.keep("", "h").members, 2);
    assert_eq!(
        room.heard(vec![guest, back, never]),
        ["lost a c d e f g h ", "own b c d e g h ", ""]
    );
}

#[test]
fn those_that_are_apart_are_closed_with_everyone_and_leave_no_hole_in_any_table() {
    let room = Room::new();
    let apart: Vec<_> = (1..=4).map(|id| room.open_apart(id)).collect();
    let together: Vec<_> = (5..=7).map(|id| room.open(id)).collect();
    // One in the middle of each goes, and one comes over.
    for id in [2, 6] {
        room.post(Event::Closed {
            client: ClientId(id),
        });
    }
    room.join_from(&apart[0], "", Since::Now);
    room.keep("", "a");
    room.join_from(&apart[3], "", Since::Last(1));
    room.keep("", "b");
    assert_eq!(room.route.count(Audience::Everyone), Some(5));
    let cause = Cause::server(1001, "");
    room.post(Event::CloseAll { cause });
    assert_eq!(room.route.count(Audience::Everyone), Some(5));
    let closed = |guests: &[Guest]| {
        let closed = guests.iter().map(|guest| guest.outbox.is_closing());
        closed.collect::<Vec<_>>()
    };
    assert_eq!(closed(&apart), [true, false, true, true]);
    assert_eq!(closed(&together), [true, false, true]);
}
