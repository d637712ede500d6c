//! A thousand reloads while clients chat, and as many libraries as one process may load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use tests::{Client, NumberedChat, Setup, variant};

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
    let is_over = AtomicBool::new(false);
    let start = Instant::now();
    let mut chats: Vec<NumberedChat> = (0..4)
        .map(|_| NumberedChat::new(Client::connect(&server, "/variant")))
        .collect();
    thread::scope(|scope| {
        for chat in &mut chats {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    chat.exchange(1);
                }
            });
        }
        for number in 1..=RELOADS {
            server.reload_with(&texts[number % texts.len()]);
        }
        is_over.store(true, Ordering::Relaxed);
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
