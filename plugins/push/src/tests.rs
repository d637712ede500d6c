//! Who may speak and who hears it, without a server.

use std::time::Duration;

use plugin_api::testing::{Ask, Route};

use super::Push;

fn push() -> Route {
    Route::of::<Push>().start()
}

#[test]
fn an_insider_publishes_and_who_listens_to_the_topic_hears_it() {
    let route = push();
    let (shop, news) = (route.connect("/push/shop"), route.connect("/push/news"));
    let answer = route.request(Ask::post("/push/shop").inside().json(&7));
    assert_eq!(answer.status_code(), 200);
    assert!(
        answer.body_text().contains("\"clients\":1"),
        "{}",
        answer.body_text()
    );
    assert_eq!(shop.texts(), ["7"]);
    assert_eq!(news.next(), None);
}

#[test]
fn an_outsider_only_listens() {
    let route = push();
    let listener = route.connect("/push");
    let answer = route.request(Ask::post("/push").from("192.0.2.7").body("hello"));
    assert_eq!(answer.status_code(), 403);
    assert_eq!(answer.body_text(), "only insiders write here\n");
    let speaker = route.connect(Ask::get("/push").from("192.0.2.7"));
    speaker.send("hello");
    assert_eq!(listener.next(), None);
    let log = route.log().join("\n");
    assert!(
        log.contains("client 2 is outside: what it says is ignored"),
        "{log}"
    );
}

#[test]
fn an_insider_on_a_websocket_speaks_to_all_but_itself() {
    let route = push();
    let (speaker, listener) = (
        route.connect(Ask::get("/push").inside()),
        route.connect("/push"),
    );
    speaker.send("text");
    speaker.send(b"\xff".as_slice());
    assert_eq!(listener.text(), "text");
    assert_eq!(listener.binary(), b"\xff");
    assert_eq!(speaker.next(), None);
}

#[test]
fn a_page_of_another_origin_never_publishes() {
    let ask = Ask::post("/push").inside().from_other_page().body("hello");
    assert_eq!(push().request(ask).status_code(), 403);
}

#[test]
fn who_comes_back_is_told_what_it_has_missed() {
    let route = push();
    for text in ["one", "two", "three"] {
        route.request(Ask::post("/push/shop").inside().json(&text));
    }
    let back = route.connect("/push/shop?since=2");
    assert_eq!(back.texts(), ["\"two\"", "\"three\""]);
}

#[test]
fn more_than_the_rate_is_refused() {
    let route = Route::of::<Push>().option("publish_per_second", 1).start();
    let ask = Ask::post("/push").inside().body("hello");
    let statuses = [1, 2].map(|_| route.request(&ask).status_code());
    assert_eq!(statuses, [200, 429]);
}

#[test]
fn the_number_of_clients_is_logged_when_it_has_changed() {
    let route = push();
    let _listener = route.connect("/push");
    route.advance(Duration::from_secs(180));
    let log = route.log();
    let told = log.iter().filter(|line| line.ends_with(": 1 clients"));
    assert_eq!(told.count(), 1, "{log:#?}");
}
