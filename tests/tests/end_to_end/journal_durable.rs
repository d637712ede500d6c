//! A plugin that publishes on a thread of its own learns there that the disk has it, or has not.

use std::fs;
use std::io::Read;
use std::time::Duration;

use rustix::process::{Resource, Signal};
use tests::{Client, DEADLINE, Raw, Server, Setup};

fn setup(journal: &str) -> Setup {
    let route =
        format!("[[route]]\npath = \"/annals\"\nplugin = \"annals\"\n[route.journal]\n{journal}");
    Setup::new().plugins(&["annals"]).configuration(&route)
}

fn start(journal: &str) -> Server {
    setup(journal).start()
}

#[track_caller]
fn store(server: &Server, text: &str) -> String {
    let mut client = Client::connect(server, "/annals?silent");
    client.send(&format!("store {text}"));
    client.text()
}

#[test]
fn what_a_thread_of_its_own_was_told_is_stored_is_there_after_kill_9() {
    let mut server = start("file = \"annals.journal\"");
    assert_eq!(store(&server, "kept"), "stored");
    server.signal(Signal::KILL);
    server.wait();
    server.start_again();
    let mut back = Client::connect(&server, "/annals?last=9");
    assert!(back.text().starts_with("fresh "));
    assert_eq!(back.text(), "kept");
}

#[test]
fn where_the_disk_is_full_it_is_told_that_it_was_said_and_not_stored() {
    let server = start("file = \"annals.journal\"");
    assert_eq!(store(&server, "before"), "stored");
    let mut listener = Client::connect(&server, "/annals");
    assert!(listener.text().starts_with("fresh "));
    let size = fs::metadata(server.folder().join("annals.journal"));
    let size = size.expect("it is there").len();
    server.set_limit(Resource::Fsize, Some(size.min(4096)));
    assert_eq!(
        store(&server, "full"),
        "it was said to who is here, and is not known to be stored"
    );
    assert_eq!(listener.text(), "full");
}

#[test]
fn where_the_journal_is_in_memory_nothing_is_said() {
    let server = start("");
    let told = store(&server, "lost");
    assert!(told.contains("is in memory"), "{told}");
    let mut late = Client::connect(&server, "/annals?last=9");
    assert!(late.text().starts_with("fresh "));
    late.send("echo nothing");
    assert_eq!(late.text(), "nothing");
}

/// Cause: whether the client is there, at which is looked meanwhile, could be asked the wrong way round: everybody would
/// have been answered after the first look that what it said is not known to be stored.
#[test]
fn an_answer_waits_for_a_disk_that_stands_still() {
    let stall = tempfile::NamedTempFile::new().expect("a file for the test");
    let path = stall.path().display();
    let setup = setup("file = \"annals.journal\"");
    let setup = setup.after_shell(&format!("export DETENT_STALL=store:{path}"));
    let server = setup.start();
    let mut raw = Raw::connect(&server);
    raw.write("POST /annals?durable HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nkept");
    let patience = |raw: &Raw, time| raw.0.set_read_timeout(Some(time)).expect("a valid timeout");
    patience(&raw, Duration::from_secs(1));
    assert!(raw.0.read(&mut [0]).is_err(), "it is not stored");
    patience(&raw, DEADLINE);
    fs::remove_file(stall.path()).expect("it is there");
    let (status, _, body) = raw.response();
    assert_eq!(status, 200, "{body}");
}
