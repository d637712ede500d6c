//! Journals in a file: what is kept is there after a restart, what was confirmed after `kill -9`, and what is lost is told.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Signal};
use tests::{ADMIN, Admin, Client, Events, Raw, Server, Setup};

const HEAD: &str = "Host: localhost\r\nContent-Type: text/plain\r\n";

pub(crate) fn configuration(journal: &str) -> String {
    format!(
        "[[route]]\npath = [\"/push\", \"/push/{{topic}}\"]\nplugin = \"push\"\n[route.journal]\n\
         file = \"push.journal\"\n{journal}"
    )
}

fn setup(journal: &str) -> Setup {
    Setup::new()
        .plugins(&["push"])
        .configuration(&configuration(journal))
}

fn file(server: &Server) -> PathBuf {
    server.folder().join("push.journal")
}

/// Ends the server without a chance for it to say anything, and starts it again.
fn kill_and_start(server: &mut Server) {
    server.signal(Signal::KILL);
    server.wait();
    server.start_again();
}

fn post(server: &Server, path: &str, text: &str) -> (u16, String) {
    let length = text.len();
    let post = format!("POST {path} HTTP/1.1\r\n{HEAD}Content-Length: {length}\r\n\r\n{text}");
    let (status, _, body) = Raw::answer(server, post);
    (status, body)
}

/// Publishes and gives the position.
#[track_caller]
fn publish(server: &Server, path: &str, text: &str) -> String {
    let (status, body) = post(server, path, text);
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    answer["position"].as_str().expect("a position").to_owned()
}

