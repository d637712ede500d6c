//! Routes of the configuration file: several of one plugin, places in paths, subprotocols.

use tests::{Client, Raw, Setup, handshake};

fn probe(path: &str, more: &str) -> String {
    format!("[[route]]\npath = \"{path}\"\nplugin = \"probe\"\n{more}\n")
}

#[track_caller]
fn ask(client: &mut Client, text: &str) -> String {
    client.send(text);
    client.text()
}

#[test]
fn one_plugin_serves_several_paths_each_by_itself() {
    let routes = probe("/a", "options = { text = \"first\" }")
        + &probe("/b", "options = { text = \"second\" }");
    let setup = Setup::new().plugins(&["probe"]).configuration(&routes);
    let server = setup.start();
    let (mut a, mut b) = (
        Client::connect(&server, "/a"),
        Client::connect(&server, "/b"),
    );
    assert!(ask(&mut a, "option").contains("first"));
    assert!(ask(&mut b, "option").contains("second"));
    assert_eq!(ask(&mut a, "clients"), "1");
    a.send("broadcast for a only");
    assert_eq!(a.text(), "for a only");
    assert_eq!(ask(&mut b, "path"), "/b", "nothing came before");
    let refused =
        Client::connect_with(&server, "/probe", &[]).expect_err("it has routes of its own");
    assert_eq!(refused.status, 404);
}

#[test]
fn a_place_in_the_path_is_read_apart_from_the_query() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.configuration(&probe("/room/{name}", "")).start();
    let mut client = Client::connect(&server, "/room/gr%C3%BCn%20one?name=two");
    let request = ask(&mut client, "request");
    assert!(request.contains("name=Some(\"grün one\")"), "{request}");
    assert!(request.contains("query=Some(\"name=two\")"), "{request}");
    assert!(request.contains("path=/room/gr%C3%BCn%20one "), "{request}");
    for path in ["/room", "/room/", "/room/a/b"] {
        let refused = Client::connect_with(&server, path, &[]).expect_err("it does not fit");
        assert_eq!(refused.status, 404, "{path}");
    }
    let (status, _, body) = Raw::answer(&server, handshake("/room/%ff", &[]));
    assert_eq!(
        (status, body.as_str()),
        (400, "`name` in the path is not UTF-8\n")
    );
}

#[test]
fn a_tail_takes_the_rest_of_the_path() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.configuration(&probe("/files/{*name}", "")).start();
    let mut client = Client::connect(&server, "/files/a/b/c");
    let request = ask(&mut client, "request");
    assert!(request.contains("name=Some(\"a/b/c\")"), "{request}");
}

#[test]
fn a_route_may_speak_fewer_subprotocols_than_its_plugin() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup
        .configuration(&probe("/probe", "subprotocols = [\"probe.v1\"]"))
        .start();
    let offer = |names: &str| {
        let header = [("Sec-WebSocket-Protocol", names)];
        let client = Client::connect_with(&server, "/probe", &header);
        client.expect("it is admitted").subprotocol
    };
    // The library would rather take the other one.
    assert_eq!(offer("probe.v2, probe.v1"), Some("probe.v1".to_owned()));
}

#[test]
fn what_cannot_be_served_is_told_with_its_place() {
    let routes = probe("/a", "subprotocols = [\"nonsense\"]")
        + "[[route]]\npath = \"/b\"\nplugin = \"nobody\"\n";
    let setup = Setup::new().plugins(&["echo", "probe"]);
    let server = setup.configuration(&routes).start();
    server.wait_for_log(&[
        "ERROR",
        "detent.toml:1:1: route /a: plugin `probe` does not speak subprotocol `nonsense`",
    ]);
    server.wait_for_log(&[
        "ERROR",
        "detent.toml:5:1: route /b: no plugin `nobody` is loaded",
        "echo, probe",
    ]);
    let mut client = Client::connect(&server, "/echo");
    assert_eq!(ask(&mut client, "the others run"), "the others run");
}

#[test]
fn plugins_that_no_route_names_are_served_only_if_wanted() {
    let setup = Setup::new().plugins(&["echo", "probe"]);
    let text = "default_routes = false\n".to_owned() + &probe("/p", "");
    let server = setup.configuration(&text).start();
    assert!(Client::connect_with(&server, "/p", &[]).is_ok());
    let refused = Client::connect_with(&server, "/echo", &[]).expect_err("it is not served");
    assert_eq!(refused.status, 404);
}

#[test]
fn check_tells_everything_about_file_and_plugins_at_once() {
    let routes = probe("/a", "subprotocols = [\"nonsense\"]")
        + "[[route]]\npath = \"/b\"\nplugin = \"nobody\"\n";
    let setup = Setup::new().plugins(&["probe", "future"]);
    let setup = setup.file("libtext.so", b"text").configuration(&routes);
    let finished = setup.arguments(&["--check"]).run();
    finished.assert_code(2);
    for problem in [
        "libfuture.so: built for plugin ABI 2.0",
        "libtext.so: is no ELF library",
        "detent.toml:1:1: route /a: ",
        "detent.toml:5:1: route /b: ",
    ] {
        assert!(
            finished.stderr.contains(problem),
            "{problem}: {}",
            finished.stderr
        );
    }
    let setup = Setup::new()
        .plugins(&["probe"])
        .configuration(&probe("/a", ""));
    setup.arguments(&["--check"]).run().assert_code(0);
}
