//! A plugin's own threads call the host without end: while it works, while it is reloaded, while the
//! server stops and after; and they panic.

use tests::{Client, Message, Setup};

const HAMMERS: &str =
    "[[route]]\npath = \"/faulty\"\nplugin = \"faulty\"\noptions = { hammers = 4 }\n";

/// Waits for a text of the plugin's threads. They make clients members of a topic too, and send it
/// bytes.
#[track_caller]
fn hear_a_hammer(client: &mut Client) {
    loop {
        match client.receive() {
            Message::Binary(nails) => assert_eq!(nails, [0; 100].as_slice()),
            Message::Text(text) => return assert!(text.starts_with("hammered"), "{text}"),
            other => panic!("from no hammer: {other:?}"),
        }
    }
}

#[test]
fn a_flood_from_a_plugin_leaves_other_routes_alone() {
    let setup = Setup::new().plugins(&["faulty", "echo", "chat"]);
    let mut server = setup.configuration(HAMMERS).start();
    let resident_before = server.resident_kib();
    let mut hearing = Client::connect(&server, "/faulty");
    let mut speaker = Client::connect(&server, "/chat");
    let mut listener = Client::connect(&server, "/chat");
    for number in 0..200 {
        speaker.send(&number.to_string());
        assert!(listener.text().ends_with(&format!(": {number}")));
        assert!(speaker.text().ends_with(&format!(": {number}")));
        if number % 50 == 0 {
            let line = server.reload();
            assert!(line.contains("reload done: "), "{line}");
            hear_a_hammer(&mut hearing);
        }
    }
    let grown = server.resident_kib().saturating_sub(resident_before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    drop((hearing, speaker, listener));
    server.stop();
}

/// What such threads do after `main` has returned must not change how the process ends.
#[test]
fn the_stop_is_in_good_order_all_the_same() {
    for _ in 0..5 {
        let setup = Setup::new().plugins(&["faulty", "echo"]);
        let mut server = setup.configuration(HAMMERS).start();
        let mut client = Client::connect(&server, "/faulty");
        hear_a_hammer(&mut client);
        client.reset();
        server.stop();
        server.assert_logged(1, &["server::life::stop: stopped"]);
    }
}

#[test]
fn panics_of_such_threads_cost_nothing() {
    let setup = Setup::new().plugins(&["faulty", "echo"]);
    let options = [
        "--set",
        "faulty.hammers=4",
        "--set",
        "faulty.hammer_rounds=200",
    ];
    let mut server = setup.arguments(&options).start();
    let mut echo = Client::connect(&server, "/echo");
    tests::wait_until("each has panicked", || {
        server.count_log(&["ERROR", "thread \"hammer\" panicked", "after 200 rounds"]) == 4
    });
    echo.send("here");
    assert_eq!(echo.text(), "here");
    drop(echo);
    server.stop();
}
