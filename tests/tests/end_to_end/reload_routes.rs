//! What a reload changes about a route that stays: its plugin, its subprotocols, its own settings.

use tests::{Client, Server, Setup};

fn start(configuration: &str) -> Server {
    let setup = Setup::new().plugins(&["echo", "probe"]);
    setup.configuration(configuration).start()
}

fn route(plugin: &str, more: &str) -> String {
    format!("[[route]]\npath = \"/a\"\nplugin = \"{plugin}\"\n{more}\n")
}

#[test]
fn another_plugin_on_its_path_is_another_route() {
    let server = start(&route("probe", ""));
    let mut old = Client::connect(&server, "/a");
    let line = server.reload_with(&route("echo", ""));
    assert!(line.contains("route /a added"), "{line}");
    assert!(line.contains("route /a removed"), "{line}");
    assert_eq!(old.closed(), (1001, "the route was removed".to_owned()));
    server.wait_for_log(&["plugin::probe: closed 1: 1001 by Server"]);
    let mut new = Client::connect(&server, "/a");
    new.send("path");
    assert_eq!(new.text(), "path", "the probe would tell its path");
}

#[test]
fn subprotocols_hold_for_those_who_come() {
    let chosen = |server: &Server| {
        let offered = [("Sec-WebSocket-Protocol", "probe.v2, probe.v1")];
        let client = Client::connect_with(server, "/a", &offered);
        client.expect("it is admitted").subprotocol
    };
    let server = start(&route("probe", "subprotocols = [\"probe.v1\"]"));
    assert_eq!(chosen(&server).as_deref(), Some("probe.v1"));
    let mut living = Client::connect(&server, "/a");
    let line = server.reload_with(&route("probe", "subprotocols = [\"probe.v2\"]"));
    assert!(line.ends_with("reload done: route /a"), "{line}");
    assert_eq!(chosen(&server).as_deref(), Some("probe.v2"));
    living.send("path");
    loop {
        // Those who were only asked what they had chosen have left.
        match living.text().as_str() {
            "/a" => break,
            other => assert!(other.ends_with(" has left"), "{other}"),
        }
    }
}

#[test]
fn settings_of_its_own_hold_for_the_living_and_for_no_other_route() {
    let server = start(&route("echo", "message = \"100 B\""));
    let mut here = Client::connect(&server, "/a");
    let mut elsewhere = Client::connect(&server, "/probe");
    let line = server.reload_with(&route("echo", "message = \"10 B\""));
    assert!(line.ends_with("reload done: route /a"), "{line}");
    here.send("01234567890");
    let reason = "message of 11 bytes is over the limit of 10".to_owned();
    assert_eq!(here.closed(), (1009, reason));
    elsewhere.send("messages and more than ten bytes");
    assert_eq!(elsewhere.text(), "1");
}

#[test]
fn default_routes_come_and_go_like_others() {
    let named = route("probe", "");
    let server = start(&named);
    let mut old = Client::connect(&server, "/echo");
    let line = server.reload_with(&format!("default_routes = false\n{named}"));
    assert!(line.contains("default_routes"), "{line}");
    assert!(line.contains("route /echo removed"), "{line}");
    assert_eq!(old.closed(), (1001, "the route was removed".to_owned()));
    let refused = Client::connect_with(&server, "/echo", &[]).expect_err("it is gone");
    assert_eq!(refused.status, 404);
    server.reload_with(&named);
    let mut new = Client::connect(&server, "/echo");
    new.send("back");
    assert_eq!(new.text(), "back");
}
