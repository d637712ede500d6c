//! What the file's thread tells holds for the file that is open now, and for no other.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::hub::Message;
use crate::hub::past::Past;
use crate::journal::store::{News, Store};
use crate::journal::{Bounds, Gap, Outcome, Position, Since};
use crate::limits::JOURNAL_TAIL_BYTES;
use crate::outbox::frame::Opcode;

pub(in crate::hub::past) fn bounds() -> Bounds {
    Bounds {
        messages: u64::MAX,
        bytes: u64::MAX,
        age: None,
        topics: 10,
    }
}

/// What is kept in a file, the number of its opening, and its thread.
pub(in crate::hub::past) fn open(path: &Path) -> (Past, u64, Store<Message>) {
    let (tell, told) = crossbeam_channel::unbounded();
    let tell = move |news| drop(tell.send(news));
    let store = Store::start(path.to_owned(), "/r", bounds(), tell).expect("a thread");
    let opened = told.recv().expect("the thread tells of it");
    let mut past = Past::new(bounds());
    past.hear(opened, bounds());
    let mut numbers = 0..100;
    let opening = numbers.find(|&number| past.journals.is_of_opening(number));
    (past, opening.expect("it was opened"), store)
}

pub(in crate::hub::past) fn say(past: &mut Past, text: &str) -> Position {
    let message = Arc::new(Message::new(Opcode::Text, text.as_bytes()));
    past.journals.begin("t", |_| false);
    let kept = past
        .journals
        .append("t", 0, None, message.bytes(), None, |_| message);
    kept.expect("the topic has a journal")
}

fn outcome(past: &mut Past, position: Position) -> Outcome {
    let since = Since::After {
        position: Some(position),
        or_last: 0,
    };
    past.journals.start("t", since, 0).outcome
}

/// Cause: mutants survived in which what another file had let go was taken for gone from this one.
#[test]
fn what_is_let_go_is_that_of_this_file_and_of_no_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut past, opening, store) = open(&folder.path().join("r.journal"));
    let [first, second, third] = ["1", "2", "3"].map(|text| say(&mut past, text));
    let let_go = |opening| News::LetGo {
        opening,
        topic: "t".into(),
        from: second.offset,
    };
    past.hear(let_go(opening + 1), bounds());
    assert_eq!(outcome(&mut past, first), Outcome::Recovered);
    past.hear(let_go(opening), bounds());
    assert_eq!(outcome(&mut past, first), Outcome::Gap(Gap::TooOld));
    assert_eq!(outcome(&mut past, third), Outcome::Recovered);
    past.leave_file(bounds());
    store.end();
    store.join();
}

/// Cause: mutants survived in which what a full disk had not taken was no hole for who came later, or what another file had
/// not got was one.
#[test]
fn what_the_file_has_not_got_is_a_hole_once_it_is_not_in_memory_either() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut past, opening, store) = open(&folder.path().join("r.journal"));
    let [first, second, third] = ["1", "2", "3"].map(|text| say(&mut past, text));
    for (opening, of) in [(opening, second), (opening + 1, third)] {
        let topics = vec![("t".into(), of.offset, of.offset)];
        past.hear(News::Lost { opening, topics }, bounds());
    }
    assert_eq!(outcome(&mut past, first), Outcome::Recovered, "it is here");
    // Memory holds so much, and lets go what the file's thread is done with.
    let deadline = Instant::now() + Duration::from_secs(20);
    let large = "x".repeat(JOURNAL_TAIL_BYTES as usize / 4);
    while outcome(&mut past, first) != Outcome::Gap(Gap::Hole) {
        assert!(Instant::now() < deadline, "no hole is told");
        say(&mut past, &large);
        thread::yield_now();
    }
    for _ in 0..8 {
        say(&mut past, &large);
    }
    assert_eq!(outcome(&mut past, second), Outcome::Recovered);
    past.leave_file(bounds());
    store.end();
    store.join();
}
