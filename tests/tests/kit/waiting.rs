//! Who waits for one message, by a request whose answer that is.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::stage::{Guest, Stage, Waiting};

on_both!(
    the_next_message_is_the_answer,
    what_was_missed_is_the_answer_at_once,
    who_waits_in_vain_is_told_where_to_go_on,
    who_is_a_member_of_nothing_waits_for_nothing,
    what_cannot_be_had_is_told_at_once,
    what_is_said_to_everyone_is_an_answer_too,
);

/// Says something and gives its position.
fn tell(speaker: &mut impl Guest, text: &str) -> String {
    let told = speaker.ask(&format!("tell {text}"));
    told.split(' ').nth(1).expect("a position").to_owned()
}

fn message(position: &str, text: &str) -> Value {
    json!({ "id": position, "text": text })
}

/// Long enough for whatever machine.
const LONG: u64 = 60_000;

fn the_next_message_is_the_answer<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut speaker = stage.open("/annals?silent");
    let mut since = tell(&mut speaker, "zero");
    for text in ["one", "two", "a \"b\"\n\\ \u{7f}\u{1}\u{fc}\u{2028}"] {
        let mut waiting = stage.wait(&format!("/annals?since={since}"), LONG);
        let position = tell(&mut speaker, text);
        let told = json!({
            "topic": "annals", "messages": [message(&position, text)], "next": position, "more": false, "gap": null
        });
        assert_eq!(waiting.told(), told);
        since = position;
    }
    stage.wait_for_log(&["left ", ": 1000 Server: answered"]);
}

fn what_was_missed_is_the_answer_at_once<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut speaker = stage.open("/annals?silent");
    let positions = ["one", "two", "three"].map(|text| tell(&mut speaker, text));
    let [_, two, three] = &positions;
    let last = [message(two, "two"), message(three, "three")];
    let told = json!({
        "topic": "annals", "messages": last, "next": three, "more": false, "gap": null
    });
    assert_eq!(stage.wait("/annals?last=2", LONG).told(), told);
    let since = format!("/annals?since={}", positions[0]);
    assert_eq!(stage.wait(&since, LONG).told(), told);
}

fn who_waits_in_vain_is_told_where_to_go_on<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut speaker = stage.open("/annals?silent");
    let position = tell(&mut speaker, "one");
    let mut waiting = stage.wait("/annals", 20);
    stage.let_pass(Duration::from_millis(20));
    let told = json!({
        "topic": "annals", "messages": [], "next": position, "more": false, "gap": null
    });
    assert_eq!(waiting.told(), told);
    stage.wait_for_log(&["left ", ": 1000 Server: nothing was said"]);
}

fn who_is_a_member_of_nothing_waits_for_nothing<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut waiting = stage.wait("/annals?silent", 20);
    stage.let_pass(Duration::from_millis(20));
    assert_eq!(waiting.answer(), (204, String::new()));
}

fn what_cannot_be_had_is_told_at_once<S: Stage>() {
    let stage = S::start("annals", &[]);
    let mut speaker = stage.open("/annals?silent");
    let positions = ["one", "two"].map(|text| tell(&mut speaker, text));
    let told = |messages: Value| {
        json!({
            "topic": "annals", "messages": messages, "next": positions[1], "more": false, "gap": "other-epoch"
        })
    };
    let nothing = stage.wait("/annals?since=nonsense", LONG).told();
    assert_eq!(nothing, told(json!([])));
    let last = stage.wait("/annals?since=nonsense&or_last=1", LONG).told();
    assert_eq!(last, told(json!([message(&positions[1], "two")])));
}

fn what_is_said_to_everyone_is_an_answer_too<S: Stage>() {
    let stage = S::start("annals", &[("audience", "everyone")]);
    let mut speaker = stage.open("/annals?silent");
    let first = tell(&mut speaker, "zero");
    let mut waiting = stage.wait(&format!("/annals?since={first}"), LONG);
    let position = tell(&mut speaker, "one");
    let told = json!({
        "topic": null, "messages": [message(&position, "one")], "next": position, "more": false, "gap": null
    });
    assert_eq!(waiting.told(), told);
}
