//! `--watch`: a library that has changed and is whole is swapped in without a signal.

use std::fs::{self, File};
use std::io::Write;

use tests::{Client, Server, Setup, library, variant};

const FILE: &str = "libvariant.so";

fn start() -> Server {
    let setup = Setup::new().file(FILE, &variant("old"));
    setup.arguments(&["--watch"]).start()
}

fn put_echo(server: &Server) {
    let echo = fs::read(library("echo")).expect("it was built");
    server.put_plugin("libecho.so", &echo);
}

#[track_caller]
fn assert_answers(client: &mut Client, answer: &str) {
    client.send("a");
    assert_eq!(client.text(), answer);
}

#[test]
fn a_library_that_was_put_takes_its_clients_over() {
    let server = start();
    let mut living = Client::connect(&server, "/variant");
    server.put_plugin(FILE, &variant("new"));
    let line = server.wait_for_log(&["watch: libvariant.so (written ", " s ago): "]);
    assert!(line.ends_with("code of route /variant"), "{line}");
    assert_answers(&mut living, "new 1 1 1  a");
    put_echo(&server);
    server.wait_for_log(&["watch: libecho.so (written ", "route /echo added"]);
    fs::remove_file(server.plugin_file("libecho.so")).expect("it is there");
    server.wait_for_log(&["watch: libecho.so (gone): route /echo removed"]);
    assert_answers(&mut living, "new 2 2 1  a");
}

#[test]
fn one_that_is_being_written_is_waited_for() {
    let server = start();
    let mut living = Client::connect(&server, "/variant");
    let new = variant("new");
    let (first, rest) = new.split_at(new.len() / 2);
    // In place, as a linker may: the file keeps its inode.
    let file = server.plugin_file(FILE);
    let mut file = File::create(file).expect("it can be written");
    file.write_all(first).expect("it can be written");
    // When this has come, the half has been looked at more than once.
    put_echo(&server);
    server.wait_for_log(&["watch: libecho.so"]);
    assert_answers(&mut living, "old 1 1 0  a");
    file.write_all(rest).expect("it can be written");
    server.wait_for_log(&["watch: libvariant.so", ": code of route /variant"]);
    server.assert_logged(1, &["watch: ", "code of route /variant"]);
    assert_answers(&mut living, "new 2 2 1  a");
}

#[test]
fn what_fails_is_told_and_the_old_code_goes_on() {
    let server = start();
    let mut living = Client::connect(&server, "/variant");
    server.put_plugin(FILE, &variant("bad fail-create"));
    let line = server.wait_for_log(&["ERROR", "watch: libvariant.so (written "]);
    assert!(line.contains("route /variant: "), "{line}");
    assert!(line.ends_with("; the old code goes on"), "{line}");
    server.put_plugin(FILE, b"\x7fELF");
    let line = server.wait_for_log(&["ERROR", "watch: ", "is damaged or cut"]);
    assert!(line.contains("; the one at work goes on"), "{line}");
    assert_answers(&mut living, "old 1 1 0  a");
    server.put_plugin(FILE, &variant("good"));
    server.wait_for_log(&["INFO", "watch: libvariant.so", "code of route /variant"]);
    assert_answers(&mut living, "good 2 2 1  a");
}

#[test]
fn one_that_was_only_touched_is_told_to_be_the_same() {
    let server = start();
    server.put_plugin(FILE, &variant("old"));
    server.wait_for_log(&["watch: libvariant.so", "it is what was at work before"]);
}
