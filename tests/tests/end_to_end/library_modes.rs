//! A library that others could have written is not loaded: owner and modes of the file and its folders.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
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

/// A link in a folder that only we may write, to a library in one that everyone may.
#[test]
fn one_behind_a_link_whose_target_lies_in_an_open_folder() {
    assert_refused(
        |server| {
            let open = server.folder().join("open");
            fs::create_dir(&open).expect("a new folder");
            set_mode(&open, 0o777);
            let there = open.join("real.so");
            fs::rename(server.plugin_file(FILE), &there).expect("the same disk");
            symlink("../open/real.so", server.plugin_file(FILE)).expect("free");
        },
        &["/open can be written by others (mode 777)"],
    );
}

/// The folder of the link counts, not only that of its target: who may write there may point the link
/// elsewhere. Before, only the target's folders were looked at.
#[test]
fn one_behind_a_link_in_an_open_folder() {
    assert_refused(
        |server| {
            let (open, safe) = (server.folder().join("open"), server.folder().join("safe"));
            for folder in [&open, &safe] {
                fs::create_dir(folder).expect("a new folder");
            }
            fs::rename(server.plugin_file(FILE), safe.join("real.so")).expect("the same disk");
            symlink("../safe/real.so", open.join("link.so")).expect("free");
            symlink("../open/link.so", server.plugin_file(FILE)).expect("free");
            set_mode(&open, 0o777);
        },
        &["/open can be written by others (mode 777)"],
    );
}

#[test]
fn a_link_that_is_safe_all_the_way_is_followed() {
    let setup = Setup::new();
    let there = setup.folder().join("libvariant-1.so");
    fs::write(&there, variant("linked")).expect("the folder can be written");
    let link = setup.plugins_folder().join(FILE);
    symlink(&there, link).expect("free");
    let server = setup.start();
    let mut client = Client::connect(&server, "/variant");
    client.send("a");
    assert_eq!(client.text(), "linked 1 1 0  a");
}

/// Each would hold up the main thread for ever where it is opened and read like a file.
#[test]
fn what_is_no_file_with_an_end_holds_up_nothing() {
    let setup = Setup::new().plugins(&["echo"]);
    let folder = setup.plugins_folder();
    let pipe = rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("libpipe.so"), 0o600.into());
    pipe.expect("a new pipe");
    let link = |target: &str, name: &str| {
        symlink(target, folder.join(name)).expect("free");
    };
    link("/proc/kmsg", "libkmsg.so");
    link("/dev/zero", "libzero.so");
    link("libloop.so", "libloop.so");
    let server = setup.start();
    server.wait_for_log(&["ERROR", "libpipe.so: is no regular file"]);
    server.wait_for_log(&["ERROR", "libzero.so: is no regular file"]);
    server.wait_for_log(&["ERROR", "libkmsg.so: "]);
    server.wait_for_log(&["ERROR", "libloop.so: cannot be read: "]);
    let mut client = Client::connect(&server, "/echo");
    client.send("here");
    assert_eq!(client.text(), "here");
}
