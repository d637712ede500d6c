//! Who is here, and what a topic is told of who comes and goes.

use std::time::Duration;

use crate::on_both;
use crate::stage::{Guest, Stage, ask_until};

on_both!(
    clients_and_members_are_listed_with_their_labels,
    a_topic_is_told_of_every_way_to_come_and_go,
    who_is_a_member_already_does_not_come_again,
    a_client_in_several_topics_takes_leave_of_each,
    what_is_too_long_to_be_told_is_refused,
    words_for_the_end_stay_when_the_code_is_replaced,
    who_is_in_as_many_topics_as_it_may_joins_no_further_one,
);

fn clients_and_members_are_listed_with_their_labels<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(ann.ask("label ann"), "labelled");
    assert_eq!(ann.ask("list"), "[1=ann 2=]");
    assert_eq!(ann.ask("list room"), "[]");
    bob.send("join room");
    assert_eq!(bob.ask("list room"), "[2=]");
    assert_eq!(bob.ask("label a b"), "labelled");
    assert_eq!(bob.ask("list room"), "[2=a b]");
    bob.close(1000, "");
    ask_until(&mut ann, "list", "[1=ann]");
    ask_until(&mut ann, "list room", "[]");
}

fn a_topic_is_told_of_every_way_to_come_and_go<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    assert_eq!(ann.ask("join-told room ann"), "joined");
    let comes = |ann: &mut S::Guest, nick: &str| {
        let mut guest = stage.open("/probe");
        // Nobody is told of itself.
        assert_eq!(guest.ask(&format!("join-told room {nick}")), "joined");
        assert_eq!(ann.text(), format!("{nick} came"));
        guest
    };
    let mut bob = comes(&mut ann, "bob");
    bob.send("leave room");
    assert_eq!(ann.text(), "bob went");
    comes(&mut ann, "cut").cut();
    assert_eq!([ann.text(), ann.text()], ["cut went", "client 3 has left"]);
    comes(&mut ann, "closing").close(1000, "bye");
    assert_eq!(
        [ann.text(), ann.text()],
        ["closing went", "client 4 has left"]
    );
    let mut closed = comes(&mut ann, "closed");
    closed.send("close 4000 away");
    assert_eq!(closed.closed(), (4000, "away".to_owned()));
    assert_eq!(
        [ann.text(), ann.text()],
        ["closed went", "client 5 has left"]
    );
    // It was no member any more.
    bob.close(1000, "");
    assert_eq!(ann.text(), "client 2 has left");
    let mut carl = comes(&mut ann, "carl");
    assert_eq!(ann.ask("members room"), "2");
    ann.cut();
    assert_eq!(
        [carl.text(), carl.text()],
        ["ann went", "client 1 has left"]
    );
}

fn who_is_a_member_already_does_not_come_again<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    ann.send("join room");
    assert_eq!(ann.ask("members room"), "1");
    assert_eq!(bob.ask("join-told room bob"), "joined");
    assert_eq!(ann.text(), "bob came");
    assert_eq!(bob.ask("join-told room robert"), "joined");
    bob.cut();
    assert_eq!(ann.text(), "robert went");
}

fn a_client_in_several_topics_takes_leave_of_each<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    // The last four are too many to be told of.
    for room in 0..20 {
        ann.send(&format!("join room{room:02}"));
        assert_eq!(ann.ask(&format!("members room{room:02}")), "1");
        assert_eq!(
            bob.ask(&format!("join-told room{room:02} {room:02}")),
            "joined"
        );
        assert_eq!(ann.text(), format!("{room:02} came"));
    }
    bob.send("broadcast before");
    assert_eq!(ann.text(), "before");
    bob.cut();
    let mut heard: Vec<String> = (0..16).map(|_| ann.text()).collect();
    heard.sort();
    let expected: Vec<String> = (0..16).map(|room| format!("{room:02} went")).collect();
    assert_eq!(heard, expected);
    assert_eq!(ann.text(), "client 2 has left");
    assert_eq!(ann.ask("list room19"), "[1=]");
}

fn what_is_too_long_to_be_told_is_refused<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    let refused = "a topic has 1 to 255 bytes, and what it is told of members 1,024 at most";
    let long = "x".repeat(1025 - " came".len());
    assert_eq!(ann.ask(&format!("join-told room {long}")), refused);
    assert_eq!(ann.ask("list room"), "[]");
    assert_eq!(ann.ask(&format!("join-told room {}", &long[1..])), "joined");
    assert_eq!(
        ann.ask(&format!("join-told {} ann", "x".repeat(256))),
        refused
    );
}

fn words_for_the_end_stay_when_the_code_is_replaced<S: Stage>() {
    let mut stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(ann.ask("join-told room ann"), "joined");
    assert_eq!(bob.ask("join-told room bob"), "joined");
    assert_eq!(ann.text(), "bob came");
    let mut other = std::fs::read(tests::library("probe")).expect("it was built");
    other.push(0);
    assert_eq!(stage.replace(&other), "");
    stage.let_pass(Duration::ZERO);
    bob.cut();
    assert_eq!([ann.text(), ann.text()], ["bob went", "client 2 has left"]);
    assert_eq!(ann.ask("list"), "[1=]");
}

/// Cause: the host in memory knew no bound.
fn who_is_in_as_many_topics_as_it_may_joins_no_further_one<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut full, mut other) = (stage.open("/probe"), stage.open("/probe"));
    let joins: Vec<String> = (0..1024).map(|topic| format!("join {topic}")).collect();
    full.send(&format!("all {}", joins.join("; ")));
    assert_eq!(full.ask("members 1023"), "1");
    assert_eq!(other.ask("join-told further other"), "joined");
    full.send("join further");
    assert_eq!(full.ask("join-told further full"), "joined");
    assert_eq!(full.ask("list further"), "[2=]");
    let line = "client 1 is a member of 1024 topics, as many as it may be";
    stage.wait_for_log(&[line]);
    // With one less there is room for one, and it is told as ever.
    full.send("leave 7");
    assert_eq!(full.ask("join-told further full"), "joined");
    assert_eq!(other.text(), "full came");
    full.send("join 7");
    assert_eq!(full.ask("members 7"), "0");
    full.cut();
    assert_eq!(other.text(), "full went");
    assert_eq!(stage.count_log(&[line]), 1);
}
