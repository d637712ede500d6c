//! What is in the route's file and not in memory any more: it comes as whole as what is in memory, and the route can do without.

use super::past::{after, next_frame};
use super::*;
use crate::hub::{Answer, JoinFrom, Notices, Read as Reading};
use crate::journal::store::Store;
use crate::journal::{Bounds, Gap, Outcome, Since};
use crate::limits::{JOURNAL_TAIL_BYTES, PIECE_BYTES};

/// Eight of these are a piece as the file counts it, and a few bytes too much as frames.
const TEXT: usize = PIECE_BYTES / 8;
/// Twice as many as are held in memory.
const SAID: usize = 2 * JOURNAL_TAIL_BYTES as usize / TEXT;

fn everything() -> Bounds {
    Bounds {
        messages: u64::MAX,
        bytes: u64::MAX,
        age: None,
        topics: 10,
    }
}

/// A room whose route has a file in `folder`, and the file's thread.
fn room_with_file(folder: &tempfile::TempDir) -> (Room, Store<Message>) {
    let room = Room::new();
    room.post(Event::Bound {
        bounds: everything(),
    });
    let route = room.route.clone();
    let tell = move |news| {
        route.post(Event::Store(Box::new(news)));
    };
    let path = folder.path().join("r.journal");
    let store = Store::start(path, "/r", everything(), tell).expect("a thread");
    (room, store)
}

fn text(number: usize) -> String {
    format!("{number:0TEXT$}")
}

/// Cause: mutants survived in which a part of a piece that was cut came twice, or what is behind it never.
#[test]
fn what_is_in_the_file_comes_once_and_in_order_and_then_what_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (room, store) = room_with_file(&folder);
    let start = room.read("t", Since::Now, 1).next;
    let mut guest = room.open(1);
    for number in 0..SAID {
        room.keep("t", &text(number));
    }
    let joined = room.join_from(&guest, "t", after(start));
    assert_eq!(joined.outcome, Outcome::Recovered);
    room.post(to_one(guest.id, "to you"));
    room.keep("t", "live");
    for number in 0..SAID {
        let (_, payload) = next_frame(&mut guest.peer);
        assert_eq!(String::from_utf8_lossy(&payload), text(number));
    }
    assert_eq!(next_frame(&mut guest.peer).1, b"to you");
    assert_eq!(next_frame(&mut guest.peer).1, b"live");
    room.route.end();
    room.heard(vec![guest]);
    store.join();
}

/// Cause: mutants survived in which a route went on with a file that it was to leave.
#[test]
fn a_route_that_leaves_its_file_counts_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (room, store) = room_with_file(&folder);
    let position = room.keep("t", "in the file").position;
    let [one, two] = [1, 2].map(|id| room.open(id));
    let joined = room.join_from(&one, "t", after(position));
    assert_eq!(joined.outcome, Outcome::Recovered);
    room.post(Event::LeaveFile);
    let joined = room.join_from(&two, "t", after(position));
    assert_eq!(joined.outcome, Outcome::Gap(Gap::OtherEpoch));
    assert_ne!(room.keep("t", "in memory").position.epoch, position.epoch);
    assert_eq!(room.heard(vec![one, two]), ["in memory ", "in memory "]);
    // It has been told that nothing follows.
    store.join();
}

/// Cause: mutants survived in which what was asked of the file for one came to another.
#[test]
fn each_gets_of_the_file_what_it_has_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (room, store) = room_with_file(&folder);
    let start = room.read("t0", Since::Now, 1).next;
    let names = ["t0", "t1", "t2", "t3"];
    for number in 0..SAID {
        let name = names[number % names.len()];
        room.keep(name, &text(number));
    }
    let mut guests: Vec<Guest> = (1..=4).map(|id| room.open(id)).collect();
    let (reply, answers) = crossbeam_channel::bounded(2);
    for (guest, name) in guests.iter().zip(names) {
        room.post(Event::JoinFrom(Box::new(JoinFrom {
            client: guest.id,
            topic: name.into(),
            since: after(start),
            notices: Notices::default(),
            reply: None,
        })));
    }
    room.post(Event::Read(Box::new(Reading {
        topic: "t3".into(),
        since: after(start),
        messages_max: 2,
        bytes_max: usize::MAX,
        reply,
    })));
    for (number, guest) in guests.iter_mut().enumerate() {
        for number in (number..SAID).step_by(names.len()) {
            let (_, payload) = next_frame(&mut guest.peer);
            assert_eq!(String::from_utf8_lossy(&payload), text(number));
        }
    }
    let answer = answers.recv().expect("the hub answers");
    assert!(matches!(answer, Answer::Later));
    let Ok(Answer::Kept(kept)) = answers.recv() else {
        panic!("what was read follows");
    };
    let read = kept.messages.iter().map(|(_, message)| message.payload());
    let expected = [3, 7].map(|number| text(number).into_bytes());
    assert!(read.eq(expected.iter().map(Vec::as_slice)));
    assert!(kept.has_more);
    room.route.end();
    room.heard(guests);
    store.join();
}
