//! The board without a server.

use plugin_api::testing::{Ask, Route};

use super::Chat;

#[test]
fn everyone_reads_who_said_what() {
    let route = Route::of::<Chat>().start();
    let (ann, bob) = (route.connect("/chat"), route.connect("/chat"));
    ann.send("hello");
    bob.send(b"bytes".as_slice());
    for client in [ann, bob] {
        assert_eq!(client.texts(), ["Client 1: hello", "Client 2: bytes"]);
    }
}

#[test]
fn who_speaks_does_not_hear_it_where_that_is_wanted() {
    let route = Route::of::<Chat>().option("exclude_sender", true).start();
    let (ann, bob) = (route.connect("/chat"), route.connect("/chat"));
    ann.send("hello");
    assert_eq!(ann.next(), None);
    assert_eq!(bob.text(), "Client 1: hello");
}

#[test]
fn everybody_keeps_the_number_when_the_code_is_replaced() {
    let route = Route::of::<Chat>().start();
    let (ann, bob) = (route.connect("/chat"), route.connect("/chat"));
    route.replace_by_itself().expect("it reads what it wrote");
    let eve = route.connect("/chat");
    bob.send("still me");
    eve.send("new here");
    assert_eq!(ann.texts(), ["Client 2: still me", "Client 3: new here"]);
}

#[test]
fn comings_and_goings_are_in_the_log() {
    let route = Route::of::<Chat>().start();
    let ann = route.connect(Ask::get("/chat").from("192.0.2.7"));
    ann.close(1001, "going away");
    let log = route.log().join("\n");
    assert!(
        log.contains("Client 1 has connected from 192.0.2.7"),
        "{log}"
    );
    assert!(log.contains("Client 1 has left (1001 going away)"), "{log}");
}

#[test]
fn a_browser_gets_the_page() {
    let route = Route::of::<Chat>().start();
    let page = route.request("/chat");
    assert_eq!(page.status_code(), 200);
    assert!(page.body_text().contains("<html"), "{}", page.body_text());
    assert_eq!(route.request(Ask::of("DELETE", "/chat")).status_code(), 405);
}

#[test]
fn a_misspelt_option_is_refused() {
    let checked = Route::of::<Chat>().option("exclude_sendr", true).check();
    let why = checked.expect_err("there is no such option");
    assert!(
        why.starts_with("option `exclude_sendr`: unknown field"),
        "{why}"
    );
}
