//! What is kept, and who comes back to it.

use crate::on_both;
use crate::stage::{Guest, Stage};

on_both!(
    who_comes_back_gets_what_it_has_missed,
    who_asks_for_the_last_gets_the_last,
    a_position_of_nowhere_is_a_gap,
);

/// The word, and the position behind it.
fn parted(text: &str) -> (String, String) {
    let (word, position) = text.split_once(' ').expect("a position");
    assert_eq!(position.len(), 24, "{text}");
    (word.to_owned(), position.to_owned())
}

/// A message without the position in it.
fn said(text: &str) -> String {
    let parts = text.split(' ').filter(|part| part.len() != 24);
    parts.collect::<Vec<_>>().join(" ")
}

fn who_comes_back_gets_what_it_has_missed<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut ann = stage.open("/annals");
    let (how, start) = parted(&ann.text());
    assert_eq!(how, "fresh");
    let mut speaker = stage.open("/annals?silent");
    for text in ["say one", "say two", "say three"] {
        speaker.send(text);
        assert_eq!(said(&ann.text()), &text[4..]);
    }
    let mut back = stage.open(&format!("/annals?since={start}"));
    assert_eq!(parted(&back.text()), ("recovered".to_owned(), start));
    for text in ["one", "two", "three"] {
        assert_eq!(said(&back.text()), text);
    }
    speaker.send("say four");
    assert_eq!(said(&back.text()), "four");
}

fn who_asks_for_the_last_gets_the_last<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut speaker = stage.open("/annals?silent");
    speaker.send("say one");
    speaker.send("say two");
    let (told, members) = parted_told(&speaker.ask("tell three"));
    assert_eq!(members, "0");
    let mut late = stage.open("/annals?last=2");
    assert_eq!(parted(&late.text()).0, "fresh");
    assert_eq!(said(&late.text()), "two");
    assert_eq!(said(&late.text()), "three");
    let read = speaker.ask(&format!("read {told}"));
    assert!(read.starts_with("Recovered "), "{read}");
    let mut last = stage.open(&format!("/annals?since={told}"));
    assert_eq!(parted(&last.text()), ("recovered".to_owned(), told));
}

fn parted_told(answer: &str) -> (String, String) {
    let mut words = answer.split(' ').skip(1).map(str::to_owned);
    (
        words.next().expect("a position"),
        words.next().expect("members"),
    )
}

fn a_position_of_nowhere_is_a_gap<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut speaker = stage.open("/annals?silent");
    speaker.send("say one");
    assert_eq!(speaker.ask("echo two"), "two");
    let mut lost = stage.open("/annals?since=nonsense&or_last=5");
    assert_eq!(parted(&lost.text()).0, "gap");
    assert_eq!(said(&lost.text()), "one");
}
