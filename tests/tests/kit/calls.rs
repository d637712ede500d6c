//! What the plugin asks of its host, and what clients hear of it, in order.

use std::time::Duration;

use crate::on_both;
use crate::stage::{Guest, Stage, ask_until};

on_both!(
    messages_are_heard_in_the_order_they_are_said,
    topics_have_members_until_they_leave,
    a_client_that_has_gone_is_gone,
    what_is_refused_is_refused,
    timers_fire,
    text_and_binary_stay_what_they_are,
    an_other_client_is_spoken_to,
    a_label_is_taken_or_refused,
    who_has_ended_its_connection_is_not_connected,
);

fn messages_are_heard_in_the_order_they_are_said<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(bob.ask("clients"), "2");
    ann.send("all broadcast one; say two; broadcast-except 1 three; say four; broadcast five");
    for text in ["one", "two", "four", "five"] {
        assert_eq!(ann.text(), text);
    }
    for text in ["one", "three", "five"] {
        assert_eq!(bob.text(), text);
    }
    ann.send("all broadcast last; say word; close 4001 bye");
    assert_eq!((ann.text(), ann.text()), ("last".into(), "word".into()));
    assert_eq!(ann.closed(), (4001, "bye".to_owned()));
    assert_eq!(bob.text(), "last");
    assert_eq!(bob.text(), "client 1 has left");
    stage.wait_for_log(&["closed 1: 4001 by Plugin after 2 messages: bye"]);
    stage.wait_for_log(&["send after the close of 1: Gone, 1 clients, 0 in the room"]);
}

fn topics_have_members_until_they_leave<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    ann.send("join room");
    assert_eq!(ann.ask("members room"), "1");
    bob.send("all join room; join room; join hall");
    assert_eq!(bob.ask("members room"), "2");
    ann.send("publish-except-me room hello");
    assert_eq!(bob.text(), "hello");
    ann.send("leave room");
    assert_eq!(ann.ask("members room"), "1");
    ann.send("publish room again");
    assert_eq!(bob.text(), "again");
    assert_eq!(ann.ask("id"), "1");
    bob.close(1000, "");
    assert_eq!(ann.text(), "client 2 has left");
    assert_eq!(ann.ask("members room"), "0");
    assert_eq!(ann.ask("members hall"), "0");
}

fn a_client_that_has_gone_is_gone<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, bob) = (stage.open("/probe"), stage.open("/probe"));
    bob.close(1000, "");
    assert_eq!(ann.text(), "client 2 has left");
    ask_until(&mut ann, "send-to 2 hello", "Gone");
    assert_eq!(ann.ask("send-to 77 hello"), "Gone");
    assert_eq!(ann.ask("send-to 1 hello"), "hello");
    assert_eq!(ann.text(), "Queued");
}

fn what_is_refused_is_refused<S: Stage>() {
    for (order, why) in [
        ("join ", "on_message failed: a topic has 1 to 255 bytes"),
        (
            "close 1005 no",
            "close code 1005 may not be sent, or its reason of 2 bytes is over 123",
        ),
        ("interval 0", "the time of the timer is out of range"),
        (
            "timer 99999999999999",
            "the time of the timer is out of range",
        ),
        ("nonsense", "unknown command nonsense"),
    ] {
        let stage = S::start("probe", &[]);
        let mut ann = stage.open("/probe");
        ann.send(order);
        assert_eq!(ann.closed(), (1011, "the plugin failed".to_owned()));
        stage.wait_for_log(&[why]);
        stage.wait_for_log(&["closed 1: 1011 by Server after 1 messages: the plugin failed"]);
    }
}

fn timers_fire<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    ann.send("join timers");
    ann.send("all cancelled-timer 1; timer 20; timer 40");
    stage.let_pass(Duration::from_millis(40));
    assert_eq!(ann.text(), "timer Timer(2)");
    assert_eq!(ann.text(), "timer Timer(3)");
    ann.send("interval 10");
    stage.let_pass(Duration::from_millis(30));
    for _ in 0..3 {
        assert_eq!(ann.text(), "timer Timer(4)");
    }
}

fn text_and_binary_stay_what_they_are<S: Stage>() {
    let stage = S::start("echo", &[]);
    let mut ann = stage.open("/echo");
    assert_eq!(ann.ask("hé"), "hé");
    ann.send_binary(b"\xff\x00");
    assert_eq!(ann.binary(), b"\xff\x00");
    ann.send_binary(b"");
    assert_eq!(ann.binary(), b"");
}

fn a_label_is_taken_or_refused<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    assert_eq!(ann.ask("label Ann \u{e9}"), "labelled");
    assert_eq!(ann.ask("label "), "labelled");
    let too_long = format!("label {}", "x".repeat(65));
    for refused in ["label a\u{202e}b", "label a\u{7}b", &too_long] {
        let told = ann.ask(refused);
        assert!(told.starts_with("a label has 64 bytes at most"), "{told}");
    }
}

fn an_other_client_is_spoken_to<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(ann.ask("send-to 2 psst"), "Queued");
    assert_eq!(bob.text(), "psst");
    ann.send("close-other 2 out");
    assert_eq!(bob.closed(), (4000, "out".to_owned()));
    assert_eq!(ann.text(), "client 2 has left");
    stage.wait_for_log(&["closed 2: 4000 by Plugin after 0 messages: out"]);
}

fn who_has_ended_its_connection_is_not_connected<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, bob, carl) = (
        stage.open("/probe"),
        stage.open("/probe"),
        stage.open("/probe"),
    );
    for here in ["1", "2", "3"] {
        assert_eq!(ann.ask(&format!("connected {here}")), "true");
    }
    bob.close(1000, "");
    assert_eq!(ann.text(), "client 2 has left");
    carl.cut();
    assert_eq!(ann.text(), "client 3 has left");
    for gone in ["2", "3", "99"] {
        assert_eq!(ann.ask(&format!("connected {gone}")), "false");
    }
}
