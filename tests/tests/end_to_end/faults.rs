//! A callback that fails or panics costs one client, never the route or the server.

use tests::{Client, Raw, Server, Setup, handshake};

/// The ways to fail, and what the log says of each.
const WAYS: [(&str, &str); 3] = [
    ("fail", " failed: told to fail"),
    ("panic", " panicked: told to panic, at "),
    ("bomb", " panicked: a value that is no text, at "),
];

/// How loud the log is about it: a panic is a fault of the plugin's code.
fn level_of(order: &str) -> &'static str {
    if order == "fail" { "WARN" } else { "ERROR" }
}

fn faulty() -> Server {
    Setup::new().plugins(&["faulty", "echo"]).start()
}

/// Others on the route and elsewhere are served, and new ones are let in.
#[track_caller]
fn assert_goes_on(server: &Server, bystander: &mut Client) {
    bystander.send("nothing");
    assert_eq!(bystander.text(), "done");
    let mut newcomer = Client::connect(server, "/faulty");
    newcomer.send("nothing");
    assert_eq!(newcomer.text(), "done");
    let mut elsewhere = Client::connect(server, "/echo");
    elsewhere.send("here");
    assert_eq!(elsewhere.text(), "here");
}

#[test]
fn on_message_closes_its_client_with_1011() {
    let server = faulty();
    let mut bystander = Client::connect(&server, "/faulty");
    for (id, (order, what)) in (2..).step_by(3).zip(WAYS) {
        let mut client = Client::connect(&server, "/faulty");
        client.send(order);
        let (code, reason) = client.closed();
        assert_eq!(code, 1011);
        assert!(reason.starts_with("the plugin "), "{reason}");
        let line = format!("client {id} on /faulty: on_message{what}");
        server.wait_for_log(&[level_of(order), &line]);
        server.wait_for_log(&[&format!("plugin::faulty: closed {id}: 1011 ")]);
        assert_goes_on(&server, &mut bystander);
    }
}

#[test]
fn a_panic_is_one_line_of_the_log_with_its_place() {
    let server = faulty();
    Client::connect(&server, "/faulty").send("panic");
    let what = "on_message panicked: told to panic, at ";
    let line = server.wait_for_log(&["ERROR", "client 1 on /faulty", what]);
    assert!(line.contains("faulty/src/lib.rs:"), "{line}");
    server.assert_logged(1, &["told to panic", "ERROR"]);
    Client::connect(&server, "/faulty").send("bomb");
    server.wait_for_log(&["ERROR", "on_message panicked: a value that is no text, at "]);
    assert_eq!(server.count_log(&["the payload was dropped"]), 0);
}

#[test]
fn on_open_closes_its_client_with_1011_and_no_on_close_follows() {
    let mut server = faulty();
    let mut bystander = Client::connect(&server, "/faulty");
    for (id, (order, what)) in (2..).step_by(3).zip(WAYS) {
        let mut client = Client::connect(&server, &format!("/faulty?open={order}"));
        assert_eq!(client.closed().0, 1011);
        let line = format!("client {id} on /faulty: on_open{what}");
        server.wait_for_log(&[level_of(order), &line]);
        assert_goes_on(&server, &mut bystander);
    }
    server.stop();
    for id in [2, 5, 8] {
        assert_eq!(server.count_log(&[&format!("closed {id}: ")]), 0);
    }
    server.assert_logged(1, &["closed 1: 1001 "]);
}

#[test]
fn on_upgrade_answers_500() {
    let server = faulty();
    let mut bystander = Client::connect(&server, "/faulty");
    for (order, what) in WAYS {
        let path = format!("/faulty?upgrade={order}");
        let (status, _, body) = Raw::answer(&server, handshake(&path, &[]));
        assert_eq!(status, 500);
        assert_eq!(body, "the plugin of this route failed\n");
        server.wait_for_log(&[level_of(order), &format!("route /faulty: on_upgrade{what}")]);
        server.wait_for_log(&[" GET /faulty: 500 the plugin of this route failed"]);
        assert_goes_on(&server, &mut bystander);
    }
}

