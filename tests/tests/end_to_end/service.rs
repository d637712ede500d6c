//! A route whose plugin panics again and again is taken out of service, until the next SIGHUP.

use rustix::process::Signal;
use tests::{Client, Raw, Server, Setup, handshake};

#[track_caller]
fn panic_times(server: &Server, times: u32) {
    for _ in 0..times {
        let mut client = Client::connect(server, "/faulty");
        client.send("panic");
        assert_eq!(client.closed_in_the_end().0, 1011);
    }
}

#[test]
fn ten_panics_take_the_route_out_and_sighup_brings_it_back() {
    let server = Setup::new().plugins(&["faulty", "echo"]).start();
    let mut elsewhere = Client::connect(&server, "/echo");
    let mut bystander = Client::connect(&server, "/faulty");
    panic_times(&server, 9);
    bystander.send("nothing");
    assert_eq!(bystander.text(), "done", "nine are not enough");
    assert_eq!(server.count_log(&["out of service"]), 0);

    panic_times(&server, 1);
    server.wait_for_log(&["ERROR", "route /faulty is out of service", "10 times"]);
    let reason = "the plugin is out of service".to_owned();
    assert_eq!(bystander.closed(), (1011, reason));
    let plain = "GET /faulty HTTP/1.1\r\nHost: h\r\n\r\n".to_owned();
    for request in [handshake("/faulty", &[]), plain] {
        let (status, head, _) = Raw::answer(&server, request);
        assert_eq!(status, 503);
        assert!(head.contains("Retry-After: "), "{head}");
    }
    server.wait_for_log(&[" GET /faulty: 503 the plugin of this route is out of service"]);
    elsewhere.send("here");
    assert_eq!(elsewhere.text(), "here", "other routes go on");

    server.signal(Signal::HUP);
    server.wait_for_log(&["reload done: route /faulty is in service again"]);
    // With a clean record: nine more are not enough.
    panic_times(&server, 9);
    let mut client = Client::connect(&server, "/faulty");
    client.send("nothing");
    assert_eq!(client.text(), "done");
    server.assert_logged(1, &["is out of service: plugin"]);
}

/// Cause: only those were closed who were in when the route went out. One whose `on_upgrade` still ran
/// came in behind that and stayed until its first message.
#[test]
fn a_handshake_that_the_end_of_service_overtakes_is_closed_too() {
    let server = Setup::new().plugins(&["faulty"]).start();
    let mut late = Raw::connect(&server);
    // Two seconds are ample for ten panics; a machine on which they are not lets it in first, and it
    // hears the same.
    late.write(handshake("/faulty?upgrade=block+2000", &[]));
    server.wait_for_log(&["blocks for 2000 ms"]);
    panic_times(&server, 10);
    server.wait_for_log(&["route /faulty is out of service"]);
    let head = late.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let reason = "the plugin is out of service".to_owned();
    assert_eq!(late.close_frame(), (1011, reason));
}

#[test]
fn failures_that_are_no_panics_never_take_a_route_out() {
    let server = Setup::new().plugins(&["faulty"]).start();
    for _ in 0..30 {
        let mut client = Client::connect(&server, "/faulty");
        client.send("fail");
        assert_eq!(client.closed().0, 1011);
    }
    let mut client = Client::connect(&server, "/faulty");
    client.send("nothing");
    assert_eq!(client.text(), "done");
}

#[test]
fn on_close_still_comes_for_those_that_were_there() {
    let server = Setup::new().plugins(&["faulty"]).start();
    let mut bystander = Client::connect(&server, "/faulty");
    panic_times(&server, 10);
    assert_eq!(bystander.closed().0, 1011);
    server.wait_for_log(&["plugin::faulty: closed 1: 1011 the plugin is out of service"]);
}

/// Cause: a client whose handshake was under way got an `on_open` of the route that had gone out of service
/// meanwhile, although nothing but `on_close` is to be called any more.
#[test]
fn who_comes_in_while_the_route_goes_out_of_service_meets_no_callback() {
    let server = Setup::new().plugins(&["faulty"]).start();
    let mut opener = Client::connect(&server, "/faulty");
    opener.send("close: go on");
    assert_eq!(opener.text(), "done");
    // Its handshake waits until the first client has been closed.
    let mut late = Raw::connect(&server);
    late.write(handshake("/faulty?upgrade=wait", &[]));
    server.wait_for_log(&["plugin::faulty: waits at the gate"]);
    panic_times(&server, 10);
    assert_eq!(opener.closed().0, 1011);
    assert!(late.head().starts_with("HTTP/1.1 101 "));
    let reason = "the plugin is out of service".to_owned();
    assert_eq!(late.close_frame(), (1011, reason));
    server.wait_for_log(&["client 2 on /faulty: the plugin is out of service; closed with 1011"]);
    assert_eq!(server.count_log(&["opened 2"]), 0);
}
