//! Another build takes over, with state and sessions: all of it, or nothing.

use tests::{library, set_state_format, variant};

use crate::on_both;
use crate::stage::{Guest, Stage};

on_both!(
    clients_and_state_go_over_to_the_new_code,
    code_that_saves_nothing_gets_its_clients_anew,
    where_a_step_fails_the_old_code_goes_on,
    another_state_format_is_refused,
    an_older_state_format_is_read_where_the_new_code_says_so,
);

fn clients_and_state_go_over_to_the_new_code<S: Stage>() {
    let mut stage = S::start("variant", &[]);
    let mut ann = stage
        .connect("/variant", &[("X-User", "ann")])
        .expect("let in");
    let mut bob = stage.open("/variant");
    assert_eq!(ann.ask("one"), "first 1 1 0 ann one");
    assert_eq!(bob.ask("join room"), "first 1 2 0  join room");
    assert_eq!(stage.replace(&variant("second")), "");
    assert_eq!(ann.ask("two"), "second 2 3 1 ann two");
    ann.send("publish room");
    assert_eq!(bob.text(), "published by second");
    assert_eq!(ann.text(), "second 3 4 1 ann publish room");
    stage.wait_for_log(&["dropped first, 0 sessions left"]);
    assert_eq!(stage.count_log(&["closed"]), 0);
    ann.close(1000, "");
    stage.wait_for_log(&["closed 1 in second: 1000"]);
}

fn code_that_saves_nothing_gets_its_clients_anew<S: Stage>() {
    let mut stage = S::start("variant", &[]);
    let mut ann = stage.open("/variant");
    assert_eq!(stage.replace(&variant("second saves-nothing")), "");
    assert_eq!(ann.ask("one"), "second 1 1 1  one");
    assert_eq!(stage.replace(&variant("third")), "");
    assert_eq!(ann.text(), "third has no memory of you");
    assert_eq!(ann.ask("two"), "third 1 1 0  two");
}

fn where_a_step_fails_the_old_code_goes_on<S: Stage>() {
    let mut stage = S::start("variant", &[]);
    let (mut ann, mut bob) = (stage.open("/variant"), stage.open("/variant"));
    assert_eq!(ann.ask("odd"), "first 1 1 0  odd");
    assert_eq!(bob.ask("one"), "first 1 2 0  one");
    for (words, why) in [
        (
            "second fail-create",
            "create failed: told to fail in create",
        ),
        (
            "third panic-create",
            "create panicked: told to panic in create",
        ),
        (
            "fourth fail-resume",
            "create failed: told not to understand the state",
        ),
        (
            "fifth fail-session",
            "client 1: on_resume failed: told not to take odd ones",
        ),
    ] {
        let problem = stage.replace(&variant(words));
        assert!(problem.contains(why), "{words}: {problem}");
    }
    assert_eq!(bob.ask("two"), "first 2 3 0  two");
    stage.wait_for_log(&["dropped fifth, 0 sessions left"]);
}

fn another_state_format_is_refused<S: Stage>() {
    let mut stage = S::start("variant", &[]);
    let mut ann = stage.open("/variant");
    let mut bytes = std::fs::read(library("variant")).expect("it was built");
    set_state_format(&mut bytes, 7, 8);
    let problem = stage.replace(&bytes);
    let why = "the new library reads state format 8, 5, 6, the one at work writes 7";
    assert!(problem.contains(why), "{problem}");
    assert_eq!(ann.ask("on"), "first 1 1 0  on");
}

fn an_older_state_format_is_read_where_the_new_code_says_so<S: Stage>() {
    let mut stage = S::start("variant", &[]);
    let mut ann = stage.open("/variant");
    assert_eq!(ann.ask("one"), "first 1 1 0  one");
    // The one at work knows 7, 5 and 6 alone; the older code is put in as what saves nothing that anybody reads.
    let mut older = variant("older");
    set_state_format(&mut older, 7, 6);
    let problem = stage.replace(&older);
    let why = "the new library reads state format 6, 5, 6, the one at work writes 7";
    assert!(problem.contains(why), "{problem}");
    drop((stage, ann));
    let mut stage = S::start_with("variant", &older);
    let mut ann = stage.open("/variant");
    assert_eq!(ann.ask("one"), "older 1 1 0  one");
    assert_eq!(stage.replace(&variant("newer")), "");
    assert_eq!(ann.ask("two"), "newer 2 2 1  two");
    stage.wait_for_log(&["newer resumes from format 6"]);
    stage.wait_for_log(&["newer takes 1 over from format 6"]);
    assert_eq!(stage.replace(&variant("newest")), "");
    stage.wait_for_log(&["newest resumes from format 7"]);
    assert_eq!(ann.ask("three"), "newest 3 3 2  three");
}
