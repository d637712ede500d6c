//! A library that others could have written is not loaded: owner and modes of the file and its folders.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use tests::{Client, Server, Setup, variant};

const FILE: &str = "libvariant.so";
/// A user and a group that nobody has.
const STRANGER: u32 = 54_321;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// The new library is refused for `why`, and the old one serves, until nobody asks for it.
#[track_caller]
fn assert_refused(spoil: impl Fn(&Server), why: &[&str]) {
    let setup = Setup::new().file(FILE, &variant("old"));
    let server = setup.configuration("").start();
    let mut client = Client::connect(&server, "/variant");
    server.put_plugin(FILE, &variant("new"));
    spoil(&server);
    server.reload();
    let line = server.wait_for_log(&[&["ERROR", FILE, "is not trusted: "], why].concat());
    assert!(line.contains("or set strict_modes = false"), "{line}");
    client.send("a");
    assert_eq!(client.text(), "old 1 1 0  a");
    server.reload_with("strict_modes = false\n");
    client.send("b");
    assert_eq!(client.text(), "new 2 2 1  b");
}

#[test]
fn one_that_everyone_may_write() {
    assert_refused(
        |server| set_mode(&server.plugin_file(FILE), 0o646),
        &["libvariant.so can be written by others (mode 646): take that away (chmod go-w)"],
    );
}

#[test]
fn one_in_a_folder_that_everyone_may_write() {
    assert_refused(
        |server| set_mode(&server.folder().join("plugins"), 0o777),
        &["plugins can be written by others (mode 777)"],
    );
}

#[test]
fn a_sticky_folder_is_no_danger() {
    // Such as /tmp, in which this very test has its files.
    let server = Setup::new().file(FILE, &variant("old")).start();
    set_mode(&server.folder().join("plugins"), 0o1777);
    let mut client = Client::connect(&server, "/variant");
    server.put_plugin(FILE, &variant("new"));
    server.reload();
    client.send("a");
    assert_eq!(client.text(), "new 1 1 1  a");
}

/// Giving files away takes root; elsewhere these two cannot be made.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn one_of_a_foreign_owner() {
    if is_root() {
        assert_refused(
            |server| chown(server.plugin_file(FILE), Some(STRANGER), None).expect("root may"),
            &["libvariant.so belongs to user 54321: it has to belong to root or to user 0"],
        );
    }
}

#[test]
fn one_that_a_foreign_group_may_write() {
    if is_root() {
        assert_refused(
            |server| {
                chown(server.plugin_file(FILE), None, Some(STRANGER)).expect("root may");
                set_mode(&server.plugin_file(FILE), 0o664);
            },
            &["libvariant.so can be written by others (mode 664)"],
        );
    }
}

#[test]
fn one_that_asks_for_an_executable_stack() {
    let setup = Setup::new().plugins(&["echo"]);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/c/echo.c");
    let library = setup.plugins_folder().join("libexec.so");
    tests::compile_c_with(Path::new(source), &library, &["-Wl,-z,execstack"]);
    let server = setup.start();
    let line = server.wait_for_log(&["ERROR", "libexec.so: asks for an executable stack"]);
    assert!(line.contains("-z noexecstack"), "{line}");
}
