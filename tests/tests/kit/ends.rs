//! Ends of clients, and faults: `on_close` once for each `on_open`, panics with their place.

use crate::on_both;
use crate::stage::{Guest, Stage};

on_both!(
    a_client_that_closes_is_told_of,
    a_client_that_is_cut_off_is_told_of,
    a_panic_ends_its_client_and_says_where,
    an_error_that_is_forgiven_ends_nobody,
    an_open_that_fails_is_undone_once,
    a_close_that_fails_is_only_logged,
    a_handshake_that_fails_is_answered_500,
    ten_panics_take_the_route_out_of_service,
);

fn a_client_that_closes_is_told_of<S: Stage>() {
    let stage = S::start("probe", &[]);
    stage.open("/probe").close(4321, "bye");
    stage.wait_for_log(&["closed 1: 4321 by Peer after 0 messages: bye"]);
    assert_eq!(stage.count_log(&["closed 1"]), 1);
}

fn a_client_that_is_cut_off_is_told_of<S: Stage>() {
    let stage = S::start("probe", &[]);
    stage.open("/probe").cut();
    let why = "the connection ended without a Close frame";
    stage.wait_for_log(&["closed 1: 1006 by Peer after 0 messages: ", why]);
}

fn a_panic_ends_its_client_and_says_where<S: Stage>() {
    let stage = S::start("faulty", &[]);
    let (mut ann, mut bob) = (stage.open("/faulty"), stage.open("/faulty"));
    ann.send("panic");
    assert_eq!(ann.closed(), (1011, "the plugin panicked".to_owned()));
    stage.wait_for_log(&["error of 1: told to panic, at ", "faulty/src/lib.rs:"]);
    stage.wait_for_log(&["closed 1: 1011 the plugin panicked"]);
    assert_eq!(bob.ask("go on"), "done");
}

fn an_error_that_is_forgiven_ends_nobody<S: Stage>() {
    let stage = S::start("faulty", &[]);
    let mut ann = stage.open("/faulty");
    assert_eq!(ann.ask("error: forgive"), "done");
    ann.send("fail");
    ann.send("panic");
    assert_eq!(ann.ask("still here"), "done");
    stage.wait_for_log(&["error of 1: told to fail"]);
}

fn an_open_that_fails_is_undone_once<S: Stage>() {
    let stage = S::start("faulty", &[]);
    let mut ann = stage.open("/faulty?open=fail");
    assert_eq!(ann.closed(), (1011, "the plugin failed".to_owned()));
    stage.wait_for_log(&["on_open failed: told to fail"]);
    let mut bob = stage.open("/faulty?open=panic");
    assert_eq!(bob.closed(), (1011, "the plugin panicked".to_owned()));
    stage.wait_for_log(&["on_open panicked: told to panic"]);
    stage.wait_for_log(&["never opened 1: 1011 the plugin failed by Server, send Gone"]);
    stage.wait_for_log(&["never opened 2: 1011 the plugin panicked by Server, send Gone"]);
    assert_eq!(stage.count_log(&["never opened"]), 2);
    assert_eq!(
        stage.count_log(&["closed 1"]) + stage.count_log(&["closed 2"]),
        0
    );
}

fn a_close_that_fails_is_only_logged<S: Stage>() {
    let stage = S::start("faulty", &[]);
    let mut ann = stage.open("/faulty");
    assert_eq!(ann.ask("close: panic"), "done");
    ann.close(1000, "");
    stage.wait_for_log(&["on_close panicked: told to panic"]);
    assert_eq!(stage.open("/faulty").ask("hello"), "done");
}

fn a_handshake_that_fails_is_answered_500<S: Stage>() {
    let stage = S::start("faulty", &[]);
    for (order, how) in [("fail", "failed"), ("panic", "panicked")] {
        let refused = stage.connect(&format!("/faulty?upgrade={order}"), &[]);
        let Err((500, body)) = refused else {
            panic!("it is let in");
        };
        assert_eq!(body, "the plugin of this route failed\n");
        stage.wait_for_log(&[&format!("on_upgrade {how}: told to {order}")]);
    }
    let answer = stage.request("GET", "/faulty?request=fail", "");
    assert_eq!(
        answer,
        (500, "the plugin of this route failed\n".to_owned())
    );
}

fn ten_panics_take_the_route_out_of_service<S: Stage>() {
    let stage = S::start("faulty", &[]);
    let mut bob = stage.open("/faulty");
    let mut ann = stage.open("/faulty");
    assert_eq!(ann.ask("error: forgive"), "done");
    for _ in 0..9 {
        ann.send("panic");
    }
    assert_eq!(ann.ask("still here"), "done");
    ann.send("panic");
    assert_eq!(
        bob.closed(),
        (1011, "the plugin is out of service".to_owned())
    );
    stage.wait_for_log(&["closed 1: 1011 the plugin is out of service"]);
    let Err((503, _)) = stage.connect("/faulty", &[]) else {
        panic!("it is let in");
    };
    assert_eq!(stage.request("GET", "/faulty", "").0, 503);
}
