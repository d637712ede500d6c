//! As `unnoticed`: promises about those who listen, or wait, that nothing held until a change by hand or machine survived.

use tests::{Raw, Server, Setup};

const LISTEN: &str = "Host: localhost\r\nAccept: text/event-stream\r\n";

fn start(plugin: &str, settings: &str) -> Server {
    let route =
        format!("[[route]]\npath = \"/{plugin}\"\nplugin = \"{plugin}\"\nevent_stream = true\n");
    let text = format!("{route}{settings}");
    Setup::new().plugins(&[plugin]).configuration(&text).start()
}

/// Cause: `method() == "GET"` in `open_stream` could be `!=`: behind a proxy nobody who listens counted for its address.
#[test]
fn who_listens_behind_a_proxy_takes_a_place_of_its_address_and_who_only_asks_for_the_head_none() {
    let server = start("push", "[limits]\nconnections_per_address = 1\n");
    let ask = |method: &str, address: &str| {
        let request =
            format!("{method} /push HTTP/1.1\r\n{LISTEN}X-Forwarded-For: {address}\r\n\r\n");
        let mut raw = Raw::connect(&server);
        raw.write(request);
        (raw.head()[9..12].to_owned(), raw)
    };
    let (status, _kept) = ask("HEAD", "203.0.113.7");
    assert_eq!(status, "200");
    let (status, _held) = ask("GET", "203.0.113.7");
    assert_eq!(status, "200");
    assert_eq!(ask("GET", "203.0.113.7").0, "429");
    assert_eq!(ask("HEAD", "203.0.113.7").0, "200");
    assert_eq!(ask("GET", "203.0.113.8").0, "200");
}

/// Cause: any error could be taken for a silence in `wait_for_end`: a reset was told as an end in good order.
#[test]
fn a_plugin_hears_that_one_who_listened_was_cut_off() {
    let server = start("probe", "");
    let mut raw = Raw::connect(&server);
    raw.write(format!("GET /probe HTTP/1.1\r\n{LISTEN}\r\n"));
    assert!(raw.head().starts_with("HTTP/1.1 200 "));
    server.wait_for_log(&["opened 1"]);
    raw.reset();
    server.wait_for_log(&["closed 1", "1006"]);
}

/// Cause: `times` could leave those who wait the idle timeout of the others: they have nothing to say.
#[test]
fn who_waits_is_not_closed_for_its_silence() {
    let server = start("push", "[client]\nidle_timeout = \"50ms\"\n");
    let mut raw = Raw::connect(&server);
    let ask = "GET /push?wait=1s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
    raw.write(ask);
    let (status, _, body) = raw.response();
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"messages\":[]"), "{body}");
}

/// Cause: `ticket.await_head` behind the first byte of a further request could be left out: who began one after the other and
/// ended none was none of those of whom few may be there.
#[test]
fn who_begins_a_further_request_is_bounded_as_newcomers_are() {
    let server = start("push", "[limits]\nhandshakes = 2\n");
    let mut kept = Raw::connect(&server);
    kept.write("GET /push HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(kept.response().0 > 0);
    let begin = |raw: &mut Raw| {
        raw.write("GET /pu");
        server.wait_until_it_has_read([&*raw]);
    };
    begin(&mut kept);
    let [mut second, mut third] = [Raw::connect(&server), Raw::connect(&server)];
    begin(&mut second);
    begin(&mut third);
    let (status, _, body) = kept.response();
    // Not since its time is over, which is 408 as well.
    assert!(
        body.contains("when its place was needed"),
        "{status} {body}"
    );
    for mut raw in [second, third] {
        raw.write("sh HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_ne!(raw.response().0, 408);
    }
}
