//! What a reload would change.

use super::valid;
use crate::config::{Changes, Settings};

fn changes(old: &str, new: &str) -> Changes {
    valid(old).changes(&valid(new))
}

#[test]
fn the_same_settings_differ_in_nothing() {
    let route = "[[route]]\npath = \"/a\"\nplugin = \"p\"\n";
    let other = "[[route]]\npath = \"/b\"\nplugin = \"p\"\n";
    let moved = format!("\n{other}{route}");
    assert!(changes(&format!("{route}{other}"), &moved).is_empty());
}

#[test]
fn settings_are_named_as_in_the_file_and_split_by_effect() {
    let found = changes(
        "",
        "strict = true\nlog.level = \"warn\"\nclient.ping_interval = \"1s\"",
    );
    assert_eq!(found.reloadable, ["log.level", "client.ping_interval"]);
    assert_eq!(found.restart, ["strict"]);
}

#[test]
fn another_plugins_folder_needs_a_restart() {
    let old = valid("");
    let plugins = "elsewhere".into();
    let new = Settings {
        plugins,
        ..old.clone()
    };
    assert_eq!(old.changes(&new).restart, ["plugins"]);
}

#[test]
fn routes_are_named_by_their_path_where_they_differ_by_themselves() {
    let route =
        |path: &str, more: &str| format!("[[route]]\npath = \"{path}\"\nplugin = \"p\"\n{more}\n");
    let old = [route("/a", ""), route("/b", "message = 5"), route("/c", "")].concat();
    let new = [route("/a", ""), route("/b", "message = 6"), route("/d", "")].concat();
    let found = changes(&old, &format!("client.message = 7\n{new}"));
    assert_eq!(
        found.reloadable,
        ["client.message", "route /b", "route /c", "route /d"]
    );
    assert_eq!(found.restart, [""; 0]);
    let found = changes(&route("/a", ""), &route("/a", "[route.options]\nkey = 1"));
    assert_eq!(found.reloadable, ["route /a"]);
}

#[test]
fn listeners_and_insiders_are_named_where_they_differ() {
    let listener = |more: &str| format!("[[listener]]\naddress = \"127.0.0.1:9\"\n{more}\n");
    let found = changes("", &listener(""));
    assert_eq!(found.reloadable, ["listener 127.0.0.1:9"]);
    let found = changes(&listener(""), &listener("inside = true"));
    assert_eq!(found.reloadable, ["listener 127.0.0.1:9"]);
    assert!(changes(&listener("inside = true"), &listener("inside = true")).is_empty());
    let found = changes(&listener(""), &listener("reuse_port = true"));
    assert_eq!(found.reloadable, ["listener 127.0.0.1:9"]);
    let socket = |more: &str| format!("[[listener]]\naddress = \"unix:/a\"\n{more}\n");
    let found = changes(&socket(""), &socket("mode = \"600\""));
    assert_eq!(found.reloadable, ["listener unix:/a"]);
    let tokens = |token: &str| format!("inside.tokens = [\"{token}\"]");
    let found = changes(&tokens("0123456789abcdef"), &tokens("0123456789abcdeg"));
    assert_eq!(found.reloadable, ["inside.tokens"]);
    let found = changes("", "hosts = [\"h\"]\ninside.networks = [\"10.0.0.0/8\"]");
    assert_eq!(found.reloadable, ["hosts", "inside.networks"]);
}