#[track_caller]
fn past(server: &Server, path: &str) -> serde_json::Value {
    let get = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
    let (status, _, body) = Raw::answer(server, get);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// What is kept of a topic, and whether something before it is missing.
#[track_caller]
fn texts(server: &Server, path: &str) -> (Vec<String>, Option<String>) {
    let past = past(server, path);
    let messages = past["messages"].as_array().expect("a list");
    let texts = messages
        .iter()
        .map(|of| of["text"].as_str().expect("a text").to_owned());
    (texts.collect(), past["gap"].as_str().map(str::to_owned))
}

#[test]
fn what_is_kept_is_there_after_a_restart_and_no_position_is_given_twice() {
    let mut server = setup("").start();
    let first = publish(&server, "/push/news", "one");
    let second = publish(&server, "/push/news", "two");
    publish(&server, "/push/other", "elsewhere");
    server.stop();
    server.start_again();
    assert_eq!(
        texts(&server, &format!("/push/news?since={first}")),
        (vec!["two".to_owned()], None)
    );
    let mut events = Events::open(&server, &format!("/push/news?since={second}"), &[]);
    let third = publish(&server, "/push/news", "three");
    assert!(third > second, "{third} comes behind {second}");
    assert_eq!(events.text(), "three");
    let (of_all, gap) = texts(&server, "/push/news?since=all");
    assert_eq!(of_all, ["one", "two", "three"]);
    assert_eq!(gap, None);
    assert_eq!(texts(&server, "/push/news?since=2").0, ["two", "three"]);
}

#[test]
fn what_was_confirmed_is_there_after_kill_9_and_where_nothing_is_missing_no_gap_is_told() {
    let mut server = setup("").start();
    let mut last = publish(&server, "/push/quiet", "said once");
    let quiet = last.clone();
    for round in 0..4 {
        for number in 0..5 {
            last = publish(&server, "/push/news?durable", &format!("{round} {number}"));
        }
        kill_and_start(&mut server);
        let (behind, gap) = texts(&server, &format!("/push/news?since={last}"));
        assert_eq!((behind.len(), gap), (0, None), "round {round}");
        let (of_all, _) = texts(&server, "/push/news?since=all");
        assert_eq!(of_all.len(), 5 * (round + 1));
    }
    // A durable message has all that was said before it on the route with it.
    let (of_quiet, gap) = texts(&server, &format!("/push/quiet?since={quiet}"));
    assert_eq!((of_quiet.len(), gap), (0, None));
}

/// Cause: what was given out and is not on the disk must be told, to those whom it concerns and to nobody else.
#[test]
fn what_was_lost_by_kill_9_is_a_gap_of_its_topic_only() {
    let stall = tempfile::NamedTempFile::new().expect("a file for the test");
    let path = stall.path().display();
    fs::remove_file(stall.path()).expect("it is there");
    let mut server = setup("")
        .after_shell(&format!("export DETENT_STALL=store:{path}"))
        .start();
    let quiet = publish(&server, "/push/quiet?durable", "kept");
    let loud = publish(&server, "/push/loud?durable", "kept");
    // The disk stands still: what is said goes on and is not stored.
    fs::write(stall.path(), "").expect("the folder can be written");
    let mut listener = Client::connect(&server, "/push/loud");
    let lost = publish(&server, "/push/loud", "lost");
    assert_eq!(listener.text(), "lost");
    publish(&server, "/push/new", "of a topic that nobody knows then");
    server.signal(Signal::KILL);
    server.wait();
    fs::remove_file(stall.path()).expect("it is there");
    server.start_again();
    for (since, topic, gap) in [
        (&quiet, "quiet", None),
        (&loud, "loud", Some("hole")),
        (&lost, "loud", None),
        (&quiet, "new", Some("hole")),
    ] {
        let found = texts(&server, &format!("/push/{topic}?since={since}")).1;
        assert_eq!(found.as_deref(), gap, "{topic} since {since}");
    }
    let next = publish(&server, "/push/loud", "next");
    assert!(next > lost, "{next} is not given twice, as {lost}");
    let (behind, gap) = texts(&server, &format!("/push/loud?since={lost}"));
    assert_eq!((behind, gap), (vec!["next".to_owned()], None));
}

#[test]
fn more_than_memory_holds_comes_from_the_file_in_pieces_and_goes_on_live() {
    let journal = "messages = 100000\nbytes = \"64 MiB\"";
    let mut server = setup(journal).start();
    let mut first = String::new();
    let text = |number: usize| format!("{number} {}", "x".repeat(8000));
    for number in 0..1000 {
        let position = publish(&server, "/push/news", &text(number));
        if number == 0 {
            first = position;
        }
    }
    for round in 0..2 {
        let mut stream = Events::open(&server, &format!("/push/news?since={first}"), &[]);
        let mut socket = Client::connect(&server, &format!("/push/news?since={first}"));
        let mut all = Client::connect(&server, "/push/news?since=all");
        let mut last = Client::connect(&server, "/push/news?since=900");
        // Which are the last is settled when the first of them comes, and not before.
        let from = 100 + round;
        assert_eq!(all.text(), text(0));
        assert_eq!(last.text(), text(from), "of the last 900");
        publish(&server, "/push/news", &text(1000 + round));
        let end = 1001 + round;
        for number in 1..end {
            assert_eq!(stream.text(), text(number));
            assert_eq!(socket.text(), text(number));
            assert_eq!(all.text(), text(number));
        }
        for number in from + 1..end {
            assert_eq!(last.text(), text(number), "of the last 900");
        }
        // The same by requests.
        let mut since = first.clone();
        let mut number = 1;
        loop {
            let past = past(&server, &format!("/push/news?since={since}"));
            for message in past["messages"].as_array().expect("a list") {
                assert_eq!(message["text"].as_str(), Some(text(number).as_str()));
                number += 1;
            }
            since = past["next"].as_str().expect("a position").to_owned();
            if past["more"] == false {
                break;
            }
        }
        assert_eq!(number, end);
        server.stop();
        server.start_again();
    }
}

#[test]
fn bounds_hold_in_the_file_too_and_what_is_past_them_is_a_gap() {
    let mut server = setup("messages = 4").start();
    let positions: Vec<_> = (0..10)
        .map(|number| publish(&server, "/push/news?durable", &number.to_string()))
        .collect();
    for round in 0..2 {
        let (kept, gap) = texts(&server, &format!("/push/news?since={}", positions[5]));
        assert_eq!((kept.join(" "), gap), ("6 7 8 9".to_owned(), None));
        let (_, gap) = texts(&server, &format!("/push/news?since={}", positions[4]));
        assert_eq!(gap.as_deref(), Some("too-old"), "round {round}");
        assert_eq!(texts(&server, "/push/news?since=all").0.len(), 4);
        server.stop();
        server.start_again();
    }
    server.reload_with(&configuration("messages = 2"));
    publish(&server, "/push/news?durable", "10");
    assert_eq!(texts(&server, "/push/news?since=all").0, ["9", "10"]);
}

#[test]
fn durable_is_refused_where_the_journal_is_in_memory_and_nothing_is_said() {
    let server = Server::start();
    let mut listener = Client::connect(&server, "/push");
    let (status, body) = post(&server, "/push?durable", "lost");
    assert_eq!(status, 501, "{body}");
    assert!(body.contains("[route.journal]"), "{body}");
    publish(&server, "/push", "said");
    assert_eq!(listener.text(), "said");
}

#[test]
fn a_full_disk_is_said_once_is_answered_507_and_ends_nothing_else() {
    let mut server = setup("").start();
    let before = publish(&server, "/push/news?durable", "before");
    let mut listener = Client::connect(&server, "/push/news");
    let size = fs::metadata(file(&server)).expect("it is there").len();
    let limit = server.set_limit(Resource::Fsize, Some(size.min(4096)));
    publish(&server, "/push/news", "not durable");
    assert_eq!(listener.text(), "not durable");
    for number in 0..3 {
        let (status, body) = post(&server, "/push/news?durable", &format!("full {number}"));
        assert_eq!(status, 507, "{body}");
        assert_eq!(listener.text(), format!("full {number}"));
    }
    let said = &["durable publishes are answered 507"];
    server.assert_logged(1, said);
    // It is in memory, so that who comes back has it.
    let (kept, gap) = texts(&server, &format!("/push/news?since={before}"));
    assert_eq!((kept.len(), gap), (4, None));
    server.set_limit(Resource::Fsize, limit);
    let after = publish(&server, "/push/news?durable", "after");
    server.wait_for_log(&["is written again; 4 messages are not in it"]);
    server.stop();
    server.start_again();
    let (kept, gap) = texts(&server, &format!("/push/news?since={before}"));
    assert_eq!(gap.as_deref(), Some("hole"));
    assert!(kept.is_empty(), "{kept:?}: who has a gap gets no rest");
    assert_eq!(
        texts(&server, "/push/news?since=all").0,
        ["before", "after"]
    );
    let (_, gap) = texts(&server, &format!("/push/news?since={after}"));
    assert_eq!(gap, None);
}

fn wait_until_written_again(server: &Server, times: usize) {
    tests::wait_until("the file is written again", || {
        server.count_log(&["is written again"]) == times
    });
}

/// Files that stand beside the journal and have been set aside.
fn asides(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut asides: Vec<_> = paths
        .filter(|path| path.display().to_string().contains(".damaged-"))
        .collect();
    asides.sort();
    asides
}

#[test]
fn a_damaged_file_is_set_aside_and_a_new_one_begins() {
    let mut server = setup("").start();
    let before = publish(&server, "/push/news?durable", "before");
    server.stop();
    let garbage = vec![b'x'; 20_000];
    fs::write(file(&server), &garbage).expect("the file can be written");
    server.start_again();
    server.assert_logged(1, &["is damaged", "it is set aside as"]);
    let aside = asides(server.folder());
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(fs::read(&aside[0]).expect("it is there"), garbage);
    let (_, gap) = texts(&server, &format!("/push/news?since={before}"));
    assert_eq!(gap.as_deref(), Some("other-epoch"));
    publish(&server, "/push/news?durable", "after");
    // Now while it is used: its pages are overwritten, so that the next look at them fails.
    server.stop();
    let size = fs::metadata(file(&server)).expect("it is there").len();
    let mut bytes = fs::read(file(&server)).expect("it is there");
    for byte in &mut bytes[4096..size as usize] {
        *byte = 0xff;
    }
    fs::write(file(&server), &bytes).expect("the file can be written");
    server.start_again();
    publish(&server, "/push/news?durable", "once more");
    assert_eq!(texts(&server, "/push/news?since=all").0, ["once more"]);
    let aside = asides(server.folder());
    assert!(
        aside
            .iter()
            .any(|path| fs::read(path).ok() == Some(bytes.clone())),
        "{aside:?}: nothing of it is overwritten"
    );
}

#[test]
fn a_file_that_is_removed_or_replaced_is_left_and_another_begins() {
    let server = setup("").start();
    let before = publish(&server, "/push/news?durable", "before");
    let mut listener = Client::connect(&server, "/push/news");
    fs::remove_file(file(&server)).expect("it is there");
    // What is written into a file without a name is not stored.
    let (status, body) = post(&server, "/push/news?durable", "gone");
    assert_eq!(status, 507, "{body}");
    assert_eq!(listener.text(), "gone");
    server.assert_logged(1, &["WARN", "was removed or replaced"]);
    wait_until_written_again(&server, 1);
    let after = publish(&server, "/push/news?durable", "after");
    assert_eq!(listener.text(), "after");
    let (_, gap) = texts(&server, &format!("/push/news?since={before}"));
    assert_eq!(gap.as_deref(), Some("other-epoch"));
    // A copy of it takes its place, in which positions would be given that were given already.
    let copy = server.folder().join("copy");
    fs::copy(file(&server), &copy).expect("the folder can be written");
    fs::rename(&copy, file(&server)).expect("the folder can be written");
    let (status, _) = post(&server, "/push/news?durable", "gone");
    assert_eq!(status, 507);
    wait_until_written_again(&server, 2);
    publish(&server, "/push/news?durable", "last");
    let (_, gap) = texts(&server, &format!("/push/news?since={after}"));
    assert_eq!(gap.as_deref(), Some("other-epoch"));
}

#[test]
fn a_file_that_another_server_has_is_left_to_it_and_taken_when_that_ends() {
    let mut first = setup("").start();
    let path = file(&first).display().to_string();
    let other = configuration("").replace("push.journal", &path);
    let second = Setup::new()
        .plugins(&["push"])
        .configuration(&other)
        .start();
    second.assert_logged(1, &["another process, or another route, uses it"]);
    let mut listener = Client::connect(&second, "/push/news");
    let (status, body) = post(&second, "/push/news?durable", "here");
    assert_eq!(status, 507, "{body}");
    assert_eq!(listener.text(), "here");
    publish(&first, "/push/news?durable", "in the file");
    first.stop();
    second.wait_for_log(&["is written again"]);
    publish(&second, "/push/news?durable", "too");
    assert_eq!(
        texts(&second, "/push/news?since=all").0,
        ["in the file", "too"]
    );
}

#[test]
fn what_is_no_journal_of_this_version_is_not_touched() {
    let other = Setup::new();
    let path = other.folder().join("push.journal");
    let database = rusqlite::Connection::open(&path).expect("SQLite makes it");
    database
        .execute_batch("CREATE TABLE t (x); PRAGMA application_id = 7;")
        .expect("it is written");
    drop(database);
    let bytes = fs::read(&path).expect("it is there");
    for (version, sentence) in [
        (None, "a database of another program"),
        (Some(99), "a journal of version 99"),
    ] {
        if let Some(version) = version {
            let database = rusqlite::Connection::open(&path).expect("it is there");
            database
                .execute_batch(&format!(
                    "PRAGMA application_id = {}; PRAGMA user_version = {version};",
                    0x4474_4a72
                ))
                .expect("it is written");
        }
        let before = fs::read(&path).expect("it is there");
        let text = configuration("").replace("push.journal", &path.display().to_string());
        let server = Setup::new().plugins(&["push"]).configuration(&text).start();
        server.assert_logged(1, &[sentence, "name another file"]);
        assert_eq!(post(&server, "/push?durable", "x").0, 507);
        drop(server);
        assert_eq!(fs::read(&path).expect("it is there"), before);
    }
    assert!(!bytes.is_empty());
}

/// Cause: who waits for a disk inside a callback holds the route's gate, so that its code cannot be replaced.
#[test]
fn code_is_replaced_while_a_hundred_answers_wait_for_a_disk_that_stands_still() {
    let stall = tempfile::NamedTempFile::new().expect("a file for the test");
    let path = stall.path().display();
    let server = setup("")
        .after_shell(&format!("export DETENT_STALL=store:{path}"))
        .start();
    let mut listener = Client::connect(&server, "/push/news");
    let mut waiting: Vec<_> = (0..100)
        .map(|number| {
            let mut raw = Raw::connect(&server);
            let head = format!("POST /push/news?durable HTTP/1.1\r\n{HEAD}");
            let text = format!("{number:02}");
            raw.write(format!("{head}Content-Length: 2\r\n\r\n{text}"));
            raw
        })
        .collect();
    let mut heard: Vec<_> = waiting.iter().map(|_| listener.text()).collect();
    heard.sort();
    assert_eq!(heard[99], "99", "what is said goes on");
    let mut library = fs::read(server.plugin_file("libpush.so")).expect("it is there");
    library.push(0);
    server.put_plugin("libpush.so", &library);
    let line = server.reload();
    assert!(line.contains("code of route /push"), "{line}");
    fs::remove_file(stall.path()).expect("it is there");
    for raw in &mut waiting {
        let (status, _, body) = raw.response();
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(texts(&server, "/push/news?since=all").0.len(), 100);
}

#[test]
fn the_metrics_tell_what_waits_for_a_disk_what_it_has_got_and_which_gaps_were_told() {
    let stall = tempfile::NamedTempFile::new().expect("a file for the test");
    let path = stall.path().display();
    let server = Setup::new()
        .plugins(&["push"])
        .configuration(&format!("{}{ADMIN}", configuration("messages = 2\n")))
        .after_shell(&format!("export DETENT_STALL=store:{path}"))
        .start();
    let admin = Admin::of(&server);
    let of = |name: &str| admin.metric(&format!("detent_journal_{name}"));
    let first = publish(&server, "/push/news", "one");
    publish(&server, "/push/news", "two");
    let mut waiting = Raw::connect(&server);
    waiting.write(format!(
        "POST /push/news?durable HTTP/1.1\r\n{HEAD}Content-Length: 5\r\n\r\nthree"
    ));
    tests::wait_until("an answer waits", || of("durable_waiting") == Some(1.0));
    assert!(of("waiting_bytes").expect("it is told") >= 64.0);
    assert_eq!(of("stored_total"), Some(0.0));
    fs::remove_file(stall.path()).expect("it is there");
    assert_eq!(waiting.response().0, 200);
    tests::wait_until("nothing waits", || {
        of("durable_waiting") == Some(0.0) && of("waiting_bytes") == Some(0.0)
    });
    assert_eq!(of("stored_total"), Some(3.0));
    assert!(of("batches_total").expect("it is told") >= 1.0);
    assert_eq!(of("unstored_total"), Some(0.0));
    publish(&server, "/push/news", "four");
    for (since, why) in [(&*first, "too-old"), ("nonsense", "other-epoch")] {
        let mut events = Events::open(&server, &format!("/push/news?since={since}"), &[]);
        assert_eq!(events.event().expect("a gap").data, why);
        let name = format!("gaps_total{{why=\"{why}\"}}");
        assert_eq!(of(&name), Some(1.0), "{name}");
    }
    let store = &admin.json("/status.json")["store"];
    assert_eq!(store["unstored"], 0);
}

#[test]
fn what_is_wrong_with_a_file_is_found_by_a_check() {
    let folder = tempfile::TempDir::new().expect("a folder for the test");
    let text = folder.path().join("notes.txt");
    fs::write(&text, "no database").expect("it can be written");
    let missing = folder.path().join("missing").join("push.journal");
    for (path, sentence) in [
        (text.display().to_string(), "it is no journal"),
        (missing.display().to_string(), "make it"),
        (folder.path().display().to_string(), "it is no file"),
    ] {
        let settings = configuration("").replace("push.journal", &path);
        let checked = Setup::new()
            .plugins(&["push"])
            .configuration(&settings)
            .arguments(&["--check"])
            .run();
        checked.assert_code(2);
        assert!(checked.stderr.contains(sentence), "{}", checked.stderr);
    }
    assert_eq!(
        fs::read_to_string(&text).expect("it is there"),
        "no database"
    );
    let twice = configuration("")
        + "\n[[route]]\npath = \"/other\"\nplugin = \"push\"\n\
        [route.journal]\nfile = \"./push.journal\"\n";
    let checked = Setup::new()
        .plugins(&["push"])
        .configuration(&twice)
        .arguments(&["--check"])
        .run();
    checked.assert_code(2);
    assert!(
        checked.stderr.contains("of another route"),
        "{}",
        checked.stderr
    );
}
