//! The board without a server.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use plugin_api::testing::{Ask, Client, Route, Setup};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Board;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand the rest of it";

fn setup() -> (TempDir, Setup) {
    let folder = TempDir::new().expect("a temporary folder");
    let setup = Route::of::<Board>().state_folder(folder.path());
    (folder, setup)
}

fn ask(client: &Client, what: &Value) -> Value {
    client.send(what.to_string());
    client.json()
}

/// One who has a name; gives the welcome too.
fn join(route: &Route, name: &str) -> (Client, Value) {
    let client = route.connect("/board");
    let welcome = client.json();
    let you = ask(&client, &json!({ "name": name }));
    assert_eq!(you, json!({ "you": { "name": name } }));
    (client, welcome)
}

fn texts(list: &Value) -> Vec<&str> {
    let entries = list["entries"].as_array().expect("a list of entries");
    let text = |entry: &'_ Value| entry["text"].as_str().map(str::len);
    assert!(
        entries
            .iter()
            .all(|entry| text(entry).is_some() || entry["picture"].is_string())
    );
    entries
        .iter()
        .map(|entry| entry["text"].as_str().unwrap_or("(picture)"))
        .collect()
}

#[test]
fn what_one_says_all_read_and_newcomers_find_it() {
    let (_folder, setup) = setup();
    let route = setup.start();
    let (ann, welcome) = join(&route, "Ann");
    assert_eq!(welcome["welcome"]["entries"], json!([]));
    let (bob, _) = join(&route, "Bob");
    let said = ask(&ann, &json!({ "say": "good morning" }));
    assert_eq!(said["entry"]["name"], "Ann");
    assert_eq!(said["entry"]["text"], "good morning");
    assert_eq!(bob.json::<Value>(), said);
    let (_, welcome) = join(&route, "Eve");
    assert_eq!(welcome["welcome"]["entries"], json!([said["entry"]]));
    assert_eq!(ann.label(), "Ann");
}

#[test]
fn who_comes_back_gets_what_it_has_missed() {
    let (_folder, setup) = setup();
    let route = setup.start();
    let (ann, _) = join(&route, "Ann");
    for text in ["one", "two", "three"] {
        ask(&ann, &json!({ "say": text }));
    }
    let back = route.connect("/board?since=1");
    let welcome: Value = back.json();
    assert_eq!(texts(&welcome["welcome"]), ["three", "two"]);
}

#[test]
fn a_name_is_needed_and_has_its_form() {
    let (_folder, setup) = setup();
    let route = setup.start();
    let client = route.connect("/board");
    client.json::<Value>();
    let refused = ask(&client, &json!({ "say": "who am I" }));
    assert_eq!(refused, json!({ "error": "say first what you are called" }));
    for name in ["", "  ", "a\u{7}", &"x".repeat(33)] {
        let refused = ask(&client, &json!({ "name": name }));
        assert!(refused["error"].is_string(), "{name:?}: {refused}");
    }
    let you = ask(&client, &json!({ "name": " Zoë " }));
    assert_eq!(you, json!({ "you": { "name": "Zoë" } }));
}

#[test]
fn what_is_no_order_is_answered_and_the_client_stays() {
    let (_folder, setup) = setup();
    let route = setup.option("text_bytes", 10).start();
    let (ann, _) = join(&route, "Ann");
    for order in [
        "",
        "{}",
        "{\"shout\":1}",
        "[1]",
        "{\"say\":5}",
        "{\"say\":\" \"}",
    ] {
        ann.send(order);
        assert!(ann.json::<Value>()["error"].is_string(), "{order}");
    }
    let refused = ask(&ann, &json!({ "say": "x".repeat(11) }));
    assert_eq!(refused, json!({ "error": "longer than 10 bytes" }));
    assert!(ann.is_open());
}

