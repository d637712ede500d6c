//! A replacement that cannot be: the old code goes on as if nothing had happened, and a line says why.

use std::fs;

use tests::{
    Client, Raw, Server, Setup, TEXT, frame, handshake, library, set_state_format, variant,
};

const FILE: &str = "libvariant.so";

/// A server with one client that has said `odd`, and so is count 1 of 1.
fn start() -> (Server, Client) {
    let server = Setup::new().file(FILE, &variant("old")).start();
    let mut client = Client::connect(&server, "/variant");
    client.send("odd");
    assert_eq!(client.text(), "old 1 1 0  odd");
    (server, client)
}

/// The old code answers, and its state is untouched.
#[track_caller]
fn assert_old_goes_on(client: &mut Client, count: u64) {
    client.send("still");
    assert_eq!(client.text(), format!("old {count} {count} 0  still"));
}

#[track_caller]
fn assert_refused(words: &str, why: &str) {
    let (server, mut client) = start();
    server.put_plugin(FILE, &variant(words));
    server.reload();
    let line = server.wait_for_log(&["ERROR", "route /variant: ", why]);
    assert!(line.ends_with("; the old code goes on"), "{line}");
    assert_old_goes_on(&mut client, 2);
    // It is tried again with each reload, and works as soon as it can.
    server.reload();
    server.assert_logged(2, &["ERROR", why]);
    server.put_plugin(FILE, &variant("good"));
    server.reload();
    client.send("now");
    assert_eq!(client.text(), "good 3 3 1  now");
    assert_eq!(
        server.count_log(&["closed "]),
        0,
        "nobody was closed: {}",
        server.log()
    );
}

#[test]
fn where_create_fails() {
    assert_refused("new fail-create", "create failed: told to fail in create");
}

#[test]
fn where_create_panics() {
    assert_refused(
        "new panic-create",
        "create panicked: told to panic in create",
    );
}

#[test]
fn where_the_state_cannot_be_read() {
    assert_refused(
        "new fail-resume",
        "create failed: told not to understand the state",
    );
}

#[test]
fn where_one_client_is_not_taken_over() {
    assert_refused(
        "new fail-session",
        "client 1: on_resume failed: told not to take odd ones",
    );
}

#[test]
fn where_the_old_one_cannot_save() {
    let server = Setup::new().file(FILE, &variant("old fail-save")).start();
    let mut client = Client::connect(&server, "/variant");
    server.put_plugin(FILE, &variant("new"));
    server.reload();
    server.wait_for_log(&[
        "ERROR",
        "save_state failed: told to fail",
        "the old code goes on",
    ]);
    assert_old_goes_on(&mut client, 1);
}

#[test]
fn where_the_state_has_another_format() {
    let (server, mut client) = start();
    let mut bytes = variant("new");
    set_state_format(&mut bytes, 7, 8);
    server.put_plugin(FILE, &bytes);
    server.reload();
    server.wait_for_log(&[
        "ERROR",
        "reads state format 8, 5, 6, the one at work writes 7",
        "restart",
    ]);
    assert_old_goes_on(&mut client, 2);
}

#[test]
fn where_a_callback_does_not_return_it_is_put_off() {
    let (server, mut client) = start();
    let mut busy = Client::connect(&server, "/variant");
    busy.send("block");
    server.wait_for_log(&["blocks"]);
    server.put_plugin(FILE, &variant("new"));
    server.reload();
    let line = server.wait_for_log(&["ERROR", "has not returned within 2 s"]);
    let who = "plugin variant on /variant has been in on_message (client 2, thread client-2)";
    assert!(line.contains(who), "{line}");
    client.send("release");
    assert_eq!(client.text(), "old 2 3 0  release");
    assert_eq!(busy.text(), "old 1 2 0  block");
    // The file has not changed since, and yet it is tried again.
    assert!(server.reload().contains("code of route /variant"));
    client.send("now");
    assert_eq!(client.text(), "new 3 4 1  now");
}

