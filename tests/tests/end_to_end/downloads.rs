//! Downloads that take their time: their end, and everything that can happen to them before it.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::files::{LARGE, pattern};
use tests::{Raw, Server, Setup, wait_until};

/// A server with a large file in each of two folders, which differ in their first byte.
fn start(settings: &str) -> Server {
    let setup = Setup::new().plugins(&["files"]);
    let mut bytes = pattern();
    for (number, folder) in ["one", "two"].into_iter().enumerate() {
        let folder = setup.folder().join(folder);
        fs::create_dir(&folder).expect("it can be made");
        bytes[0] = number as u8;
        fs::write(folder.join("file"), &bytes).expect("it can be written");
    }
    setup.configuration(&with_folder(settings, "one")).start()
}

fn with_folder(settings: &str, folder: &str) -> String {
    format!(
        "{settings}\n[[route]]\npath = \"/{{*path}}\"\nplugin = \"files\"\n[route.options]\nfolder = \"{folder}\"\n"
    )
}

/// Asks for the file, and reads the head of the answer.
fn ask(server: &Server, lines: &str) -> Raw {
    let mut raw = Raw::connect(server);
    raw.write(format!(
        "GET /file HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"
    ));
    let head = raw.head();
    assert!(
        head.contains(&format!("Content-Length: {LARGE}\r\n")),
        "{head}"
    );
    raw
}

/// Each deadline that does not speak of who is read too slowly ends long before the download does.
const SHORT: &str = "[limits]\nkeep_alive_timeout = \"50ms\"\nhandshake_timeout = \"2s\"\n";

#[test]
fn who_reads_slowly_has_all_of_it_past_every_other_deadline() {
    let server = start(SHORT);
    for lines in ["", "Connection: close\r\n"] {
        let mut raw = ask(&server, lines);
        let mut got = Vec::new();
        // That it is slow is what is tried: nothing is waited for. The last pieces are what the buffers of both
        // sides hold, when the server has long done its part.
        for piece in [1 << 20, 10 << 20, 10 << 20, 2 << 20, 1 << 20] {
            thread::park_timeout(Duration::from_millis(200));
            got.extend(raw.bytes(piece));
        }
        assert!(got == pattern(), "it came as it is");
        raw.assert_closed();
    }
    assert_eq!(server.count_log(&["slowly"]), 0, "{}", server.log());
}

#[test]
fn who_takes_nothing_of_it_is_dropped_with_all_that_it_holds() {
    let server = start("[client]\nwrite_timeout = \"200ms\"\n");
    let (open, threads) = (server.open_files(), server.threads());
    let mut readers: Vec<Raw> = (0..5).map(|_| ask(&server, "")).collect();
    wait_until("all are dropped", || {
        server.open_files() == open && server.threads() == threads
    });
    for raw in &mut readers {
        assert!(raw.until_it_ends() < LARGE);
    }
}

#[test]
fn who_vanishes_amid_it_leaves_nothing_behind() {
    let server = start("");
    let (open, threads) = (server.open_files(), server.threads());
    for end in [drop, Raw::reset] {
        let mut readers: Vec<Raw> = (0..10).map(|_| ask(&server, "")).collect();
        for raw in &mut readers {
            raw.bytes(1 << 20);
        }
        assert!(server.open_files() >= open + 20, "a socket and a file each");
        readers.into_iter().for_each(end);
        wait_until("nothing of them is left", || {
            server.open_files() == open && server.threads() == threads
        });
    }
}

#[test]
fn what_a_reload_changes_holds_for_the_next() {
    let server = start("");
    let mut raw = ask(&server, "");
    let mut got = raw.bytes(1 << 20);
    server.reload_with(&with_folder("", "two"));
    let mut other = ask(&server, "");
    assert_eq!(other.bytes(LARGE)[0], 1, "the new folder's");
    got.extend(raw.bytes(1 << 20));
    // The route itself goes, and who is amid a download of it has the rest.
    server.reload_with("");
    got.extend(raw.bytes(LARGE - got.len()));
    assert!(got == pattern(), "it came as it was when it was asked for");
}

#[test]
fn others_are_served_while_many_do_not_read() {
    let server = start("");
    let readers: Vec<Raw> = (0..30).map(|_| ask(&server, "")).collect();
    let before = server.resident_kib();
    let mut other = ask(&server, "");
    assert!(other.bytes(LARGE) == pattern(), "it came as it is");
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1024, "a piece each, and no file: {grown} KiB");
    drop(readers);
}
