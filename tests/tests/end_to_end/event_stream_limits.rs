//! What a client of an event stream may cost: silence, slowness, time.

use tests::{Client, Events, PATIENT, Server, Setup};

fn start(client: &str) -> Server {
    let setup = Setup::new().plugins(&["push"]).with_pings();
    setup.configuration(&format!("[client]\n{client}")).start()
}

/// Lets an insider speak until `is_over`, far more than sockets and backlogs can hold; gives how often it spoke.
#[track_caller]
fn speak_until(server: &Server, bytes: usize, is_over: impl Fn() -> bool) -> usize {
    let mut insider = Client::connect(server, "/push");
    // It hears itself by another connection, so that it is never far ahead.
    let mut listener = Client::connect(server, "/push");
    for spoken in 0..4_000 {
        if is_over() {
            return spoken;
        }
        insider.send(&format!("{spoken:0bytes$}"));
        listener.text();
    }
    panic!("it never happens:\n{}", server.log());
}

#[test]
fn a_silent_stream_is_kept_alive_by_comments() {
    let server =
        start("ping_interval = \"50ms\"\npong_timeout = \"50ms\"\nidle_timeout = \"100ms\"\n");
    let mut events = Events::open(&server, "/push", &[]);
    // No answer comes to any of them, and no message either: it is not closed for that.
    for _ in 0..10 {
        events.comment();
    }
    let mut insider = Client::connect(&server, "/push");
    insider.send("still here");
    assert_eq!(events.text(), "still here");
    assert!(events.comments() >= 10);
}

#[test]
fn a_stream_that_is_over_says_so() {
    let server = start("lifetime = \"200ms\"\n");
    let mut events = Events::open(&server, "/push", &[]);
    let end = events.event().expect("the last event");
    assert_eq!((end.name.as_str(), &end.data[..4]), ("close", "1001"));
    assert_eq!(events.event(), None);
    server.wait_for_log(&["connected for 200ms: connect again; closed with 1001"]);
}

#[test]
fn one_that_does_not_read_is_closed_between_two_events() {
    let server = start(&format!(
        "{PATIENT}message = \"64 KiB\"\nbacklog = \"256 KiB\"\n"
    ));
    let mut slow = Events::open(&server, "/push", &[]);
    let is_closed =
        || server.count_log(&["client 1 on /push is too slow", "closed with 1008"]) == 1;
    let spoken = speak_until(&server, 16_000, is_closed);
    let mut number = 0;
    let end = loop {
        let event = slow.event().expect("the last event says why");
        if event.name == "close" {
            break event;
        }
        assert_eq!(
            event.data.trim_start_matches('0'),
            if number == 0 {
                String::new()
            } else {
                number.to_string()
            }
        );
        number += 1;
    };
    assert!(end.data.starts_with("1008 too slow"), "{end:?}");
    assert_eq!(slow.event(), None);
    assert!(number < spoken, "something was given up");
}

#[test]
fn what_does_not_fit_is_dropped_by_whole_events_where_that_is_asked_for() {
    let server = start(&format!(
        "{PATIENT}message = \"64 KiB\"\nbacklog = \"256 KiB\"\nslow_client = \"drop\"\n"
    ));
    let mut slow = Events::open(&server, "/push", &[]);
    let is_dropping = || server.count_log(&["messages that do not fit are dropped"]) == 1;
    let spoken = speak_until(&server, 16_000, is_dropping);
    let mut insider = Client::connect(&server, "/push");
    let mut last = None;
    loop {
        let text = slow.text();
        if text == "now" {
            break;
        }
        let number: usize = text.parse().expect("a whole message");
        assert!(last < Some(number) && number < spoken, "in order: {number}");
        last = Some(number);
        // What was dropped comes no more; what is said once there is room again does.
        insider.send("now");
    }
}
