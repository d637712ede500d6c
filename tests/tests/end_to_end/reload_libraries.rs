//! On SIGHUP a library that cannot be used is one line, and all others are taken.

use std::fs;

use tests::{Client, Server, Setup, library, variant};

const FILE: &str = "libvariant.so";
const UNUSABLE: &str = "one library or route cannot be used, see above";

/// Serves `variant`, which a reload can replace.
fn start(configuration: &str) -> Server {
    let setup = Setup::new().file(FILE, &variant("old"));
    setup.configuration(configuration).start()
}

fn put(server: &Server, name: &str) {
    let file = library(name);
    let bytes = fs::read(&file).expect("it was built");
    server.put_plugin(&format!("lib{name}.so"), &bytes);
}

#[track_caller]
fn assert_answers(server: &Server, path: &str, start: &str) {
    let mut client = Client::connect(server, path);
    client.send("id");
    let answer = client.text();
    assert!(answer.starts_with(start), "{answer}");
}

/// A new version of `variant` and a new library `echo` come together with what `spoil` does.
#[track_caller]
fn assert_passed_over(configuration: &str, spoil: impl Fn(&Server), why: &[&str]) {
    let server = start(configuration);
    let mut living = Client::connect(&server, "/variant");
    server.put_plugin(FILE, &variant("new"));
    put(&server, "echo");
    spoil(&server);
    let line = server.reload();
    assert!(line.contains("reload done: "), "{line}");
    assert!(line.contains("route /echo added"), "{line}");
    assert!(line.contains("code of route /variant"), "{line}");
    assert!(line.ends_with(UNUSABLE), "{line}");
    server.wait_for_log(&[&["ERROR", "reload: "], why].concat());
    living.send("a");
    assert_eq!(living.text(), "new 1 1 1  a");
    assert_answers(&server, "/echo", "id");
    // It is told again as long as it is there.
    let line = server.reload();
    assert!(
        line.ends_with(&format!("nothing has changed; {UNUSABLE}")),
        "{line}"
    );
}

#[test]
fn one_that_is_cut() {
    let spoil = |server: &Server| server.put_plugin("libcut.so", b"\x7fELF");
    assert_passed_over("", spoil, &["libcut.so: is damaged"]);
}

#[test]
fn one_whose_create_fails() {
    // It has a required option, which nobody has set.
    let spoil = |server: &Server| put(server, "keeper");
    let why = "libkeeper.so: route /keeper: create failed: missing field `greeting_file`";
    assert_passed_over("", spoil, &[why]);
}

#[test]
fn one_whose_path_is_taken() {
    let route = "[[route]]\npath = \"/push\"\nplugin = \"variant\"\n";
    let both = format!("{route}[[route]]\npath = \"/variant\"\nplugin = \"variant\"\n");
    let server = start(&both);
    server.put_plugin(FILE, &variant("new"));
    ["push", "echo"].iter().for_each(|name| put(&server, name));
    let line = server.reload();
    assert!(line.contains("route /echo added"), "{line}");
    assert!(
        line.contains("code of route /push, code of route /variant"),
        "{line}"
    );
    assert!(line.ends_with(UNUSABLE), "{line}");
    server.wait_for_log(&[
        "ERROR",
        "reload: libpush.so: serves /push, which ",
        "detent.toml:1:1 serves",
    ]);
    assert_answers(&server, "/push", "new 1");
}

#[test]
fn one_with_the_name_of_one_that_is_at_work() {
    // The new file comes first by its name, and does not take the place of the one at work.
    let spoil = |server: &Server| server.put_plugin("liba.so", &variant("intruder"));
    let why = "liba.so: is plugin `variant`, which libvariant.so is already";
    assert_passed_over("", spoil, &[why]);
}

const ROUTE: &str = "[[route]]\npath = \"/a\"\nplugin = \"variant\"\n";

#[test]
fn one_that_a_route_names_and_that_is_gone_leaves_the_old_code_at_work() {
    let server = start(ROUTE);
    let mut living = Client::connect(&server, "/a");
    fs::remove_file(server.plugin_file(FILE)).expect("it is there");
    put(&server, "echo");
    let line = server.reload_with(&format!("{ROUTE}message = \"10 B\"\n"));
    assert!(line.contains("route /echo added"), "{line}");
    assert!(line.ends_with(UNUSABLE), "{line}");
    let why = "route /a: no plugin `variant` is loaded";
    let line = server.wait_for_log(&["ERROR", why]);
    assert!(line.ends_with("; the one at work goes on"), "{line}");
    living.send("a");
    assert_eq!(living.text(), "old 1 1 0  a");
    living.send("more than ten");
    assert_eq!(living.closed().0, 1009, "the new settings hold");
}

#[test]
fn one_that_failed_at_the_start_holds_up_no_later_reload() {
    let setup = Setup::new().plugins(&["echo"]);
    let setup = setup.file(FILE, &variant("new fail-create"));
    let server = setup.configuration(ROUTE).start();
    let line = server.reload_with(&format!("{ROUTE}[client]\nmessage = \"5 B\"\n"));
    assert!(line.contains("client.message"), "{line}");
    assert!(line.ends_with(UNUSABLE), "{line}");
    server.put_plugin(FILE, &variant("good"));
    let line = server.reload();
    assert!(line.ends_with("reload done: route /a added"), "{line}");
}

#[test]
fn what_is_new_in_the_settings_is_still_all_or_nothing() {
    let server = start("");
    server.put_plugin(FILE, &variant("new"));
    // Its plugin cannot be made: the route was asked for just now.
    put(&server, "keeper");
    let route = "[[route]]\npath = \"/k\"\nplugin = \"keeper\"\n";
    let line = server.reload_with(route);
    assert!(
        line.ends_with("given up, everything is as before"),
        "{line}"
    );
    server.wait_for_log(&[
        "ERROR",
        "detent.toml:1:1: route /k: create failed: missing field",
    ]);
    assert_answers(&server, "/variant", "old 1");
    let line = server.reload_with("");
    assert!(line.contains("code of route /variant"), "{line}");
}
