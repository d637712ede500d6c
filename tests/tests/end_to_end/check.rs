//! `--check` finds what a start would find: options, files, folders; and it leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};

use tests::{Finished, Setup, run_server, variant};

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// Writes the configuration beside the plugins folder, which it names, and checks it.
fn check(setup: &Setup, configuration: &str, arguments: &[&str]) -> (PathBuf, Finished) {
    let file = setup.folder().join("detent.toml");
    let whole = format!("plugins = \"plugins\"\n{configuration}");
    fs::write(&file, whole).expect("the folder can be written");
    let finished = run_server(&[&["--config", text(&file), "--check"], arguments].concat());
    (file, finished)
}

/// The check finds this one problem, which begins with the file's name.
#[track_caller]
fn assert_problem(setup: &Setup, configuration: &str, place: &str, problem: &str) {
    let (file, finished) = check(setup, configuration, &[]);
    finished.assert_code(2);
    let expected = format!("{}:{place}: {problem}\n", file.display());
    assert_eq!(finished.stderr, expected);
    assert_eq!(finished.stdout, "");
}

const CHAT: &str = "[[route]]\npath = \"/board\"\nplugin = \"chat\"\n[route.options]\n";
const KEEPER: &str = "[[route]]\npath = \"/keeper\"\nplugin = \"keeper\"\n[route.options]\n";

#[test]
fn a_misspelt_option_is_found_by_a_plugins_own_check() {
    assert_problem(
        &Setup::new().plugins(&["chat"]),
        &format!("{CHAT}  exclude_sendr = true\n"),
        "6:3",
        "route /board: option `exclude_sendr`: unknown field, expected `exclude_sender` or `past`",
    );
}

#[test]
fn a_value_of_the_wrong_type_is_found() {
    assert_problem(
        &Setup::new().plugins(&["chat"]),
        &format!("{CHAT}exclude_sender = \"yes\"\n"),
        "6:1",
        "route /board: option `exclude_sender`: invalid type: string \"yes\", expected a boolean",
    );
}

#[test]
fn an_option_for_a_plugin_that_has_none_is_found() {
    assert_problem(
        &Setup::new().plugins(&["echo"]),
        "[[route]]\npath = \"/e\"\nplugin = \"echo\"\noptions = { louder = 1 }\n",
        "5:13",
        "route /e: create failed: option `louder`: unknown field, this plugin has no options",
    );
}

#[test]
fn a_plugin_without_a_check_is_made_and_ended() {
    let setup = Setup::new().plugins(&["keeper"]);
    fs::write(setup.folder().join("hello"), "hello").expect("the folder can be written");
    let (file, finished) = check(&setup, &format!("{KEEPER}greeting_file = \"hello\"\n"), &[]);
    finished.assert_code(0);
    assert_eq!(finished.stdout, format!("{}: ok\n", file.display()));
    for trace in ["created", "ended"] {
        assert!(setup.folder().join(trace).exists(), "{trace}");
    }
}

#[test]
fn a_missing_required_option_is_found_at_the_options() {
    let setup = Setup::new().plugins(&["keeper"]);
    let missing = "route /keeper: create failed: missing field `greeting_file`";
    assert_problem(&setup, KEEPER, "5:1", missing);
    let (file, finished) = check(
        &setup,
        "[[route]]\npath = \"/k\"\nplugin = \"keeper\"\n",
        &[],
    );
    finished.assert_code(2);
    let missing = missing.replace("/keeper", "/k");
    let at_the_route = format!("{}:2:1: {missing}\n", file.display());
    assert_eq!(finished.stderr, at_the_route);
}

#[test]
fn an_option_inside_others_is_pointed_at() {
    let setup = Setup::new().plugins(&["keeper"]);
    fs::write(setup.folder().join("hello"), "hello").expect("the folder can be written");
    let options =
        format!("{KEEPER}greeting_file = \"hello\"\nlamps = [{{ pin = 1 }}, {{ pim = 2 }}]\n");
    let unknown =
        "route /keeper: create failed: option `lamps[1].pim`: unknown field, expected `pin`";
    assert_problem(&setup, &options, "7:25", unknown);
    let options = options.replace("pim = 2 }", "pin = 2 }, { pin = 3 }");
    let many = "route /keeper: create failed: option `lamps[2]`: there are two lamps";
    assert_problem(&setup, &options, "7:36", many);
}

#[test]
fn what_only_the_plugin_knows_points_at_the_option() {
    assert_problem(
        &Setup::new().plugins(&["keeper"]),
        &format!("{KEEPER}greeting_file = \"nowhere\"\n"),
        "6:1",
        "route /keeper: create failed: option `greeting_file`: No such file or directory (os error 2)",
    );
}

#[test]
fn every_wrong_route_is_told() {
    let setup = Setup::new()
        .plugins(&["chat", "push"])
        .file("libvariant.so", &variant("new fail-create"));
    let options =
        format!("{CHAT}a = 1\n[[route]]\npath = \"/p\"\nplugin = \"push\"\noptions.b = 2\n");
    let (_, finished) = check(&setup, &options, &[]);
    finished.assert_code(2);
    assert_eq!(finished.stderr.lines().count(), 3, "{}", finished.stderr);
    for part in [
        ":6:1: route /board: option `a`: ",
        ":10:9: route /p: option `b`: ",
        "libvariant.so: route /variant: create failed: told to fail in create\n",
    ] {
        assert!(
            finished.stderr.contains(part),
            "{part}: {}",
            finished.stderr
        );
    }
}

