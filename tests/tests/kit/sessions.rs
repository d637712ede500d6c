//! Sessions of clients on their turn, from elsewhere: other callbacks, timers of a client.

use std::time::Duration;

use crate::on_both;
use crate::stage::{Guest, Stage};

on_both!(
    another_clients_session_is_reached_on_its_turn,
    a_clients_own_session_is_reached_behind_its_callback,
    a_client_that_has_gone_has_no_turn,
    what_fails_on_a_turn_ends_that_client_alone,
    a_client_has_timers,
    what_waits_for_a_turn_comes_before_the_code_is_replaced,
    a_callback_sees_the_handshake_of_its_client_and_of_no_other,
);

fn another_clients_session_is_reached_on_its_turn<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(ann.ask("give 2 one"), "Queued");
    assert_eq!(bob.text(), "given 1: one");
    assert_eq!(ann.ask("give 2 two"), "Queued");
    assert_eq!(bob.text(), "given 2: two");
    assert_eq!(
        (ann.ask("given"), bob.ask("given")),
        ("0".into(), "2".into())
    );
}

fn a_clients_own_session_is_reached_behind_its_callback<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    ann.send("all give 1 one; say first; give 1 two; say second");
    let heard = [ann.text(), ann.text(), ann.text(), ann.text()];
    assert_eq!(heard, ["first", "second", "given 1: one", "given 2: two"]);
}

fn a_client_that_has_gone_has_no_turn<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(bob.ask("every 60000 later"), "set");
    bob.cut();
    assert_eq!(ann.text(), "client 2 has left");
    assert_eq!(ann.ask("give 2 too late"), "Gone");
    assert_eq!(ann.ask("give 99 nobody"), "Gone");
}

fn what_fails_on_a_turn_ends_that_client_alone<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    for (number, (how, reason)) in [
        ("fail", "the plugin failed"),
        ("panic", "the plugin panicked"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bob = stage.open("/probe");
        assert_eq!(ann.ask(&format!("give {} {how}", number + 2)), "Queued");
        assert_eq!(bob.closed(), (1011, reason.to_owned()));
        assert_eq!(ann.text(), format!("client {} has left", number + 2));
        stage.wait_for_log(&[&format!("with_session {how}"), &format!("told to {how}")]);
    }
    assert_eq!(ann.ask("given"), "0");
}

fn a_client_has_timers<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    assert_eq!(ann.ask("after 1 once"), "set");
    stage.let_pass(Duration::from_millis(1));
    assert_eq!(ann.text(), "given 1: once");
    ann.send("every 20 again");
    stage.let_pass(Duration::from_millis(40));
    assert_eq!(ann.text(), "set");
    assert_eq!(ann.text(), "given 2: again");
    assert_eq!(ann.text(), "given 3: again");
    ann.send("no-more");
    ann.send("every 3600000 never");
    loop {
        match ann.text().as_str() {
            "set" => break,
            // On a busy machine it is due again before it is heard that it is not to be.
            given => assert!(given.ends_with(": again"), "{given}"),
        }
    }
    ann.send("no-more");
}

fn what_waits_for_a_turn_comes_before_the_code_is_replaced<S: Stage>() {
    let mut stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(ann.ask("give 2 before"), "Queued");
    assert_eq!(ann.ask("every 3600000 never"), "set");
    let mut other = std::fs::read(tests::library("probe")).expect("it was built");
    other.push(0);
    assert_eq!(stage.replace(&other), "");
    assert_eq!(bob.text(), "given 1: before");
    // The new code has sessions of its own, and its turns.
    assert_eq!(ann.ask("give 2 after"), "Queued");
    assert_eq!(bob.text(), "given 1: after");
}

fn a_callback_sees_the_handshake_of_its_client_and_of_no_other<S: Stage>() {
    let mut stage = S::start("probe", &[]);
    let told = [("X-Told", "yes")];
    let mut ann = stage.connect("/probe?one", &told).expect("it is let in");
    let mut bob = stage.open("/probe");
    let of_ann = "/probe Some(\"one\") \"yes\"";
    assert_eq!(ann.ask("handshake"), of_ann);
    assert_eq!(ann.ask("handshake-of 1"), of_ann);
    assert_eq!(bob.ask("handshake-of 1"), "nothing is shown");
    assert_eq!(bob.ask("handshake"), "/probe None \"\"");
    // On a turn that another client, a timer or nobody has brought about.
    assert_eq!(bob.ask("give 1 handshake"), "Queued");
    assert_eq!(ann.text(), of_ann);
    assert_eq!(ann.ask("after 20 handshake"), "set");
    stage.let_pass(Duration::from_millis(20));
    assert_eq!(ann.text(), of_ann);
    assert_eq!(ann.ask("buffered 2"), "0");
    let mut other = std::fs::read(tests::library("probe")).expect("it was built");
    other.push(0);
    assert_eq!(stage.replace(&other), "");
    assert_eq!(ann.ask("handshake"), of_ann);
    ann.cut();
    stage.wait_for_log(&["at the end of 1 its handshake was ", of_ann]);
}
