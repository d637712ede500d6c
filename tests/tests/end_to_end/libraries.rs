//! A library that cannot be used is one clear line, and the others run.

use std::fs;

use tests::{Client, Server, Setup, compile_c, library, wait_until};

/// Starts a server with echo and one bad file, and gives the log's one line about it.
#[track_caller]
fn line_about(setup: Setup, file: &str) -> String {
    let server = setup.plugins(&["echo"]).start();
    assert_echo_runs(&server);
    let line = server.wait_for_log(&["ERROR", &format!(" server::life::server: {file}: ")]);
    server.assert_logged(1, &["ERROR", file]);
    server.assert_logged(1, &["ERROR"]);
    line
}

#[track_caller]
fn assert_echo_runs(server: &Server) {
    let mut client = Client::connect(server, "/echo");
    client.send("here");
    assert_eq!(client.text(), "here");
}

#[test]
fn one_built_for_another_abi_says_what_to_do() {
    let line = line_about(Setup::new().plugins(&["future"]), "libfuture.so");
    let expected = "libfuture.so: built for plugin ABI 2.0, this server speaks 1.1: \
                    rebuild it with plugin-api 1.x";
    assert!(line.ends_with(expected), "{line}");
}

#[test]
fn a_file_that_is_no_library_is_told_so() {
    let text = Setup::new().file("libtext.so", b"#!/bin/sh\necho hello\n");
    let line = line_about(text, "libtext.so");
    assert!(line.contains("no ELF library"), "{line}");
    let empty = Setup::new().file("libempty.so", b"");
    let line = line_about(empty, "libempty.so");
    assert!(line.contains("is empty"), "{line}");
}

#[test]
fn a_library_that_was_cut_anywhere_is_refused_before_it_is_opened() {
    let whole = fs::read(library("chat")).expect("it was built");
    let mut setup = Setup::new().plugins(&["echo"]);
    let lengths = [
        4,
        60,
        64,
        100,
        1_000,
        4_096,
        whole.len() / 2,
        whole.len() - 1,
    ];
    for length in lengths {
        setup = setup.file(&format!("libcut{length}.so"), &whole[..length]);
    }
    let server = setup.start();
    assert_echo_runs(&server);
    for length in lengths {
        let name = format!(" libcut{length}.so: is damaged or cut (");
        server.assert_logged(1, &["ERROR", &name]);
    }
}

#[test]
fn an_undefined_symbol_is_named() {
    let setup = Setup::new();
    compile_c("unresolved", &setup.plugins_folder());
    let line = line_about(setup, "libunresolved.so");
    assert!(line.contains("exists_nowhere"), "{line}");
    assert!(
        !line.contains("/proc/"),
        "people know the file, not our copy: {line}"
    );
}

#[test]
fn a_library_without_an_entry_is_told_so() {
    let setup = Setup::new();
    // Any shared library that is no plugin; the C library is on every machine.
    let foreign = "#include <stddef.h>\nsize_t nothing(void) { return 0; }\n";
    fs::write(setup.folder().join("foreign.c"), foreign).expect("the folder can be written");
    tests::compile_c_file(
        &setup.folder().join("foreign.c"),
        &setup.plugins_folder().join("libforeign.so"),
    );
    let line = line_about(setup, "libforeign.so");
    assert!(line.contains("has no symbol `detent_plugin`"), "{line}");
}

#[test]
fn a_symbol_of_that_name_that_is_no_entry_is_told_so() {
    let setup = Setup::new();
    let source = "const unsigned char detent_plugin[256] = { 1, 2, 3 };\n";
    fs::write(setup.folder().join("magic.c"), source).expect("the folder can be written");
    tests::compile_c_file(
        &setup.folder().join("magic.c"),
        &setup.plugins_folder().join("libmagic.so"),
    );
    let line = line_about(setup, "libmagic.so");
    assert!(line.contains("magic number differs"), "{line}");
}

#[test]
fn a_folder_of_that_name_is_told_so() {
    let setup = Setup::new();
    fs::create_dir(setup.plugins_folder().join("x.so")).expect("a new folder");
    let line = line_about(setup, "x.so");
    assert!(line.contains("no regular file"), "{line}");
}