#[test]
fn an_option_of_the_command_line_is_named_as_it_was_given() {
    let setup = Setup::new().plugins(&["chat", "push"]);
    let (_, finished) = check(
        &setup,
        &format!("{CHAT}exclude_sender = true\n"),
        &[
            "--set",
            "chat.exclude_sender=7",
            "--set",
            "push.count_every_seconds=0",
        ],
    );
    finished.assert_code(2);
    assert_eq!(
        finished.stderr,
        "--set chat.exclude_sender: route /board: option `exclude_sender`: invalid type: integer `7`, \
         expected a boolean\n\
         --set push.count_every_seconds: route /push: option `count_every_seconds`: invalid value: \
         integer `0`, expected a nonzero u64\n"
    );
}

#[test]
fn a_log_file_that_cannot_be_opened_is_found_and_none_is_made() {
    let setup = Setup::new().plugins(&["echo"]);
    let folder = setup.folder().to_owned();
    let problem = |name: &str| {
        let (_, finished) = check(&setup, &format!("log.file = \"{name}\"\n"), &[]);
        finished.assert_code(2);
        let start = format!("log.file (--log-file) {}: ", folder.join(name).display());
        let rest = finished.stderr.strip_prefix(&start);
        rest.unwrap_or_else(|| panic!("{}", finished.stderr))
            .to_owned()
    };
    assert_eq!(
        problem("no/such/folder"),
        "No such file or directory (os error 2)\n"
    );
    assert_eq!(problem("plugins"), "Is a directory (os error 21)\n");
    assert_eq!(
        problem("plugins/libecho.so/log"),
        "Not a directory (os error 20)\n"
    );
    // Its open would wait for a reader.
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe"), 0o600.into()).expect("a new pipe");
    assert_eq!(problem("pipe"), "No such device or address (os error 6)\n");
    let (_, finished) = check(&setup, "log.file = \"new.log\"\n", &[]);
    finished.assert_code(0);
    assert!(!folder.join("new.log").exists());
}

#[test]
fn a_folder_for_plugins_that_is_none_is_found() {
    let setup = Setup::new().plugins(&["echo"]);
    let (_, finished) = check(&setup, "state_dir = \"plugins/libecho.so\"\n", &[]);
    finished.assert_code(2);
    assert!(
        finished.stderr.starts_with("state_dir "),
        "{}",
        finished.stderr
    );
    let (_, finished) = check(&setup, "state_dir = \"later\"\n", &[]);
    finished.assert_code(0);
    assert!(
        !setup.folder().join("later").exists(),
        "a check makes nothing"
    );
}

#[test]
fn nothing_to_serve_is_found() {
    let (_, finished) = check(&Setup::new(), "", &[]);
    finished.assert_code(2);
    assert!(
        finished.stderr.contains("there is no library (*.so) in it"),
        "{finished:?}"
    );
    let (_, finished) = check(
        &Setup::new().plugins(&["echo"]),
        "default_routes = false\n",
        &[],
    );
    finished.assert_code(2);
    assert!(
        finished.stderr.contains("no route is left to serve"),
        "{finished:?}"
    );
}

/// Addresses: one that no machine has, and one that is in use, which may be by the server that is checked.
#[test]
fn an_address_that_the_machine_does_not_have_is_found_and_one_in_use_is_none() {
    let setup = Setup::new().plugins(&["echo"]);
    let (_, finished) = check(&setup, "listen = [\"192.0.2.1:25252\"]\n", &[]);
    finished.assert_code(2);
    let why = "cannot listen on 192.0.2.1:25252: ";
    let advice =
        "; this machine does not have this address: `ip address` lists those that it has\n";
    let problem = &finished.stderr;
    assert!(
        problem.contains(why) && problem.ends_with(advice),
        "{problem}"
    );

    let server = Setup::new().plugins(&["echo"]).start();
    let listen = format!("listen = [\"{}\"]\n", server.address());
    let (_, finished) = check(&setup, &listen, &[]);
    finished.assert_code(0);
    // It is not disturbed either.
    tests::Raw::connect(&server).assert_kept();
}

#[test]
fn a_message_that_no_backlog_has_room_for_is_noted() {
    let setup = Setup::new().plugins(&["echo"]);
    let route = "[[route]]\npath = \"/e\"\nplugin = \"echo\"\nmessage = \"2 MiB\"\n";
    let (_, finished) = check(&setup, route, &[]);
    finished.assert_code(0);
    let note = "note: route /e: a message may have 2.0 MiB and a backlog 1.0 MiB: ";
    assert!(finished.stderr.starts_with(note), "{}", finished.stderr);
    let (_, finished) = check(&setup, route, &["--max-backlog", "2 MiB"]);
    finished.assert_code(0);
    assert_eq!(finished.stderr, "");
}
