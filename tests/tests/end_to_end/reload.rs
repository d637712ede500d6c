//! SIGHUP: what changed in the file takes effect, and no client is dropped for it.

use std::fs;

use rustix::process::Signal;
use tests::{CLOSE, Client, Raw, Server, Setup, frame, handshake, variant, wait_until};

const FILE: &str = "libvariant.so";

fn setup(configuration: &str) -> Setup {
    let setup = Setup::new().plugins(&["echo", "probe"]);
    let setup = setup.file(FILE, &variant("one"));
    setup.configuration(configuration)
}

fn start(configuration: &str) -> Server {
    setup(configuration).start()
}

fn route(path: &str, options: &str) -> String {
    format!("[[route]]\npath = \"{path}\"\nplugin = \"variant\"\n[route.options]\n{options}\n")
}

#[track_caller]
fn ask(client: &mut Client, text: &str) -> String {
    client.send(text);
    client.text()
}

#[test]
fn a_route_is_added_and_another_removed() {
    let server = start(&route("/a", ""));
    let mut old = Client::connect(&server, "/a");
    let mut elsewhere = Client::connect(&server, "/echo");
    assert!(Client::connect_with(&server, "/b", &[]).is_err());
    let line = server.reload_with(&route("/b", ""));
    let told = "reload done: route /b added, route /a removed";
    assert!(line.ends_with(told), "{line}");
    assert_eq!(old.closed(), (1001, "the route was removed".to_owned()));
    server.wait_for_log(&["plugin::variant: closed 1 in one: 1001"]);
    drop(old);
    // Its instance ends with its last client.
    server.wait_for_log(&["plugin::variant: dropped one"]);
    let mut new = Client::connect(&server, "/b");
    assert_eq!(ask(&mut new, "hello"), "one 1 1 0  hello");
    let refused = Client::connect_with(&server, "/a", &[]).expect_err("it is gone");
    assert_eq!(refused.status, 404);
    assert_eq!(ask(&mut elsewhere, "here"), "here");
}

/// Cause: a reload closes the clients that are on a route that goes. One whose `on_upgrade` still ran
/// came in behind that and stayed, and with it the route, for as long as the client liked.
#[test]
fn a_handshake_that_the_end_of_its_route_overtakes_is_closed_too() {
    let probe_on = |path: &str| format!("[[route]]\npath = \"{path}\"\nplugin = \"probe\"\n");
    let server = start(&probe_on("/a"));
    let mut client = Client::connect(&server, "/a");
    let mut late = Raw::connect(&server);
    late.write(handshake("/a?block", &[]));
    server.wait_for_log(&["on_upgrade blocks"]);
    server.reload_with(&probe_on("/b"));
    // That this one leaves ends the blocking.
    assert_eq!(client.closed().0, 1001);
    assert!(late.head().starts_with("HTTP/1.1 101 "));
    // The other one's farewell may come first.
    let mut next = late.frame();
    while next.0 != CLOSE {
        next = late.frame();
    }
    let expected = [&1001_u16.to_be_bytes()[..], b"the route was removed"].concat();
    assert_eq!(next.1, expected);
    late.write(frame(CLOSE, &1001_u16.to_be_bytes()));
    late.assert_closed();
}

#[test]
fn listeners_are_added_and_removed_and_their_clients_stay() {
    let first = "listen = [\"127.0.0.1:0\"]\n";
    let setup = Setup::new().plugins(&["echo"]).listens_as_configured();
    let server = setup.configuration(first).start();
    let mut old = Client::connect(&server, "/echo");
    // Port 0 of another address of this machine is another listener.
    let line = server.reload_with("listen = [\"127.0.0.2:0\"]\n");
    assert!(
        line.contains("no longer listening on 127.0.0.1:0"),
        "{line}"
    );
    let added = line
        .split("listening on 127.0.0.2:")
        .nth(1)
        .expect("it is told");
    let port: String = added.chars().take_while(char::is_ascii_digit).collect();
    let address = format!("127.0.0.2:{port}").parse().expect("an address");
    let mut new = Client::connect_to(address, "/echo", &[]).expect("it listens");
    assert_eq!(ask(&mut new, "new"), "new");
    assert_eq!(ask(&mut old, "old"), "old");
    assert!(
        std::net::TcpStream::connect(server.address()).is_err(),
        "nobody listens there"
    );
}

