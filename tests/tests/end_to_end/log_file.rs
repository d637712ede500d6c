//! The log: its lines, its level, its file, and the file's rotation.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use tests::{Client, Server, Setup, wait_until};

fn setup_with_file() -> Setup {
    let setup = Setup::new().plugins(&["chat"]);
    let file = setup.folder().join("server.log");
    let file = file.to_str().expect("it is text").to_owned();
    setup.arguments(&["--log-file", &file])
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

#[track_caller]
fn say(server: &Server, text: &str) {
    let mut client = Client::connect(server, "/chat");
    client.send(text);
    assert!(client.text().ends_with(text));
}

#[test]
fn a_line_has_time_level_and_target() {
    let server = Server::start();
    say(&server, "hello");
    let line = server.wait_for_log(&["Client 1 says: hello"]);
    let (time, rest) = line.split_once(' ').expect("time, a space, the rest");
    assert!(
        time.starts_with("20") && time.ends_with('Z') && time.contains('T'),
        "{line}"
    );
    assert!(rest.contains("INFO"), "{line}");
    assert!(
        rest.ends_with(" plugin::chat: Client 1 says: hello"),
        "{line}"
    );
}

#[test]
fn sighup_opens_the_file_anew_after_a_rotation() {
    let mut server = setup_with_file().start();
    let file = server.folder().join("server.log");
    let rotated = server.folder().join("server.log.1");
    say(&server, "before");
    wait_until("the file has it", || read(&file).contains("says: before"));
    fs::rename(&file, &rotated).expect("it is there");
    say(&server, "between");
    wait_until("the old file has it", || {
        read(&rotated).contains("says: between")
    });
    assert!(!file.exists());

    server.signal(Signal::HUP);
    wait_until("the new file is there", || {
        read(&file).contains("reload done: log file")
    });
    say(&server, "after");
    wait_until("the new file has it", || {
        read(&file).contains("says: after")
    });
    server.stop();
    let (old, new) = (read(&rotated), read(&file));
    assert!(!old.contains("says: after"));
    assert!(!new.contains("says: between"));
    assert!(new.ends_with(": stopped\n"), "{new}");
    assert_eq!(server.log(), "", "nothing goes to stderr");
}

#[test]
fn a_file_that_cannot_be_opened_anew_stays_the_old_one() {
    let setup = Setup::new().plugins(&["chat"]);
    let folder = setup.folder().join("logs");
    fs::create_dir(&folder).expect("a new folder");
    let file = folder.join("server.log");
    let argument = file.to_str().expect("it is text").to_owned();
    let server = setup.arguments(&["--log-file", &argument]).start();
    let moved = server.folder().join("moved");
    fs::rename(&folder, &moved).expect("it is there");
    server.signal(Signal::HUP);
    let file = moved.join("server.log");
    wait_until("it is told", || read(&file).contains("; the old one stays"));
    say(&server, "still here");
    wait_until("the old file has it", || read(&file).contains("still here"));
}

#[test]
fn sighup_without_a_file_ends_nothing() {
    let mut server = Server::start();
    let mut client = Client::connect(&server, "/echo");
    for count in 1..=3 {
        server.signal(Signal::HUP);
        wait_until("it is told", || {
            server.count_log(&["reload done: "]) == count
        });
    }
    client.send("still here");
    assert_eq!(client.text(), "still here");
    server.stop();
}

#[test]
fn the_level_holds_for_server_and_plugins() {
    let setup = Setup::new().plugins(&["probe", "chat"]);
    let mut server = setup.arguments(&["--log-level", "warn"]).start();
    say(&server, "not logged");
    let mut client = Client::connect(&server, "/probe");
    client.send("log worth a warning");
    server.wait_for_log(&["WARN", "plugin::probe: worth a warning"]);
    server.stop();
    assert_eq!(server.log().lines().count(), 1);

    let setup = Setup::new().plugins(&["probe"]);
    let mut server = setup.arguments(&["--log-level", "off"]).start();
    Client::connect(&server, "/probe").send("log not even this");
    server.stop();
    assert_eq!(server.log(), "");

    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--log-level", "debug"]).start();
    Client::connect(&server, "/echo").close(1000, "");
    server.wait_for_log(&["DEBUG", "client 1 on /echo"]);
}

#[test]
fn what_clients_send_forges_no_line_wherever_it_is_logged() {
    let server = Setup::new().plugins(&["probe"]).start();
    let evil = "x\u{1b}[2J\u{9b}1m\r\n2026-01-01T00:00:00.000Z [ERROR] forged\u{2028}";
    Client::connect(&server, "/probe").close(1000, evil);
    let line = server.wait_for_log(&["closed 1: 1000 by Peer", "forged"]);
    assert!(line.contains("x\\u{1b}[2J\\u{9b}1m\\r\\n2026-"), "{line}");
    assert!(line.ends_with("forged\\u{2028}"), "{line}");
    server.assert_logged(1, &["forged"]);
}