#[test]
fn on_request_answers_500() {
    let server = faulty();
    let mut bystander = Client::connect(&server, "/faulty");
    for (order, what) in WAYS {
        let request = format!("GET /faulty?request={order} HTTP/1.1\r\nHost: h\r\n\r\n");
        let (status, _, body) = Raw::answer(&server, request);
        assert_eq!(status, 500);
        assert_eq!(body, "the plugin of this route failed\n");
        server.wait_for_log(&[level_of(order), &format!("route /faulty: on_request{what}")]);
        assert_goes_on(&server, &mut bystander);
    }
    let (status, _, body) = Raw::answer(&server, "GET /faulty HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((status, body.as_str()), (200, "served"));
}

#[test]
fn on_close_is_logged_and_nothing_else() {
    let server = faulty();
    let mut bystander = Client::connect(&server, "/faulty");
    for (id, (order, what)) in (2..).step_by(3).zip(WAYS) {
        let mut client = Client::connect(&server, "/faulty");
        client.send(&format!("close: {order}"));
        assert_eq!(client.text(), "done");
        assert_eq!(client.close(1000, ""), (1000, String::new()));
        let line = format!("client {id} on /faulty: on_close{what}");
        server.wait_for_log(&[level_of(order), &line]);
        assert_goes_on(&server, &mut bystander);
    }
}

#[test]
fn on_error_closes_its_client_with_1011() {
    let server = faulty();
    let mut bystander = Client::connect(&server, "/faulty");
    for (id, (order, _)) in (2..).step_by(3).zip(WAYS) {
        let mut client = Client::connect(&server, "/faulty");
        client.send(&format!("error: {order}"));
        assert_eq!(client.text(), "done");
        client.send("fail");
        assert_eq!(client.closed().0, 1011);
        server.wait_for_log(&[&format!("plugin::faulty: error of {id}: told to fail")]);
        assert_goes_on(&server, &mut bystander);
    }
}

#[test]
fn on_error_may_let_the_client_stay() {
    let server = faulty();
    let mut client = Client::connect(&server, "/faulty");
    client.send("error: forgive");
    assert_eq!(client.text(), "done");
    for (order, what) in WAYS {
        client.send(order);
        client.send("nothing");
        assert_eq!(client.text(), "done");
        server.wait_for_log(&[
            level_of(order),
            &format!("client 1 on /faulty: on_message{what}"),
        ]);
    }
}

#[test]
fn on_error_hears_of_the_connections_faults_too() {
    let server = faulty();
    let mut raw = Raw::upgrade(&server, "/faulty");
    raw.write(tests::unmasked_frame(tests::TEXT, b"x"));
    assert_eq!(raw.close_frame().0, 1002);
    server.wait_for_log(&["plugin::faulty: error of 1: ", "masked"]);
}

#[test]
fn on_timer_is_logged_and_timers_go_on() {
    for (order, what) in WAYS {
        let setup = Setup::new().plugins(&["faulty", "echo"]);
        let option = format!("faulty.timer={order}");
        let server = setup.arguments(&["--set", &option]).start();
        let mut client = Client::connect(&server, "/faulty");
        for count in 1..=2 {
            client.send("timer: now");
            assert_eq!(client.text(), "done");
            let line = format!("route /faulty: on_timer{what}");
            tests::wait_until("the timer has fired", || {
                server.count_log(&[level_of(order), &line]) == count
            });
        }
        assert_goes_on(&server, &mut client);
    }
}

#[test]
fn create_refuses_the_route_and_the_others_run() {
    for (order, what) in WAYS {
        let setup = Setup::new().plugins(&["faulty", "echo"]);
        let option = format!("faulty.create={order}");
        let server = setup.arguments(&["--set", &option]).start();
        // The place of the option that has brought it about.
        let line = format!("server: --set faulty.create: route /faulty: create{what}");
        server.wait_for_log(&["ERROR", &line]);
        let (status, ..) = Raw::answer(&server, handshake("/faulty", &[]));
        assert_eq!(status, 404);
        let mut client = Client::connect(&server, "/echo");
        client.send("here");
        assert_eq!(client.text(), "here");
    }
}

#[test]
fn destroy_that_panics_does_not_spoil_the_stop() {
    for order in ["panic", "bomb"] {
        let setup = Setup::new().plugins(&["faulty", "echo"]);
        let option = format!("faulty.destroy={order}");
        let mut server = setup.arguments(&["--set", &option]).start();
        server.stop();
        let what = "plugin::faulty: the end of the plugin panicked: ";
        server.assert_logged(1, &["ERROR", what]);
        assert_eq!(
            server
                .log()
                .lines()
                .last()
                .map(|line| line.ends_with(": stopped")),
            Some(true)
        );
    }
}

#[test]
fn a_panic_on_a_thread_of_the_plugins_own_is_logged_and_costs_nobody() {
    let server = faulty();
    let mut client = Client::connect(&server, "/faulty");
    client.send("thread");
    assert_eq!(client.text(), "done");
    server.wait_for_log(&[
        "ERROR",
        "plugin::faulty: thread \"of-its-own\" panicked at ",
        "told to panic on a thread",
    ]);
    assert_goes_on(&server, &mut client);
}