#[test]
fn limits_hold_for_those_who_come_and_those_who_are_there() {
    let server = start("client.message = \"100 B\"\n");
    let mut living = Client::connect(&server, "/echo");
    let long = "x".repeat(60);
    assert_eq!(ask(&mut living, &long), long);
    let line = server.reload_with("client.message = \"50 B\"\nlimits.connections = 2\n");
    assert!(
        line.contains("client.message") && line.contains("limits.connections"),
        "{line}"
    );
    let mut new = Client::connect(&server, "/echo");
    let refused = Client::connect_with(&server, "/echo", &[]).expect_err("two are there");
    assert_eq!(refused.status, 503);
    new.send(&long);
    assert_eq!(new.closed().0, 1009);
    living.send(&long);
    assert_eq!(living.closed().0, 1009);
}

#[test]
fn origins_hold_for_those_who_come() {
    let server = start("");
    let origin = [("Origin", "https://page.example")];
    let refused = Client::connect_with(&server, "/echo", &origin).expect_err("a foreign page");
    assert_eq!(refused.status, 403);
    server.reload_with("client.origins = [\"https://page.example\"]\n");
    assert!(Client::connect_with(&server, "/echo", &origin).is_ok());
}

#[test]
fn the_level_and_the_file_of_the_log_change_for_plugins_too() {
    let server = start("log.level = \"warn\"\n");
    let mut client = Client::connect(&server, "/variant");
    client.send("block 0");
    client.text();
    let line = server.reload_with("log.level = \"info\"\n");
    assert!(line.contains("log.level"), "{line}");
    assert_eq!(server.count_log(&["plugin::variant: blocks"]), 0);
    client.send("block 0");
    server.wait_for_log(&["plugin::variant: blocks"]);
    server.configure("log.level = \"info\"\nlog.file = \"here.log\"\n");
    server.signal(Signal::HUP);
    let file = server.folder().join("here.log");
    wait_until("the reload is told there", || {
        fs::read_to_string(&file).is_ok_and(|log| log.contains("reload done: log.file"))
    });
    client.send("block 0");
    wait_until("the file has it", || {
        fs::read_to_string(&file).is_ok_and(|log| log.contains("plugin::variant: blocks"))
    });
    server.assert_logged(1, &["plugin::variant: blocks"]);
}

#[test]
fn what_needs_a_restart_is_named() {
    let server = setup("").with_pings().start();
    server.reload_with("strict = true\nclient.ping_interval = \"5s\"\n");
    server.wait_for_log(&["WARN", "reload: these need a restart: strict"]);
    server.wait_for_log(&["reload done: client.ping_interval"]);
}

#[test]
fn a_plugin_that_takes_options_keeps_its_instance() {
    let setup = Setup::new().file(FILE, &variant("one takes-options"));
    let server = setup
        .configuration(&route("/a", "greeting = \"hello\""))
        .start();
    let mut client = Client::connect(&server, "/a");
    assert_eq!(ask(&mut client, "greeting"), "hello");
    let line = server.reload_with(&route("/a", "greeting = \"good day\""));
    assert!(line.contains("options of route /a"), "{line}");
    assert_eq!(ask(&mut client, "greeting"), "good day");
    server.assert_logged(1, &["created one"]);
}

#[test]
fn a_plugin_that_does_not_is_made_anew_under_its_clients() {
    let server = start(&route("/a", "greeting = \"hello\""));
    let mut client = Client::connect(&server, "/a");
    assert_eq!(ask(&mut client, "one"), "one 1 1 0  one");
    server.reload_with(&route("/a", "greeting = \"good day\""));
    assert_eq!(ask(&mut client, "greeting"), "good day");
    assert_eq!(
        ask(&mut client, "two"),
        "one 3 3 1  two",
        "state and session are there"
    );
    server.wait_for_log(&["dropped one"]);
}

#[test]
fn two_signals_at_once_are_both_obeyed() {
    let server = start("");
    server.configure("client.message = \"10 B\"\n");
    server.signal(Signal::HUP);
    server.signal(Signal::HUP);
    server.wait_for_log(&["reload done: ", "client.message"]);
    let mut client = Client::connect(&server, "/echo");
    client.send("01234567890");
    assert_eq!(client.closed().0, 1009);
}
