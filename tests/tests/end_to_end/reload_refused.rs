//! A reload that cannot be: everything stays as it was, and the log says why, with file and line.

use std::net::TcpListener;

use tests::{Client, Server, Setup, variant};

const FILE: &str = "libvariant.so";
const GOOD: &str = "client.message = \"100 B\"\n";

fn start() -> (Server, Client) {
    let setup = Setup::new()
        .plugins(&["echo"])
        .file(FILE, &variant("one takes-options"));
    let server = setup.configuration(GOOD).start();
    let client = Client::connect(&server, "/echo");
    (server, client)
}

/// The reload is given up for `why`, and nothing of `text` holds.
#[track_caller]
fn assert_given_up(text: &str, why: &[&str]) {
    let (server, mut client) = start();
    let with_limit = format!("{text}\n[client]\nmessage = \"5 B\"\n");
    let line = server.reload_with(&with_limit);
    assert!(
        line.ends_with("reload done: given up, everything is as before"),
        "{line}"
    );
    server.wait_for_log(&[&["ERROR", "reload: "], why].concat());
    client.send("0123456789");
    assert_eq!(client.text(), "0123456789");
    let mut new = Client::connect(&server, "/echo");
    new.send("0123456789");
    assert_eq!(new.text(), "0123456789");
    let line = server.reload_with(GOOD);
    assert!(line.contains("nothing has changed"), "{line}");
}

#[test]
fn for_a_file_that_is_no_toml() {
    assert_given_up("listen = nonsense", &["detent.toml:1:10: this is no TOML"]);
}

#[test]
fn for_an_unknown_key() {
    assert_given_up(
        "stop_timeut = \"5s\"",
        &["detent.toml:1:1: ", "did you mean `stop_timeout`?"],
    );
}

#[test]
fn for_a_route_whose_plugin_is_not_loaded() {
    let route = "[[route]]\npath = \"/x\"\nplugin = \"nobody\"";
    assert_given_up(
        route,
        &["detent.toml:1:1: route /x: no plugin `nobody` is loaded"],
    );
}

#[test]
fn for_a_new_route_that_cannot_be_made() {
    let route = "[[route]]\npath = \"/x\"\nplugin = \"variant\"\n[route.options]\nnonsense = 1";
    assert_given_up(
        route,
        &["route /x: create failed: option `nonsense`: unknown field"],
    );
}

#[test]
fn for_a_listener_that_cannot_be_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let setup = Setup::new().plugins(&["echo"]).listens_as_configured();
    let server = setup.configuration("listen = [\"127.0.0.1:0\"]\n").start();
    let mut client = Client::connect(&server, "/echo");
    server.reload_with(&format!("listen = [\"{address}\"]\n"));
    server.wait_for_log(&["ERROR", &format!("reload: cannot listen on {address}")]);
    client.send("here");
    assert_eq!(client.text(), "here");
    let mut new = Client::connect(&server, "/echo");
    new.send("here too");
    assert_eq!(new.text(), "here too");
}

#[test]
fn for_a_log_file_that_cannot_be_opened() {
    assert_given_up(
        "log.file = \"no/such/folder/log\"",
        &["log file", "no/such/folder/log"],
    );
}

fn two_routes(first: &str, second: &str) -> String {
    let route = |path: &str, greeting: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\nplugin = \"variant\"\n[route.options]\ngreeting = \"{greeting}\"\n"
        )
    };
    route("/a", first) + &route("/b", second)
}

#[test]
fn options_that_one_takes_and_another_refuses_are_taken_back() {
    let setup = Setup::new().file(FILE, &variant("one takes-options"));
    let server = setup.configuration(&two_routes("hello", "hello")).start();
    let mut first = Client::connect(&server, "/a");
    let mut second = Client::connect(&server, "/b");
    let line = server.reload_with(&two_routes("good day", "refuse"));
    assert!(line.contains("given up"), "{line}");
    server.wait_for_log(&[
        "ERROR",
        "route /b: reconfigure failed: told to refuse these options",
    ]);
    for client in [&mut first, &mut second] {
        client.send("greeting");
        assert_eq!(client.text(), "hello");
    }
}

#[test]
fn a_busy_plugin_that_has_to_be_made_anew_is_named() {
    let setup = Setup::new().file(FILE, &variant("one"));
    let server = setup.configuration(&two_routes("hello", "hello")).start();
    let mut busy = Client::connect(&server, "/b");
    busy.send("block");
    server.wait_for_log(&["blocks"]);
    let line = server.reload_with(&two_routes("good day", "good day"));
    assert!(line.contains("given up"), "{line}");
    let who = "plugin variant on /b has been in on_message (client 1, thread client-1)";
    server.wait_for_log(&[
        "ERROR",
        "route /b: a callback has not returned within 2 s",
        who,
    ]);
    let mut other = Client::connect(&server, "/a");
    other.send("greeting");
    assert_eq!(
        other.text(),
        "hello",
        "the other route has its old options too"
    );
    let mut neighbour = Client::connect(&server, "/b");
    neighbour.send("release");
    assert_eq!(neighbour.text(), "one 1 2 0  release");
    assert_eq!(busy.text(), "one 1 1 0  block");
}