/// The gate is held by `on_open`, which has no session yet that could be handed over.
#[test]
fn where_on_open_does_not_return_it_is_put_off() {
    let (server, mut client) = start();
    let mut opening = Raw::connect(&server);
    opening.write(handshake("/variant?wait", &[]));
    server.wait_for_log(&["on_open of 2 waits"]);
    server.put_plugin(FILE, &variant("new"));
    server.reload();
    let line = server.wait_for_log(&["ERROR", "has not returned within 2 s"]);
    let who = "plugin variant on /variant has been in on_open (client 2, thread client-2)";
    assert!(line.contains(who), "{line}");
    client.send("release");
    assert_eq!(client.text(), "old 2 2 0  release");
    assert!(opening.head().starts_with("HTTP/1.1 101 "));
    opening.write(frame(TEXT, b"mine"));
    assert_eq!(opening.frame(), (TEXT, b"old 1 3 0  mine".to_vec()));
    assert!(server.reload().contains("code of route /variant"));
    opening.write(frame(TEXT, b"now"));
    assert_eq!(opening.frame(), (TEXT, b"new 2 4 1  now".to_vec()));
    server.wait_for_log(&["dropped old, 0 sessions left"]);
}

/// What the new code had made before it was given up is freed, and nothing of the old.
#[test]
fn the_sessions_that_were_made_for_nothing_are_freed() {
    let server = Setup::new().file(FILE, &variant("old")).start();
    let mut clients: Vec<Client> = (0..6)
        .map(|_| Client::connect(&server, "/variant"))
        .collect();
    for (total, client) in (1..).zip(&mut clients) {
        let text = if total == 6 { "odd" } else { "even" };
        client.send(text);
        assert_eq!(client.text(), format!("old 1 {total} 0  {text}"));
    }
    server.put_plugin(FILE, &variant("new fail-session"));
    server.reload();
    server.wait_for_log(&[
        "ERROR",
        "client 6: on_resume failed: told not to take odd ones",
    ]);
    server.wait_for_log(&["dropped new, 0 sessions left"]);
    for (total, client) in (7..).zip(&mut clients) {
        client.send("still");
        assert_eq!(client.text(), format!("old 2 {total} 0  still"));
    }
}

#[track_caller]
fn assert_file_is_refused(
    server: &Server,
    client: &mut Client,
    count: u64,
    bytes: &[u8],
    why: &str,
) {
    server.put_plugin(FILE, bytes);
    server.reload();
    let line = server.wait_for_log(&["ERROR", FILE, why]);
    assert!(line.ends_with("; the one at work goes on"), "{line}");
    assert_old_goes_on(client, count);
}

#[test]
fn where_the_file_is_cut_or_damaged() {
    let (server, mut client) = start();
    let whole = variant("new");
    assert_file_is_refused(&server, &mut client, 2, b"", "is empty");
    let mut count = 2;
    for percent in (5..100).step_by(5) {
        count += 1;
        let cut = &whole[..whole.len() * percent / 100];
        assert_file_is_refused(&server, &mut client, count, cut, "is damaged or cut");
    }
    for percent in (5..100).step_by(15) {
        count += 1;
        let mut zeroed = whole.clone();
        zeroed[whole.len() * percent / 100..].fill(0);
        assert_file_is_refused(&server, &mut client, count, &zeroed, FILE);
    }
    assert_file_is_refused(
        &server,
        &mut client,
        count + 1,
        b"#!/bin/sh\n",
        "is no ELF library",
    );
}

#[test]
fn where_it_is_another_abi_or_no_plugin() {
    let (server, mut client) = start();
    let future = fs::read(library("future")).expect("it was built");
    assert_file_is_refused(&server, &mut client, 2, &future, "built for plugin ABI 2.0");
    let mut newer = variant("new");
    let magic = plugin_api::abi::MAGIC.to_ne_bytes();
    let at = (0..newer.len())
        .find(|&at| newer[at..].starts_with(&magic))
        .expect("an entry");
    newer[at + 20] = 9;
    assert_file_is_refused(&server, &mut client, 3, &newer, "needs plugin ABI 1.9");
    fs::remove_file(server.plugin_file(FILE)).expect("it is there");
    fs::create_dir(server.plugin_file(FILE)).expect("a new folder");
    server.reload();
    server.wait_for_log(&[
        "ERROR",
        FILE,
        "is no regular file",
        "the one at work goes on",
    ]);
    assert_old_goes_on(&mut client, 4);
}
