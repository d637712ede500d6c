//! Handshakes and plain requests: what the plugin reads of them, and what it answers.

use crate::on_both;
use crate::stage::{Guest, Stage};

on_both!(
    a_handshake_is_read_and_answered,
    a_client_is_refused_with_the_plugins_words,
    a_subprotocol_is_agreed_on,
    a_plain_request_is_answered,
    an_answer_that_may_not_be_is_a_fault,
    a_plugin_without_pages_speaks_websocket_only,
);

fn a_handshake_is_read_and_answered<S: Stage>() {
    let stage = S::start("probe", &[("text", "set")]);
    let mut ann = stage
        .connect("/probe?a=%20b", &[("X-Test", "one"), ("x-test", "two")])
        .expect("it is let in");
    assert_eq!(ann.header("x-probe").as_deref(), Some("admitted"));
    let told = ann.ask("request");
    let start = "method=GET path=/probe query=Some(\"a=%20b\") name=None peer=127.0.0.1:";
    assert!(told.starts_with(start), "{told}");
    assert!(told.contains(" address=127.0.0.1 "), "{told}");
    assert!(
        told.to_lowercase().contains("x-test=one x-test=two"),
        "{told}"
    );
    assert_eq!(ann.ask("option"), "Some(\"set\")");
    assert_eq!(ann.ask("path"), "/probe");
}

fn a_client_is_refused_with_the_plugins_words<S: Stage>() {
    let stage = S::start("probe", &[]);
    let refused = stage.connect("/probe?refuse", &[]).err();
    assert_eq!(refused, Some((401, "not you".to_owned())));
}

fn a_subprotocol_is_agreed_on<S: Stage>() {
    let stage = S::start("probe", &[]);
    let offers = |path: &str, names: &str| {
        let guest = stage.connect(path, &[("Sec-WebSocket-Protocol", names)]);
        guest
            .map(|guest| guest.subprotocol())
            .map_err(|(status, _)| status)
    };
    let chosen = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(
        offers("/probe", "other, probe.v1, probe.v2"),
        chosen("probe.v1")
    );
    assert_eq!(
        offers("/probe?subprotocol=other", "probe.v1, other"),
        chosen("other")
    );
    assert_eq!(offers("/probe?subprotocol=unasked", "probe.v1"), Err(500));
}

fn a_plain_request_is_answered<S: Stage>() {
    let stage = S::start("probe", &[]);
    let answer = stage.request("POST", "/probe", "the body");
    assert_eq!(answer, (201, "POST /probe the body".to_owned()));
    let answer = stage.request("GET", "/probe?status=404", "");
    assert_eq!(answer, (404, "status".to_owned()));
}

fn an_answer_that_may_not_be_is_a_fault<S: Stage>() {
    let stage = S::start("probe", &[]);
    assert_eq!(stage.request("GET", "/probe?status=101", "").0, 500);
    stage.wait_for_log(&["on_request failed: status 101 may not be answered here"]);
}

fn a_plugin_without_pages_speaks_websocket_only<S: Stage>() {
    let stage = S::start("echo", &[]);
    let (status, body) = stage.request("GET", "/echo", "");
    let why = "this path speaks WebSocket: connect to it with ws:// or wss://\n";
    assert_eq!((status, body.as_str()), (426, why));
}
