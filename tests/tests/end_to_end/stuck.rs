//! A callback that blocks holds up its own client and nobody else.

use rustix::process::Signal;
use tests::{Client, Raw, Server, Setup, handshake, wait_until};

/// An hour: longer than any test waits for anything.
const BLOCK: &str = "block 3600000";
const BLOCKS: &[&str] = &["plugin::faulty: blocks for 3600000 ms"];

fn setup() -> Setup {
    Setup::new().plugins(&["faulty", "chat"])
}

#[track_caller]
fn assert_others_go_on(server: &Server) {
    let mut same_route = Client::connect(server, "/faulty");
    let mut one = Client::connect(server, "/chat");
    let mut two = Client::connect(server, "/chat");
    for number in 0..20 {
        same_route.send("nothing");
        assert_eq!(same_route.text(), "done");
        one.send(&number.to_string());
        assert!(two.text().ends_with(&format!(": {number}")));
        assert!(one.text().ends_with(&format!(": {number}")));
    }
    same_route.close(1000, "");
}

#[test]
fn other_clients_of_the_same_route_go_on() {
    let server = setup().start();
    let mut stuck = Client::connect(&server, "/faulty");
    stuck.send(BLOCK);
    let mut slow_to_open = Vec::new();
    for callback in ["upgrade", "open", "request"] {
        let mut raw = Raw::connect(&server);
        let path = format!("/faulty?{callback}={}", BLOCK.replace(' ', "+"));
        if callback == "request" {
            raw.write(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        } else {
            raw.write(handshake(&path, &[]));
        }
        slow_to_open.push(raw);
    }
    wait_until("each of them blocks", || {
        server.count_log(&["plugin::faulty: blocks for"]) == 4
    });
    assert_others_go_on(&server);
    server.kill();
}

#[test]
fn a_timer_that_blocks_holds_up_no_client() {
    let option = format!("faulty.timer={BLOCK}");
    let server = setup().arguments(&["--set", &option]).start();
    let mut client = Client::connect(&server, "/faulty");
    client.send("timer: now");
    assert_eq!(client.text(), "done");
    server.wait_for_log(BLOCKS);
    assert_others_go_on(&server);
    server.kill();
}

#[test]
fn its_own_later_messages_wait_and_are_not_lost() {
    let server = setup().start();
    let mut client = Client::connect(&server, "/faulty");
    client.send("block 300");
    for _ in 0..10 {
        client.send("nothing");
    }
    for _ in 0..11 {
        assert_eq!(client.text(), "done");
    }
}

#[test]
fn a_callback_that_runs_for_long_is_named_in_the_log() {
    let option = format!("faulty.timer={BLOCK}");
    let server = setup().arguments(&["--set", &option]).start();
    let mut client = Client::connect(&server, "/faulty");
    client.send("timer: now");
    assert_eq!(client.text(), "done");
    client.send(BLOCK);
    server.wait_for_log(&[
        "WARN",
        "plugin faulty on /faulty has been in on_message for 5 s (client 1",
    ]);
    server.wait_for_log(&[
        "WARN",
        "plugin faulty on /faulty has been in on_timer for 5 s",
    ]);
    server.kill();
}

#[test]
fn a_thread_in_a_plugin_is_named_and_not_waited_for_at_the_stop() {
    let arguments = ["--stop-timeout", "1s"];
    let mut server = setup().arguments(&arguments).start();
    let mut stuck = Client::connect(&server, "/faulty");
    let mut free = Client::connect(&server, "/faulty");
    stuck.send(BLOCK);
    server.wait_for_log(BLOCKS);
    server.stop();
    assert_eq!(free.closed(), (1001, "server is stopping".to_owned()));
    let named = "not waited for: plugin faulty on /faulty has been in on_message (client 1";
    server.assert_logged(1, &["WARN", named]);
    server.assert_logged(1, &["not waited for: "]);
    assert_last_line_is_stopped(&server);
}

#[test]
fn a_timer_in_a_plugin_is_named_and_not_waited_for_at_the_stop() {
    let option = format!("faulty.timer={BLOCK}");
    let arguments = ["--stop-timeout", "1s", "--set", &option];
    let mut server = setup().arguments(&arguments).start();
    let mut client = Client::connect(&server, "/faulty");
    client.send("timer: now");
    assert_eq!(client.text(), "done");
    server.wait_for_log(BLOCKS);
    server.stop();
    let named = "not waited for: plugin faulty on /faulty has been in on_timer";
    server.assert_logged(1, &["WARN", named]);
    assert_last_line_is_stopped(&server);
}

#[test]
fn a_destroy_that_never_returns_is_not_waited_for() {
    let option = format!("faulty.destroy={BLOCK}");
    let arguments = ["--stop-timeout", "1s", "--set", &option];
    let mut server = setup().arguments(&arguments).start();
    server.stop();
    server.assert_logged(1, &["ERROR", "not waited for: ", "destroy"]);
}

#[test]
fn a_second_signal_ends_a_stop_that_waits_for_a_plugin() {
    for (first, second, code) in [
        (Signal::TERM, Signal::TERM, 143),
        (Signal::INT, Signal::INT, 130),
        (Signal::TERM, Signal::INT, 130),
    ] {
        let arguments = ["--stop-timeout", "1h"];
        let mut server = setup().arguments(&arguments).start();
        let mut stuck = Client::connect(&server, "/faulty");
        let mut free = Client::connect(&server, "/faulty");
        stuck.send(BLOCK);
        server.wait_for_log(BLOCKS);
        server.signal(first);
        assert_eq!(free.closed().0, 1001);
        assert!(server.is_running(), "it waits for the plugin");
        server.signal(second);
        assert_eq!(server.wait().code(), Some(code));
    }
}

#[track_caller]
fn assert_last_line_is_stopped(server: &Server) {
    let log = server.log();
    let last = log.lines().last().unwrap_or_default();
    assert!(last.ends_with(": stopped"), "{last}");
}
