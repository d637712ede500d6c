//! `log.format`: lines for people, or for programs.

use rustix::process::Signal;
use tests::{Client, Server, Setup};

fn start(configuration: &str) -> Server {
    let setup = Setup::new().plugins(&["probe"]);
    setup.configuration(configuration).start()
}

#[test]
fn json_is_one_object_a_line_whatever_a_client_sends() {
    let mut server = start("log.format = \"json\"\n");
    let evil = "quote \" backslash \\ newline\n\u{1b}[2J {\"level\":\"ERROR\"}";
    Client::connect(&server, "/probe").send(&format!("log {evil}"));
    server.wait_for_log(&["quote"]);
    server.stop();
    let lines: Vec<serde_json::Value> = server
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    for line in &lines {
        let time = line["time"].as_str().expect("each has a time");
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        for key in ["level", "target", "message"] {
            assert!(line[key].is_string(), "{key} of {line}");
        }
    }
    let mut said = lines
        .iter()
        .filter(|line| line["target"] == "plugin::probe" && line["level"] == "WARN");
    let message = said.next().expect("the plugin's line")["message"].as_str();
    let expected = "quote \" backslash \\ newline\\n\\u{1b}[2J {\"level\":\"ERROR\"}";
    assert_eq!(message, Some(expected));
    assert!(said.next().is_none(), "no line was forged");
}

#[test]
fn a_reload_changes_it() {
    let server = start("");
    server.configure("log.format = \"json\"\n");
    server.signal(Signal::HUP);
    server.wait_for_log(&["\"message\":\"reload done: log.format\""]);
    let mut client = Client::connect(&server, "/probe");
    client.send("log first");
    server.wait_for_log(&["\"message\":\"first\"", "\"target\":\"plugin::probe\""]);
    server.reload_with("log.format = \"text\"\n");
    client.send("log second");
    server.wait_for_log(&["[WARN", "plugin::probe: second"]);
}
