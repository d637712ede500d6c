//! What is kept, and who comes back to it, while others speak on.

use std::io::Read as _;

use crossbeam_channel::bounded;

use super::*;
use crate::hub::{Answer, JoinFrom, Joined, Joining, Keep, Kept, Notice, Notices, Published, Read};
use crate::journal::{Bounds, Epoch, Gap, Outcome, POSITION_BYTES, Position, Since};

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
    pub(super) fn keep(&self, name: &str, text: &str) -> Published {
        let (reply, answer) = bounded(1);
        self.post(keep(name, text, None, Some(reply)));
        answer.recv().expect("the hub answers")
    }

    pub(super) fn join_from(&self, guest: &Guest, name: &str, since: Since) -> Joined {
        self.join_telling(guest, name, since, Notices::default())
    }

    fn join_telling(&self, guest: &Guest, name: &str, since: Since, notices: Notices) -> Joined {
        match self.ask_to_join(guest, name, since, notices) {
            Joining::Joined(joined) => joined,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn ask_to_join(
        &self,
        guest: &Guest,
        name: &str,
        since: Since,
        notices: Notices,
    ) -> Joining {
        let (reply, answer) = bounded(1);
        self.post(Event::JoinFrom(Box::new(JoinFrom {
            client: guest.id,
            topic: name.into(),
            since,
            notices,
            reply: Some(reply),
        })));
        answer.recv().expect("the hub answers")
    }

    pub(super) fn read(&self, name: &str, since: Since, messages_max: usize) -> Kept {
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
pub(super) fn next_frame(peer: &mut impl std::io::Read) -> (bool, Vec<u8>) {
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
    // One more than is asked for: what comes while it is given out leaves it there.
    room.post(bounds(2));
    let old = room.keep("t", "a").position;
    room.keep("t", "b");
    room.keep("t", "not asked for");
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
        or_last: 1,
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

/// Cause: who was left out counted as one that it went to.
#[test]
fn who_is_left_out_is_not_counted() {
    let room = Room::new();
    let guests: Vec<_> = (1..4).map(|id| room.open(id)).collect();
    for guest in &guests[..2] {
        room.post(join(guest.id, "t"));
    }
    let members = |except: Option<ClientId>| {
        let (reply, answer) = bounded(1);
        room.post(Event::Keep(Box::new(Keep {
            topic: "t".into(),
            message: message("x"),
            position_at: None,
            except,
            confirm: None,
            reply: Some(reply),
            at: None,
        })));
        answer.recv().expect("the hub answers").members
    };
    let of = [None, Some(guests[0].id), Some(guests[2].id)].map(members);
    assert_eq!(of, [2, 1, 2]);
    assert_eq!(room.heard(guests), ["x x ", "x x x ", ""]);
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

/// Cause: a mutant survived in which who has missed nothing was no member before the end of the round: what was said in it, and
/// is not kept, was lost to it.
#[test]
fn who_has_missed_nothing_is_a_member_at_once() {
    let room = Room::new();
    let one = room.open(1);
    let join = JoinFrom {
        client: one.id,
        topic: "t".into(),
        since: Since::Now,
        notices: Notices::default(),
        reply: None,
    };
    let events = vec![Event::JoinFrom(Box::new(join)), to_topic("t", "said")];
    room.route.post_all(events);
    assert_eq!(room.heard(vec![one]), ["said "]);
}

/// Cause: mutants survived in which what a client gets of the past was no delivery.
#[test]
fn what_is_given_of_the_past_is_counted_as_delivered() {
    let room = Room::new();
    for text in ["a", "b", "c"] {
        room.keep("t", text);
    }
    let one = room.open(1);
    let notices = Notices {
        fresh: Some(Notice {
            message: message("hello"),
            position_at: None,
        }),
        ..Notices::default()
    };
    room.join_telling(&one, "t", Since::Last(3), notices);
    let counts = room.route.counts().clone();
    assert_eq!(room.heard(vec![one]), ["hello a b c "]);
    let delivered = counts.hub.deliveries.get();
    assert_eq!((delivered.messages, delivered.bytes), (4, 2 * 4 + 5 + 3));
}

/// Cause: a mutant survived in which what is said to everyone was forgotten while nobody was there, or a topic that is heard
/// was before one that is not.
#[test]
fn where_too_many_topics_are_kept_one_goes_that_nobody_hears_and_never_that_of_all() {
    let room = Room::new();
    let bounds = Bounds {
        messages: 10,
        bytes: u64::MAX,
        age: None,
        topics: 3,
    };
    room.post(Event::Bound { bounds });
    room.keep("", "to all");
    let one = room.open_apart(1);
    room.post(join(one.id, "heard"));
    for name in ["heard", "unheard", "new"] {
        room.keep(name, "said");
    }
    let kept = ["", "heard", "unheard", "new"];
    let kept = kept.map(|name| room.read(name, Since::Last(9), 9).messages.len());
    assert_eq!(kept, [1, 1, 0, 1]);
    room.heard(vec![one]);
}

#[test]
fn a_client_that_cannot_have_all_is_told_why() {
    let room = Room::new();
    room.post(bounds(1));
    let old = room.keep("t", "a").position;
    let elsewhere = Position {
        epoch: Epoch::LAST,
        ..old
    };
    room.keep("t", "b");
    let last = room.keep("t", "c").position;
    for (id, position, why) in [
        (1, old, Some("too-old")),
        (2, elsewhere, Some("other-epoch")),
        (3, last, None),
    ] {
        let mut guest = room.guest(id);
        guest.outbox.become_event_stream();
        room.post(guest.opened());
        room.join_from(&guest, "t", after(position));
        room.post(to_one(guest.id, "the end"));
        let mut told = String::new();
        while !told.contains("the end") {
            let mut bytes = [0; 1000];
            let count = guest.peer.read(&mut bytes).expect("something comes");
            assert_ne!(count, 0, "{told}");
            told += &String::from_utf8_lossy(&bytes[..count]);
        }
        for gap in ["too-old", "other-epoch", "hole"] {
            assert_eq!(told.contains(gap), why == Some(gap), "{told}");
        }
        guest.outbox.abort();
    }
    room.heard(Vec::new());
}
