//! What is kept, and who comes back to it.

use crate::on_both;
use crate::stage::{Guest, Stage};

on_both!(
    who_comes_back_gets_what_it_has_missed,
    who_asks_for_the_last_gets_the_last,
    a_position_of_nowhere_is_a_gap,
    what_is_said_to_everyone_has_a_past_too,
    who_is_apart_hears_everyone_only_from_where_it_joins,
    who_hears_as_many_topics_as_it_may_hears_no_further_one,
    what_nobody_asked_to_be_kept_is_not,
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

const EVERYONE: &[(&str, &str)] = &[("audience", "everyone")];

fn what_is_said_to_everyone_has_a_past_too<S: Stage>() {
    let stage = S::start("annals", EVERYONE);
    let mut speaker = stage.open("/annals?together");
    let refused = speaker.text();
    assert!(refused.contains("Upgrade::apart"), "{refused}");
    speaker.send("say one");
    let first = speaker.text()[..24].to_owned();
    speaker.send("cast two");
    assert_eq!(speaker.text(), "two");
    speaker.send("but three");
    assert_eq!(
        speaker.ask("echo alone"),
        "alone",
        "it does not hear itself"
    );
    let mut back = stage.open(&format!("/annals?since={first}"));
    let recovered = ("recovered".to_owned(), first.clone());
    assert_eq!(parted(&back.text()), recovered);
    assert_eq!(said(&back.text()), "two");
    assert_eq!(said(&back.text()), "three");
    speaker.send("cast four");
    assert_eq!(back.text(), "four");
    assert_eq!(speaker.text(), "four");
    let read = speaker.ask(&format!("read {first}"));
    assert!(read.ends_with(" two,three,four"), "{read}");
    let mut lost = stage.open("/annals?since=nonsense&or_last=1");
    assert_eq!(parted(&lost.text()).0, "gap");
    assert_eq!(lost.text(), "four");
}

fn who_is_apart_hears_everyone_only_from_where_it_joins<S: Stage>() {
    let stage = S::start("annals", EVERYONE);
    let mut silent = stage.open("/annals?silent");
    let mut speaker = stage.open("/annals?last=0");
    assert_eq!(parted(&speaker.text()).0, "fresh");
    for text in ["cast one", "but two"] {
        speaker.send(text);
    }
    assert_eq!(speaker.text(), "one");
    assert_eq!(
        silent.ask("echo nothing"),
        "nothing",
        "it has heard nothing"
    );
    for ask in ["count", "listed"] {
        assert_eq!(speaker.ask(ask), "2", "those that are apart are here too");
    }
    silent.send("cast three");
    assert_eq!(speaker.text(), "three");
    assert_eq!(silent.ask("echo nor"), "nor", "nor itself");
    let (_, members) = parted_told(&silent.ask("tell four"));
    assert_eq!((members.as_str(), speaker.text().as_str()), ("1", "four"));
}

/// Cause: the host in memory knew no bound.
fn who_hears_as_many_topics_as_it_may_hears_no_further_one<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut full = stage.open("/annals");
    assert_eq!(parted(&full.text()).0, "fresh");
    let told = full.ask("hear 2000");
    let refused = "1023 the server did not do it: the client is a member of as many topics";
    assert!(told.starts_with(refused), "{told}");
    let line = "is a member of 1024 topics, as many as it may be";
    stage.wait_for_log(&[line]);
    // It hears what it has heard before, and may ask for that again.
    assert!(full.ask("hear 1024").starts_with(refused));
    assert_eq!(full.ask("hear 1000"), "1000 ");
    assert_eq!(said(&full.ask("say live")), "live");
    assert_eq!(stage.count_log(&[line]), 1);
}

/// Cause: in memory, who joined a topic from some place began its journal.
fn what_nobody_asked_to_be_kept_is_not<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut ann = stage.open("/annals");
    assert_eq!(parted(&ann.text()).0, "fresh");
    assert_eq!(ann.ask("cast one"), "one");
    let mut late = stage.open("/annals?last=5");
    assert_eq!(parted(&late.text()).0, "fresh");
    assert_eq!(late.ask("echo nothing before"), "nothing before");
    // From the first that is to be kept on, all is.
    ann.send("say two");
    ann.send("cast three");
    for text in ["two", "three"] {
        assert_eq!(said(&ann.text()), text);
        assert_eq!(said(&late.text()), text);
    }
    let mut later = stage.open("/annals?last=5");
    assert_eq!(parted(&later.text()).0, "fresh");
    assert_eq!([said(&later.text()), said(&later.text())], ["two", "three"]);
}
