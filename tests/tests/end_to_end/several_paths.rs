//! One instance of a plugin on several paths.

use tests::{Client, Raw, Server, Setup};

fn route(path: &str) -> String {
    format!("[[route]]\npath = {path}\nplugin = \"probe\"\n")
}

fn start(path: &str) -> Server {
    let setup = Setup::new().plugins(&["probe"]);
    setup.configuration(&route(path)).start()
}

/// What the probe says of the request, on a path that leads to it.
#[track_caller]
fn ask(server: &Server, path: &str) -> String {
    let mut client = Client::connect(server, path);
    client.send("request");
    loop {
        let text = client.text();
        if text.starts_with("method=") {
            return text;
        }
    }
}

#[test]
fn one_instance_serves_all_of_them() {
    let server = start("[\"/look\", \"/look/{name}\"]");
    let printed = server.printed();
    let line = printed.iter().find(|line| line.starts_with("route "));
    assert!(
        line.expect("a route")
            .starts_with("route /look, /look/{name}: probe "),
        "{printed:?}"
    );
    assert!(ask(&server, "/look").contains("name=None"));
    assert!(ask(&server, "/look/4").contains("name=Some(\"4\")"));
    let (status, ..) = Raw::answer(&server, "GET /look/4/5 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, 404);
}

#[test]
fn a_path_comes_and_goes_by_a_reload_under_the_clients_of_the_other() {
    let server = start("\"/look\"");
    let mut client = Client::connect(&server, "/look");
    let line = server.reload_with(&route("[\"/look\", \"/second\"]"));
    assert!(!line.contains("removed"), "{line}");
    ask(&server, "/second");
    client.send("request");
    client.text();
    server.reload_with(&route("[\"/look\"]"));
    let (status, ..) = Raw::answer(&server, "GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, 404);
    client.send("request");
    client.text();
}

#[test]
fn a_check_finds_what_is_wrong_with_each_of_them() {
    for (text, why) in [
        (route("[]"), "the list is empty"),
        (route("[\"/a\", \"b\"]"), "does not begin with /"),
        (route("[\"/a\", \"/a\"]"), "matches the same as \"/a\""),
        (
            format!("{}{}", route("[\"/a\", \"/b\"]"), route("\"/b\"")),
            "matches the same as \"/b\" in line 2",
        ),
        (route("[\"/a\", 5]"), "`path`"),
    ] {
        let setup = Setup::new().plugins(&["probe"]).configuration(&text);
        let checked = setup.arguments(&["--check"]).run();
        checked.assert_code(2);
        assert!(checked.stderr.contains(why), "{text}: {}", checked.stderr);
    }
    let text = route("[\"/a\", \"/a/{name}\"]");
    let setup = Setup::new().plugins(&["probe"]).configuration(&text);
    setup.arguments(&["--check"]).run().assert_code(0);
}

#[test]
fn a_further_path_of_a_plugin_is_left_to_the_route_that_has_it() {
    let text = "[[route]]\npath = \"/push/{name}\"\nplugin = \"probe\"\n";
    let setup = Setup::new().plugins(&["probe", "push"]).configuration(text);
    let server = setup.arguments(&["--strict"]).start();
    assert!(ask(&server, "/push/x").contains("name=Some(\"x\")"));
    Client::connect(&server, "/push");
}
