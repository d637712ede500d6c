//! A start anew, and what is kept in files.

use crate::on_both;
use crate::stage::{Guest, Stage, ask_until};

on_both!(
    what_a_file_keeps_is_there_after_a_start_anew,
    what_memory_keeps_is_a_gap_after_a_start_anew,
    what_only_the_file_has_is_read_later,
    what_is_durable_is_in_a_file,
    what_a_disk_does_not_take_is_told_to_who_waits_for_it,
);

fn tell(speaker: &mut impl Guest, text: &str) -> String {
    let told = speaker.ask(&format!("tell {text}"));
    told.split(' ').nth(1).expect("a position").to_owned()
}

fn what_a_file_keeps_is_there_after_a_start_anew<S: Stage>() {
    let mut stage = S::start_with_file("annals");
    let mut ann = stage.open("/annals?silent");
    let positions = ["one", "two", "three"].map(|text| tell(&mut ann, text));
    stage.restart();
    assert_eq!(ann.closed().0, 1001);
    let mut back = stage.open(&format!("/annals?since={}", positions[0]));
    assert_eq!(back.text(), format!("recovered {}", positions[0]));
    assert_eq!([back.text(), back.text()], ["two", "three"]);
    let mut speaker = stage.open("/annals?silent");
    let next = tell(&mut speaker, "four");
    assert_eq!(back.text(), "four");
    assert_ne!(next, positions[2], "no position is given twice");
    let mut late = stage.open("/annals?last=2");
    assert!(late.text().starts_with("fresh "));
    assert_eq!([late.text(), late.text()], ["three", "four"]);
}

fn what_memory_keeps_is_a_gap_after_a_start_anew<S: Stage>() {
    let mut stage = S::start("annals", &[]);
    let mut ann = stage.open("/annals?silent");
    let position = tell(&mut ann, "one");
    stage.restart();
    let mut back = stage.open(&format!("/annals?since={position}&or_last=5"));
    assert!(back.text().starts_with("gap "));
    assert_eq!(back.ask("echo nothing"), "nothing");
    assert_eq!(stage.request("GET", "/annals", ""), (200, String::new()));
}

fn what_only_the_file_has_is_read_later<S: Stage>() {
    let stage = S::start_with_file("annals");
    let mut ann = stage.open("/annals?silent");
    tell(&mut ann, "one");
    assert_eq!(ann.ask("try-read"), "read", "it is in memory");
    // More than is in memory of a journal in a file.
    ann.send("flood 0 90 60000");
    ask_until(
        &mut ann,
        "try-read",
        "what was asked for is in the server's file: return, and be called again",
    );
    // The server waits, and calls it again.
    let (status, body) = stage.request("GET", "/annals", "");
    assert_eq!(status, 200, "{body}");
    assert!(body.starts_with("one,"), "{body}");
}

fn what_is_durable_is_in_a_file<S: Stage>() {
    let stage = S::start_with_file("annals");
    let (status, position) = stage.request("POST", "/annals?durable", "one");
    assert_eq!((status, position.len()), (200, 24), "{position}");
    let mut ann = stage.open("/annals?silent");
    ann.send("store two");
    assert_eq!(ann.later(), "stored");
    assert_eq!(
        stage.request("GET", "/annals", ""),
        (200, "one,two".to_owned())
    );
    let stage = S::start("annals", &[]);
    let (status, why) = stage.request("POST", "/annals?durable", "one");
    assert_eq!(status, 501);
    assert!(why.contains("in memory"), "{why}");
    let mut ann = stage.open("/annals?silent");
    ann.send("store two");
    assert_eq!(ann.later(), why);
}

fn what_a_disk_does_not_take_is_told_to_who_waits_for_it<S: Stage>() {
    let stage = S::start_with_file("annals");
    assert_eq!(stage.request("POST", "/annals?durable", "one").0, 200);
    stage.let_disk_fail();
    let mut ann = stage.open("/annals");
    assert!(ann.text().starts_with("fresh "));
    let (status, why) = stage.request("POST", "/annals?durable", "two");
    assert_eq!(status, 507, "{why}");
    assert!(why.starts_with("it was said to who is here, and is not known to be stored: "));
    assert_eq!(ann.text(), "two");
    ann.send("store three");
    assert_eq!(ann.later(), "three");
    assert_eq!(
        ann.later(),
        "it was said to who is here, and is not known to be stored"
    );
    // No callback waits for a disk, so that none is told of it.
    ann.send("sure four");
    assert!(ann.text().ends_with(" four"));
    assert_eq!(ann.ask("echo here"), "here");
}
