//! A thousand reloads while clients chat, and as many libraries as one process may load.

use std::thread;
use std::time::Instant;

use tests::{Client, NumberedChat, Over, Raw, Setup, TEXT, frame, handshake, variant};

const FILE: &str = "libvariant.so";

#[test]
#[allow(clippy::print_stdout)] // a measurement, for who runs it with --nocapture
fn a_thousand_reloads_lose_nobody_and_nothing() {
    const RELOADS: usize = 1000;
    let route = |greeting: &str| {
        format!(
            "[[route]]\npath = \"/variant\"\nplugin = \"variant\"\nmessage = \"{greeting}0 KiB\"\n[route.options]\ngreeting = \"{greeting}\"\n"
        )
    };
    let texts = [route("1"), route("2"), "listen = nonsense".to_owned()];
    let setup = Setup::new().file(FILE, &variant("one"));
    let server = setup.configuration(&texts[0]).start();
    let is_over = Over::default();
    let start = Instant::now();
    let mut chats: Vec<NumberedChat> = (0..4)
        .map(|_| NumberedChat::new(Client::connect(&server, "/variant")))
        .collect();
    thread::scope(|scope| {
        let end = is_over.when_dropped();
        for chat in &mut chats {
            scope.spawn(|| {
                while !is_over.is_said() {
                    chat.exchange(1);
                }
            });
        }
        for number in 1..=RELOADS {
            server.reload_with(&texts[number % texts.len()]);
        }
        drop(end);
    });
    let messages: u64 = chats.iter().map(|chat| chat.count).sum();
    println!(
        "{RELOADS} reloads during {messages} messages in {:?}",
        start.elapsed()
    );
    server.assert_logged(RELOADS, &["reload done: "]);
    // Every third is wrong, and each of the others has other options than the one before.
    server.assert_logged(RELOADS / 3, &["reload done: given up"]);
    let changes = ["reload done: ", "options of route /variant"];
    server.assert_logged(RELOADS - RELOADS / 3, &changes);
    assert_eq!(server.count_log(&[": closed "]), 0, "nobody was dropped");
}

#[test]
fn no_more_libraries_are_loaded_than_allowed() {
    let setup = Setup::new().file(FILE, &variant("v0"));
    let server = setup.configuration("library_loads_max = 3\n").start();
    let mut client = Client::connect(&server, "/variant");
    for number in 1..=3 {
        server.put_plugin(FILE, &variant(&format!("v{number}")));
        server.reload();
    }
    let line = server.wait_for_log(&["ERROR", FILE, "is not loaded: this process has loaded 3"]);
    let remedy =
        "libraries, which is its limit (library_loads_max); restart it; the one at work goes on";
    assert!(line.ends_with(remedy), "{line}");
    client.send("a");
    assert_eq!(client.text(), "v2 1 1 2  a");
    server.reload_with("library_loads_max = 4\n");
    client.send("b");
    assert_eq!(client.text(), "v3 2 2 3  b");
}

/// Cause: each library that was replaced keeps a file open; after 150 replacements at `ulimit -n 300`
/// 140 clients were let in, of 200 that the start had promised.
#[test]
fn replacements_never_take_the_files_of_the_connections_that_were_promised() {
    let setup = Setup::new().file(FILE, &variant("v0"));
    let server = setup.after_shell("ulimit -n 130").start();
    assert!(server.printed()[2].starts_with("capacity: 30 connections, "));
    let mut client = Client::connect(&server, "/variant");
    for number in 1..=110 {
        server.put_plugin(FILE, &variant(&format!("v{number}")));
        server.reload();
    }
    server.wait_for_log(&[
        "WARN",
        "10 more libraries can be loaded, then the server has to be",
    ]);
    server.wait_for_log(&[
        "WARN",
        " 0 more libraries can be loaded",
        "16 were, of 16 that open files",
    ]);
    let line = server.wait_for_log(&["ERROR", "this process has loaded 16 libraries"]);
    let limit = "its limit (open files, ulimit -n (130) beside 30 connections); restart it";
    assert!(line.contains(limit), "{line}");
    client.send("a");
    assert!(
        client.text().starts_with("v15 "),
        "the last that was loaded goes on"
    );
    let mut others: Vec<_> = (1..30).map(|_| Raw::upgrade(&server, "/variant")).collect();
    let (status, ..) = Raw::answer(&server, handshake("/variant", &[]));
    assert_eq!(status, 503);
    for other in &mut others {
        other.write(frame(TEXT, b"b"));
        assert!(other.frame().1.starts_with(b"v15 "));
    }
}

/// Who asks for fewer connections may replace the more, and gets fewer connections when more are asked
/// for afterwards.
#[test]
fn files_that_connections_leave_over_are_for_libraries_and_the_other_way_round() {
    let setup = Setup::new()
        .file(FILE, &variant("v0"))
        .after_shell("ulimit -n 130");
    let server = setup.configuration("limits.connections = 10\n").start();
    for number in 1..=20 {
        server.put_plugin(FILE, &variant(&format!("v{number}")));
        server.reload();
    }
    let mut client = Client::connect(&server, "/variant");
    client.send("a");
    assert!(client.text().starts_with("v20 "));
    server.reload_with("limits.connections = 28\n");
    server.wait_for_log(&[
        "WARN",
        "no more than 25 connections, limited by open files",
        "since 21 libraries were loaded",
    ]);
    let _others: Vec<_> = (1..25).map(|_| Raw::upgrade(&server, "/variant")).collect();
    let (status, ..) = Raw::answer(&server, handshake("/variant", &[]));
    assert_eq!(status, 503);
}
