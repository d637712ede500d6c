use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::store::{From, Line, News, Store};
use super::{Absent, Bounds, Cursor, Gap, Journals, Outcome, Position, Since, Start};

impl Line for String {
    fn kind(&self) -> u8 {
        1
    }

    fn payload(&self) -> &[u8] {
        self.as_bytes()
    }

    fn read(_: u8, payload: &[u8]) -> Option<String> {
        String::from_utf8(payload.to_vec()).ok()
    }
}

impl Start {
    /// Of a journal in memory, where it is always known.
    fn cursor(&self) -> Cursor {
        match self.from {
            From::Offset(offset) => Cursor {
                offset,
                hole: self.hole,
            },
            From::Last { .. } => panic!("there is no file"),
        }
    }
}

fn bounds(messages: u64, topics: usize) -> Bounds {
    Bounds {
        messages,
        bytes: u64::MAX,
        age: None,
        topics,
    }
}

/// Says `text` on a topic that is kept from then on at the latest.
fn say(journals: &mut Journals<String>, topic: &str, text: &str) -> Position {
    journals.begin(topic, |_| false);
    journals
        .append(topic, 0, None, text.len(), None, |_| {
            Arc::new(text.to_owned())
        })
        .expect("the topic is kept")
}

fn heard(journals: &Journals<String>, topic: &str, cursor: Cursor) -> Vec<String> {
    let entries = journals.after(topic, cursor).expect("nothing was let go");
    entries.map(|entry| entry.message.to_string()).collect()
}

fn after(position: Position, or_last: u64) -> Since {
    let position = Some(position);
    Since::After { position, or_last }
}

#[test]
fn who_comes_back_gets_what_came_behind_its_position() {
    let mut journals = Journals::new(bounds(10, 10));
    let first = say(&mut journals, "a", "one");
    say(&mut journals, "b", "elsewhere");
    say(&mut journals, "a", "two");
    let start = journals.start("a", after(first, 0), 0);
    assert_eq!(start.outcome, Outcome::Recovered);
    assert_eq!(heard(&journals, "a", start.cursor()), ["two"]);
}

#[test]
fn a_newcomer_gets_the_last_few_or_nothing() {
    let mut journals = Journals::new(bounds(10, 10));
    for text in ["one", "two", "three"] {
        say(&mut journals, "a", text);
    }
    for (since, expected) in [
        (Since::Now, &[][..]),
        (Since::Last(2), &["two", "three"]),
        (Since::Last(99), &["one", "two", "three"]),
    ] {
        let start = journals.start("a", since, 0);
        assert_eq!(start.outcome, Outcome::Fresh);
        assert_eq!(heard(&journals, "a", start.cursor()), expected);
    }
    let start = journals.start("nothing said", Since::Last(5), 0);
    assert!(journals.is_at_head("nothing said", start.cursor().offset));
}

#[test]
fn a_position_before_what_is_kept_is_too_old_and_gets_what_it_cannot_have() {
    let mut journals = Journals::new(bounds(2, 10));
    let texts = ["one", "two", "three", "four"];
    let positions = texts.map(|text| say(&mut journals, "a", text));
    let start = journals.start("a", after(positions[0], 1), 0);
    assert_eq!(start.outcome, Outcome::Gap(Gap::TooOld));
    assert_eq!(heard(&journals, "a", start.cursor()), ["four"]);
    let start = journals.start("a", after(positions[0], 0), 0);
    assert!(heard(&journals, "a", start.cursor()).is_empty());
    let start = journals.start("a", after(positions[1], 9), 0);
    assert_eq!(start.outcome, Outcome::Recovered, "nothing behind it went");
    assert_eq!(heard(&journals, "a", start.cursor()), ["three", "four"]);
}

#[test]
fn a_position_of_another_epoch_of_the_future_or_of_no_form_is_a_gap() {
    let mut journals = Journals::new(bounds(10, 10));
    let here = say(&mut journals, "a", "one");
    let elsewhere = say(&mut Journals::new(bounds(10, 10)), "a", "one");
    let future = Position { offset: 9, ..here };
    for position in [Some(elsewhere), Some(future), None] {
        let since = Since::After {
            position,
            or_last: 5,
        };
        let start = journals.start("a", since, 0);
        assert_eq!(start.outcome, Outcome::Gap(Gap::OtherEpoch), "{position:?}");
        assert_eq!(heard(&journals, "a", start.cursor()), ["one"]);
    }
}