#[test]
fn a_link_that_leads_nowhere_is_told_so() {
    let setup = Setup::new();
    let link = setup.plugins_folder().join("liblink.so");
    std::os::unix::fs::symlink("no/such/file", link).expect("a new link");
    let line = line_about(setup, "liblink.so");
    assert!(line.contains("cannot be read"), "{line}");
}

#[test]
fn of_two_that_are_the_same_plugin_both_are_named_and_the_first_runs() {
    let copy = fs::read(library("echo")).expect("it was built");
    let line = line_about(Setup::new().file("libzecho.so", &copy), "libzecho.so");
    let why = "is plugin `echo`, which libecho.so is already: remove one of the two";
    assert!(line.ends_with(why), "{line}");
}

#[test]
fn of_two_on_one_path_both_are_named_and_the_first_runs() {
    let setup = Setup::new();
    let source = include_str!("../../c/echo.c");
    let other = source.replace(r#"DETENT_PLUGIN("echo""#, r#"DETENT_PLUGIN("other""#);
    assert_ne!(other, source);
    fs::write(setup.folder().join("other.c"), other).expect("the folder can be written");
    tests::compile_c_file(
        &setup.folder().join("other.c"),
        &setup.plugins_folder().join("libother.so"),
    );
    let line = line_about(setup, "libother.so");
    let why = "serves /echo, which libecho.so serves already: remove one of the two, or give one another \
               path by a [[route]]";
    assert!(line.ends_with(why), "{line}");
}

#[test]
fn what_is_not_named_like_a_library_is_not_looked_at() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup
        .file(".hidden.so", b"no library")
        .file("README.txt", b"no library")
        .file("libecho.so.bak", b"no library")
        .start();
    assert_echo_runs(&server);
    assert_eq!(server.count_log(&["ERROR"]), 0, "{}", server.log());
}

#[test]
fn an_unknown_option_refuses_the_route_and_names_it() {
    let setup = Setup::new().plugins(&["chat", "echo"]);
    let server = setup
        .arguments(&["--set", "chat.exlude_sender=true"])
        .start();
    let line = server.wait_for_log(&[
        "ERROR",
        " --set chat.exlude_sender: route /chat: create failed: option `exlude_sender`: unknown field",
    ]);
    assert!(line.contains("expected `exclude_sender`"), "{line}");
    assert_echo_runs(&server);
    let refused = Client::connect_with(&server, "/chat", &[]);
    assert_eq!(refused.expect_err("there is no such route").status, 404);
}

#[test]
fn an_option_of_a_wrong_type_or_for_nobody_is_told() {
    let setup = Setup::new().plugins(&["chat", "echo"]);
    let server = setup
        .arguments(&["--set", "chat.exclude_sender=5"])
        .arguments(&["--set", "echo.colour=red"])
        .arguments(&["--set", "nobody.key=1"])
        .start();
    server.wait_for_log(&[
        "ERROR",
        " --set chat.exclude_sender: ",
        "expected a boolean",
    ]);
    server.wait_for_log(&[
        "ERROR",
        " --set echo.colour: ",
        "option `colour`: unknown field",
    ]);
    server.wait_for_log(&["ERROR", "--set nobody: no plugin of that name"]);
}

#[test]
fn a_library_may_be_overwritten_cut_and_removed_while_it_runs() {
    let setup = Setup::new().plugins(&["echo", "chat", "probe"]);
    let server = setup.start();
    let folder = server.folder().join("plugins");
    let mut client = Client::connect(&server, "/probe");
    fs::write(folder.join("libprobe.so"), vec![0xcc; 4_000_000]).expect("it can be written");
    fs::write(folder.join("libecho.so"), b"").expect("it can be written");
    fs::remove_file(folder.join("libchat.so")).expect("it is there");
    client.send("id");
    assert_eq!(client.text(), "1");
    assert_echo_runs(&server);
    let mut board = Client::connect(&server, "/chat");
    board.send("still here");
    assert_eq!(board.text(), "Client 1: still here");
    client.close(1000, "");
    wait_until("on_close ran", || {
        server.count_log(&["closed 1: 1000"]) == 1
    });
}
