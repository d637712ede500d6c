//! `log.levels`: single targets of the log are louder or quieter than the rest.

use std::fs;

use tests::{Client, Server, Setup, run_server};

/// Lets plugin `probe` log a warning, and `chat` a line of level info.
fn speak(server: &Server, words: &str) {
    let mut chat = Client::connect(server, "/chat");
    chat.send(words);
    chat.text();
    let mut probe = Client::connect(server, "/probe");
    probe.send(&format!("log {words}"));
    // The log takes lines in order.
    probe.send("log end of it");
    server.wait_for_log(&["plugin::probe: end of it"]);
}

#[test]
fn a_target_may_be_quieter_than_the_rest() {
    let setup = Setup::new().plugins(&["probe", "chat"]);
    let configuration = "[log.levels]\n\"plugin::chat\" = \"warn\"\n";
    let server = setup.configuration(configuration).start();
    speak(&server, "hello");
    server.assert_logged(1, &["plugin::probe: hello"]);
    server.assert_logged(0, &["plugin::chat: "]);
}

#[test]
fn a_plugin_may_be_louder_than_the_rest_and_is_told_so() {
    let setup = Setup::new().plugins(&["probe", "chat"]);
    let configuration = "[log]\nlevel = \"error\"\nlevels = { \"plugin\" = \"warn\", \"plugin::chat\" = \"info\" }\n";
    let server = setup.configuration(configuration).start();
    speak(&server, "hello");
    server.assert_logged(1, &["INFO", "plugin::chat: Client 1 says: hello"]);
    server.assert_logged(1, &["WARN", "plugin::probe: hello"]);
    server.assert_logged(0, &["INFO", "plugin::probe: "]);
    server.assert_logged(0, &["server::"]);
}

#[test]
fn a_reload_changes_it_in_both_directions() {
    let setup = Setup::new().plugins(&["probe", "chat"]);
    let server = setup.configuration("").start();
    speak(&server, "first");
    server.assert_logged(1, &["plugin::chat: ", "first"]);
    let done = server.reload_with("log.levels = { \"plugin::chat\" = \"off\" }\n");
    assert!(done.contains("log.levels"), "{done}");
    speak(&server, "second");
    server.assert_logged(1, &["plugin::probe: second"]);
    server.assert_logged(0, &["plugin::chat: ", "second"]);
    server.reload_with("");
    speak(&server, "third");
    server.assert_logged(1, &["plugin::chat: ", "third"]);
}

#[test]
fn the_lines_of_the_start_are_not_lost_where_their_target_is_quiet() {
    let setup = Setup::new();
    let configuration = "log.levels = { \"server\" = \"warn\" }\n";
    let server = setup.configuration(configuration).start();
    assert!(
        server
            .printed()
            .iter()
            .any(|line| line.contains("listening on "))
    );
    server.assert_logged(0, &["listening on "]);
}

#[test]
fn check_points_at_what_is_wrong() {
    let setup = Setup::new().plugins(&["echo"]);
    let file = setup.folder().join("wrong.toml");
    let text = "[log.levels]\n\"plugins::echo\" = \"warn\"\nserver = \"loud\"\n";
    fs::write(&file, text).expect("the folder can be written");
    let plugins = setup.plugins_folder();
    let finished = run_server(&[
        "--check",
        "--plugins",
        plugins.to_str().expect("it is text"),
        "--config",
        file.to_str().expect("it is text"),
    ]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    for place in [
        "wrong.toml:2:1: `levels`: \"plugins::echo\" is no target of this log: ",
        "wrong.toml:3:10: `levels`: \"loud\" is no log level: ",
    ] {
        assert!(finished.stderr.contains(place), "{finished:?}");
    }
}
