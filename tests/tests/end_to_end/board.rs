//! The board with its database on the real server: what is read, found and fetched, and whom a disk that stands still delays.

use rusqlite::Connection;
use serde_json::{Value, json};
use tests::{Client, Raw, Server, Setup};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand the rest of it";

fn start() -> Server {
    let setup = Setup::new().plugins(&["board", "echo"]);
    let state = setup.folder().join("state");
    let text = format!("state_dir = \"{}\"\n", state.display());
    setup.configuration(&text).start()
}

fn ask(client: &mut Client, what: &Value) -> Value {
    client.send(&what.to_string());
    hear(client)
}

fn hear(client: &mut Client) -> Value {
    serde_json::from_str(&client.text()).expect("the board speaks JSON")
}

fn join(server: &Server, name: &str) -> (Client, Value) {
    let mut client = Client::connect(server, "/board");
    let welcome = hear(&mut client);
    let you = ask(&mut client, &json!({ "name": name }));
    assert_eq!(you["you"]["name"], name);
    (client, welcome)
}

fn get(server: &Server, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (status, _, body) = Raw::answer(server, request);
    (status, body)
}

#[test]
fn what_was_said_is_there_after_a_restart_and_is_found_and_exported() {
    let mut server = start();
    let (mut ann, _) = join(&server, "Ann");
    let said = ask(&mut ann, &json!({ "say": "good morning" }));
    ann.send_binary(PNG);
    let shown = hear(&mut ann);
    assert_eq!(shown["entry"]["picture"], "image/png");
    drop(ann);
    server.stop();
    server.start_again();
    let (mut bob, welcome) = join(&server, "Bob");
    let past = json!([shown["entry"], said["entry"]]);
    assert_eq!(welcome["welcome"]["entries"], past);
    let found = ask(&mut bob, &json!({ "search": { "words": "morn" } }));
    assert_eq!(found["found"]["entries"], json!([said["entry"]]));
    let mut raw = Raw::connect(&server);
    let picture = format!("/board?picture={}", shown["entry"]["id"]);
    raw.write(format!("GET {picture} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let head = raw.head();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(raw.bytes(PNG.len()), PNG);
    let (status, export) = get(&server, "/board?export");
    assert_eq!(status, 200);
    let lines: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(json!(lines), json!([said["entry"], shown["entry"]]));
}

/// While somebody else has the database's lock, which is what a writer sees of a disk that stands still: the one who writes
/// waits. Everyone else reads, searches, comes, fetches and exports, and other routes are served.
#[test]
fn a_disk_that_stands_still_delays_only_who_writes() {
    let server = start();
    let (mut ann, _) = join(&server, "Ann");
    let (mut bob, _) = join(&server, "Bob");
    let before = ask(&mut ann, &json!({ "say": "before" }));
    assert_eq!(hear(&mut bob), before);
    let disk = server.folder().join("state/board/board.sqlite3");
    let disk = Connection::open(disk).expect("the board has made it");
    disk.execute_batch("BEGIN IMMEDIATE")
        .expect("nobody writes");

    ann.send(&json!({ "say": "at last" }).to_string());
    for _ in 0..20 {
        let found = ask(&mut bob, &json!({ "search": { "words": "before" } }));
        assert_eq!(found["found"]["entries"], json!([before["entry"]]));
        let (_, welcome) = join(&server, "Eve");
        assert_eq!(welcome["welcome"]["entries"], json!([before["entry"]]));
        assert_eq!(get(&server, "/board").0, 200);
        assert_eq!(get(&server, "/board?export").0, 200);
        let mut elsewhere = Client::connect(&server, "/echo");
        elsewhere.send("here");
        assert_eq!(elsewhere.text(), "here");
    }

    disk.execute_batch("COMMIT").expect("it was begun");
    let written = hear(&mut bob);
    assert_eq!(written["entry"]["text"], "at last");
    assert_eq!(hear(&mut ann), written);
}

/// The newest number that a reader has, once it has this entry too: no number is left out.
#[track_caller]
fn next(last: u64, entry: &Value) -> u64 {
    let id = entry["id"].as_u64().expect("a number");
    assert!(id <= last + 1, "{id} behind {last}: there is a gap");
    last.max(id)
}

/// Many write and many come at once: each has every entry once or twice, in the past or as it is said, none is missing and none
/// is out of order.
#[test]
fn who_comes_while_others_write_misses_nothing() {
    const WRITERS: usize = 4;
    const ENTRIES: usize = 50;
    let server = start();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| join(&server, &format!("w{writer}")).0)
        .collect();
    std::thread::scope(|scope| {
        for mut writer in writers {
            scope.spawn(move || {
                for number in 0..ENTRIES {
                    writer.send(&json!({ "say": format!("entry {number}") }).to_string());
                }
                // Until all of it has come.
                while hear(&mut writer)["entry"]["id"] != (WRITERS * ENTRIES) as u64 {}
            });
        }
        for _ in 0..10 {
            let mut reader = Client::connect(&server, "/board?since=0");
            // What is said before it is welcome may be in its past as well.
            let mut early = Vec::new();
            let past = loop {
                let told = hear(&mut reader);
                match told.get("welcome") {
                    Some(welcome) => break welcome["entries"].clone(),
                    None => early.push(told["entry"].clone()),
                }
            };
            let past = past.as_array().expect("a list").iter().rev();
            let mut last = 0;
            for entry in past.chain(&early) {
                last = next(last, entry);
            }
            while last < (WRITERS * ENTRIES) as u64 {
                last = next(last, &hear(&mut reader)["entry"]);
            }
        }
    });
}

#[test]
fn a_picture_over_the_routes_limit_closes_with_1009_and_one_over_the_boards_is_answered() {
    let server = start();
    let (mut ann, _) = join(&server, "Ann");
    ann.send_binary(&[PNG, &[0; 60_000]].concat());
    assert_eq!(hear(&mut ann)["error"], "larger than 60000 bytes");
    ann.send_binary(&[PNG, &[0; 70_000]].concat());
    assert_eq!(ann.closed().0, 1009);
}