#[test]
fn who_has_heard_nothing_yet_comes_back_with_the_position_at_which_it_joined() {
    let mut journals = Journals::new(bounds(10, 10));
    let start = journals.start("a", Since::Now, 0);
    let position = journals.position(start.cursor().offset);
    say(&mut journals, "a", "one");
    let start = journals.start("a", after(position, 0), 0);
    assert_eq!(start.outcome, Outcome::Recovered);
    assert_eq!(heard(&journals, "a", start.cursor()), ["one"]);
}

#[test]
fn of_too_many_topics_the_one_goes_that_nobody_hears_and_was_silent_the_longest() {
    let mut journals = Journals::new(bounds(10, 2));
    let heard_one = say(&mut journals, "heard", "one");
    let silent_one = say(&mut journals, "silent", "one");
    journals.begin("new", |topic| topic == "heard");
    assert!(journals.keeps("heard") && journals.keeps("new") && !journals.keeps("silent"));
    let since_heard = journals.start("heard", after(heard_one, 0), 0);
    assert_eq!(since_heard.outcome, Outcome::Recovered);
    say(&mut journals, "new", "two");
    let before = Position {
        offset: 1,
        ..silent_one
    };
    let start = journals.start("silent", after(before, 0), 0);
    assert_eq!(start.outcome, Outcome::Gap(Gap::TooOld));
    let start = journals.start("silent", after(silent_one, 0), 0);
    assert_eq!(start.outcome, Outcome::Recovered, "it has heard all of it");
}

/// Cause: a topic that was forgotten raised the floor of every topic without a journal.
#[test]
fn that_one_topic_is_forgotten_is_no_gap_in_another() {
    let mut journals = Journals::new(bounds(10, 1));
    let quiet = say(&mut journals, "quiet", "one");
    let joined = journals.start("not said yet", Since::Now, 0).cursor();
    let joined = journals.position(joined.offset);
    for topic in ["loud", "louder", "loud"] {
        say(&mut journals, topic, "more");
    }
    let start = journals.start("quiet", after(quiet, 0), 0);
    assert_eq!(start.outcome, Outcome::Recovered, "nothing was said on it");
    say(&mut journals, "not said yet", "at last");
    let start = journals.start("not said yet", after(joined, 0), 0);
    assert_eq!(start.outcome, Outcome::Recovered, "all of it is kept");
    assert_eq!(
        heard(&journals, "not said yet", start.cursor()),
        ["at last"]
    );
}

#[test]
fn a_topic_that_has_grown_old_is_forgotten_and_gives_no_position_again() {
    let mut journals = Journals::new(Bounds {
        age: Some(std::time::Duration::from_millis(10)),
        ..bounds(10, 10)
    });
    let first = say(&mut journals, "a", "one");
    journals.tidy(11);
    assert!(!journals.keeps("a"));
    let figures = journals.figures();
    assert_eq!((figures.bytes, figures.messages), (0, 0));
    let second = say(&mut journals, "a", "two");
    assert!(second.offset > first.offset);
}

#[test]
fn a_clock_that_goes_back_lets_nothing_go_and_changes_no_order() {
    let an_hour = Bounds {
        age: Some(std::time::Duration::from_secs(3600)),
        ..bounds(10, 10)
    };
    let mut journals = Journals::new(an_hour);
    journals.begin("a", |_| false);
    let hour = 3_600_000;
    let say = |journals: &mut Journals<String>, now, text: &str| {
        let made = |_| Arc::new(text.to_owned());
        journals.append("a", now, None, text.len(), None, made)
    };
    let first = say(&mut journals, 10 * hour, "one").expect("it is kept");
    // Two hours back, and then from there on.
    say(&mut journals, 8 * hour, "two");
    journals.tidy(8 * hour);
    say(&mut journals, 8 * hour + 1, "three");
    let start = journals.start("a", after(first, 0), 8 * hour + 1);
    assert_eq!(start.outcome, Outcome::Recovered);
    assert_eq!(heard(&journals, "a", start.cursor()), ["two", "three"]);
    // What was said under the wrong time goes when that is an hour old, and with it what is older.
    journals.tidy(11 * hour + 1);
    let start = journals.start("a", after(first, 9), 11 * hour + 1);
    assert_eq!(start.outcome, Outcome::Gap(Gap::TooOld));
}

#[test]
fn lower_bounds_hold_at_once() {
    let mut journals = Journals::new(bounds(10, 10));
    for topic in ["a", "b", "c"] {
        for text in ["one", "two"] {
            say(&mut journals, topic, text);
        }
    }
    journals.set_bounds(bounds(1, 2), 0);
    assert_eq!(journals.figures().messages, 2);
    assert!(!journals.keeps("a"));
}

