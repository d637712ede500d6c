//! A route that no other host shares, to a plugin that speaks to all hosts.

use crate::on_both;
use crate::stage::{Guest, Stage, ask_until};

on_both!(
    all_hosts_are_this_one,
    a_client_is_told_something_by_what_it_is_called_everywhere,
    a_client_is_closed_by_what_it_is_called_everywhere,
    who_is_on_a_host_that_is_not_there_has_gone,
);

fn all_hosts_are_this_one<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    assert_eq!(ann.ask("everywhere shared"), "false");
    assert_eq!(ann.ask("everywhere count"), "2");
    assert_eq!(ann.ask("label ann"), "labelled");
    let (of_ann, of_bob) = (ann.ask("everywhere id"), bob.ask("everywhere id"));
    assert_eq!((of_ann.len(), &of_ann[8..]), (10, "-1"));
    assert_eq!(of_ann[..8], of_bob[..8]);
    assert_eq!(
        ann.ask("everywhere list"),
        format!("[{of_ann}=ann {of_bob}=]")
    );
    assert_eq!(ann.ask("everywhere list ann"), format!("[{of_ann}=ann]"));
    assert_eq!(ann.ask("everywhere list bob"), "[]");
    bob.close(1000, "");
    ask_until(&mut ann, "everywhere count", "1");
}

fn a_client_is_told_something_by_what_it_is_called_everywhere<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    let of_bob = bob.ask("everywhere id");
    assert_eq!(ann.ask(&format!("everywhere send {of_bob} hi")), "Queued");
    assert_eq!(bob.text(), "hi");
    ann.send(&format!("everywhere send-binary {of_bob} hi"));
    assert_eq!(ann.text(), "Queued");
    assert_eq!(bob.binary(), b"hi");
    ann.send(&format!("everywhere between {of_bob}"));
    assert_eq!(
        [bob.text(), bob.text(), bob.text()],
        ["before", "between", "behind"]
    );
}

fn a_client_is_closed_by_what_it_is_called_everywhere<S: Stage>() {
    let stage = S::start("probe", &[]);
    let (mut ann, mut bob) = (stage.open("/probe"), stage.open("/probe"));
    let of_bob = bob.ask("everywhere id");
    let wrong = "that close code may not be sent, or its reason is over 123 bytes";
    assert_eq!(ann.ask(&format!("everywhere close {of_bob} 1006 x")), wrong);
    let long = "x".repeat(124);
    assert_eq!(
        ann.ask(&format!("everywhere close {of_bob} 4000 {long}")),
        wrong
    );
    assert_eq!(
        ann.ask(&format!("everywhere close {of_bob} 4000 away")),
        "Queued"
    );
    assert_eq!(bob.closed(), (4000, "away".to_owned()));
    assert_eq!(ann.text(), "client 2 has left");
    assert_eq!(ann.ask(&format!("everywhere send {of_bob} hi")), "Gone");
}

fn who_is_on_a_host_that_is_not_there_has_gone<S: Stage>() {
    let stage = S::start("probe", &[]);
    let mut ann = stage.open("/probe");
    // By chance it is the number of a server once in four thousand million times.
    assert_eq!(ann.ask("everywhere send 00000000-1 hi"), "Gone");
    assert_eq!(ann.ask("everywhere close ffffffff-1 4000 x"), "Gone");
}