#[test]
fn the_past_is_searched_by_words_and_beginnings_of_words() {
    let (_folder, setup) = setup();
    let route = setup.start();
    let (ann, _) = join(&route, "Ann");
    for text in [
        "The cat sat",
        "a catalogue of cats",
        "dogs, too",
        "Ümlaut überall",
    ] {
        ask(&ann, &json!({ "say": text }));
    }
    let search = |words: &str| ask(&ann, &json!({ "search": { "words": words } }));
    let found = |words: &str| {
        let answer = search(words);
        assert_eq!(answer["found"]["words"], words);
        texts(&answer["found"])
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(found("cat"), ["a catalogue of cats", "The cat sat"]);
    assert_eq!(found("CAT the"), ["The cat sat"]);
    assert_eq!(found("ann dog"), ["dogs, too"]);
    assert_eq!(found("uberall"), ["Ümlaut überall"]);
    // Nothing in it is an order to the index.
    for words in [
        "",
        "\"",
        "cat OR dogs NOT",
        "name:x",
        "NEAR(cat)",
        "*",
        "(",
        "'; DROP TABLE",
    ] {
        assert!(search(words)["found"]["entries"].is_array(), "{words}");
    }
    let newest = search("cat")["found"]["entries"][0]["id"].clone();
    let older = ask(
        &ann,
        &json!({ "search": { "words": "cat", "before": newest } }),
    );
    assert_eq!(texts(&older["found"]), ["The cat sat"]);
}

#[test]
fn one_scrolls_back() {
    let (_folder, setup) = setup();
    let route = setup.option("past", 2).start();
    let (ann, _) = join(&route, "Ann");
    for number in 1..=60 {
        ask(&ann, &json!({ "say": number.to_string() }));
    }
    let (bob, welcome) = join(&route, "Bob");
    assert_eq!(texts(&welcome["welcome"]), ["60", "59"]);
    let past = ask(&bob, &json!({ "before": 59 }));
    let past = texts(&past["past"]);
    assert_eq!((past.len(), past[0], past[49]), (50, "58", "9"));
}

#[test]
fn a_picture_is_what_its_bytes_say() {
    let (_folder, setup) = setup();
    let route = setup.option("picture_bytes", 100).start();
    let (ann, _) = join(&route, "Ann");
    ann.send(PNG);
    let said: Value = ann.json();
    assert_eq!(said["entry"]["picture"], "image/png");
    let id = &said["entry"]["id"];
    let shown = route.request(Ask::get(&format!("/board?picture={id}")));
    assert_eq!(shown.status_code(), 200);
    assert_eq!(shown.body_bytes(), PNG);
    assert_eq!(shown.header_value("Content-Type"), Some("image/png"));
    assert_eq!(
        shown.header_value("X-Content-Type-Options"),
        Some("nosniff")
    );
    for bytes in [&b"<svg onload='alert(1)'>"[..], b"GIF8", b"", b"MZ\x90"] {
        ann.send(bytes);
        let refused: Value = ann.json();
        assert_eq!(refused["error"], "no picture: PNG, JPEG, GIF and WebP are");
    }
    ann.send([PNG, &[0; 100]].concat());
    assert_eq!(ann.json::<Value>()["error"], "larger than 100 bytes");
    for id in ["2", "x", "", "-1"] {
        let missing = route.request(Ask::get(&format!("/board?picture={id}")));
        assert_eq!(missing.status_code(), 404, "{id}");
    }
}

#[test]
fn an_export_has_a_line_for_each_entry() {
    let (_folder, setup) = setup();
    let route = setup.start();
    let (ann, _) = join(&route, "Ann");
    ask(&ann, &json!({ "say": "one\nline" }));
    ann.send(PNG);
    let export = route.request("/board?export");
    assert_eq!(
        export.header_value("Content-Type"),
        Some("application/x-ndjson")
    );
    let lines: Vec<Value> = export
        .body_text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["text"], "one\nline");
    assert_eq!(lines[1]["picture"], "image/png");
    assert_eq!(route.request(Ask::post("/board?export")).status_code(), 405);
}

#[test]
fn the_oldest_go_and_are_not_found_any_more() {
    let (_folder, setup) = setup();
    let route = setup.option("entries_max", 2).start();
    let (ann, _) = join(&route, "Ann");
    for text in ["first", "second", "third"] {
        ask(&ann, &json!({ "say": text }));
    }
    let (bob, welcome) = join(&route, "Bob");
    assert_eq!(texts(&welcome["welcome"]), ["third", "second"]);
    let gone = ask(&bob, &json!({ "search": { "words": "first" } }));
    assert_eq!(texts(&gone["found"]), [""; 0]);
}

#[test]
fn the_board_outlives_the_server_and_the_names_a_new_library() {
    let (folder, setup) = setup();
    let route = setup.start();
    let (ann, _) = join(&route, "Ann");
    ask(&ann, &json!({ "say": "kept" }));
    route.replace_by_itself().expect("it reads what it wrote");
    assert_eq!(
        ask(&ann, &json!({ "say": "still me" }))["entry"]["name"],
        "Ann"
    );
    route.stop();
    let route = Route::of::<Board>().state_folder(folder.path()).start();
    let (_, welcome) = join(&route, "Bob");
    assert_eq!(texts(&welcome["welcome"]), ["still me", "kept"]);
}

#[test]
fn without_a_folder_it_is_kept_in_memory_and_says_so() {
    let route = Route::of::<Board>().start();
    let (ann, _) = join(&route, "Ann");
    assert_eq!(ask(&ann, &json!({ "say": "here" }))["entry"]["id"], 1);
    let log = route.log().join("\n");
    assert!(
        log.contains("kept in memory until the option `file` or `state_dir` is set"),
        "{log}"
    );
}

#[test]
fn a_wrong_option_is_refused_by_name() {
    for (name, value) in [("past", 501), ("entries_max", 0)] {
        let error = Route::of::<Board>().option(name, value).check();
        assert!(
            error.clone().is_err_and(|error| error.contains(name)),
            "{error:?}"
        );
    }
}

/// The disk stands still: somebody else has the database's lock. Who writes waits, everybody else goes on.
#[test]
fn a_disk_that_stands_still_delays_only_who_writes() {
    let (folder, setup) = setup();
    let route = setup.start();
    let (ann, _) = join(&route, "Ann");
    ask(&ann, &json!({ "say": "before" }));
    let disk = rusqlite::Connection::open(folder.path().join("board.sqlite3"));
    let disk = disk.expect("the board has made it");
    disk.execute_batch("BEGIN IMMEDIATE")
        .expect("nobody writes now");
    let (written, is_written) = mpsc::channel();
    thread::scope(|scope| {
        let writer = &ann;
        scope.spawn(move || {
            writer.send(json!({ "say": "at last" }).to_string());
            written.send(()).expect("the test waits for it");
        });
        let (bob, welcome) = join(&route, "Bob");
        assert_eq!(texts(&welcome["welcome"]), ["before"]);
        let found = ask(&bob, &json!({ "search": { "words": "before" } }));
        assert_eq!(texts(&found["found"]), ["before"]);
        assert_eq!(route.request("/board?export").status_code(), 200);
        assert!(
            is_written.recv_timeout(Duration::from_millis(50)).is_err(),
            "it waits"
        );
        disk.execute_batch("COMMIT").expect("it was begun");
        is_written.recv().expect("it is written now");
        assert_eq!(bob.json::<Value>()["entry"]["text"], "at last");
    });
}