/// What a client of the model does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Say(u8),
    Read(u8),
    Away,
    Back,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Step::Say),
        4 => (1..5_u8).prop_map(Step::Read),
        1 => Just(Step::Away),
        1 => Just(Step::Back),
    ]
}

proptest! {
    /// A listener of topic 0 that reads in pieces, goes away and comes back has every message once and in order,
    /// or was told that it has not, and that is true then.
    #[test]
    fn every_message_comes_once_or_a_gap_is_told(
        steps in proptest::collection::vec(step(), 1..200),
        messages in 1..8_u64,
        topics in 1..5_usize,
    ) {
        let mut journals = Journals::new(bounds(messages, topics));
        let (mut all, mut offsets) = (Vec::new(), Vec::new());
        let mut cursor = Some(journals.start("0", Since::Now, 0).cursor());
        let mut position = journals.position(0);
        let mut have = Vec::new();
        let mut first_missing = 0;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Say(topic) => {
                    let text = number.to_string();
                    say(&mut journals, &topic.to_string(), &text);
                    if topic == 0 {
                        all.push(text);
                        offsets.push(journals.last());
                    }
                }
                Step::Read(count) => {
                    let Some(at) = cursor else { continue };
                    match journals.after("0", at) {
                        Err(Absent::InFile) => panic!("there is no file"),
                        Err(Absent::LetGo) => cursor = None,
                        Ok(entries) => {
                            for entry in entries.take(count.into()) {
                                cursor = Some(Cursor { offset: entry.offset, ..at });
                                position.offset = entry.offset;
                                have.push(entry.message.to_string());
                            }
                        }
                    }
                }
                Step::Away => cursor = None,
                Step::Back => {
                    if cursor.is_some() {
                        continue;
                    }
                    let start = journals.start("0", after(position, 0), 0);
                    if let Outcome::Gap(_) = start.outcome {
                        let behind = offsets.iter().filter(|&&of| of > position.offset);
                        let all_kept = journals.start("0", Since::Last(u64::MAX), 0).cursor();
                        let offset = all_kept.offset.max(position.offset);
                        let kept = heard(&journals, "0", Cursor { offset, ..all_kept });
                        prop_assert!(kept.len() < behind.count(), "a gap that is none");
                        // All that was said so far counts as told to be missing.
                        first_missing = all.len();
                        have.clear();
                    }
                    cursor = Some(start.cursor());
                    position = journals.position(start.cursor().offset);
                }
            }
            prop_assert!(all[first_missing..].starts_with(&have), "{have:?} of {all:?}");
        }
    }
}

/// The journals of a file, and its thread.
fn open(path: &Path) -> (Journals<String>, Store<String>) {
    let (tell, told) = crossbeam_channel::unbounded();
    let bounds = bounds(100, 100);
    let tell = move |news| drop(tell.send(news));
    let store = Store::start(path.to_owned(), "/r", bounds, tell).expect("a thread");
    match told.recv() {
        Ok(News::Opened(opened)) => (Journals::in_file(*opened, bounds), store),
        _ => panic!("the file cannot be opened"),
    }
}

#[test]
fn what_was_noted_ahead_is_kept_with_the_offsets_that_were_said_or_is_a_hole_of_its_topic() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("r.journal");
    let (mut journals, store) = open(&path);
    let (first, other) = (
        say(&mut journals, "t", "one"),
        say(&mut journals, "u", "two"),
    );
    assert!(journals.note_ahead("t", 3) && journals.note_ahead("u", 4));
    assert!(!journals.note_ahead("of nobody", 5));
    journals.settle();
    assert_eq!(say(&mut journals, "t", "three").offset, 3);
    let last = say(&mut journals, "u", "four");
    assert_eq!(last.offset, 4);
    // These are taken, and kept no more: the server is gone.
    assert!(journals.note_ahead("t", 5));
    journals.settle();
    drop(journals);
    store.end();
    store.join();
    let (mut journals, store) = open(&path);
    let outcome = |journals: &mut Journals<String>, topic, position| {
        journals.start(topic, after(position, 0), 0).outcome
    };
    let gap = Outcome::Gap(Gap::Hole);
    assert_eq!(outcome(&mut journals, "t", first), gap);
    assert_eq!(outcome(&mut journals, "u", other), Outcome::Recovered);
    assert_eq!(outcome(&mut journals, "u", last), Outcome::Recovered);
    let next = say(&mut journals, "u", "next").offset;
    assert!(next > 5, "{next} was never given out");
    journals.close();
    store.end();
    store.join();
}
