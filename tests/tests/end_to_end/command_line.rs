//! Arguments: what help there is, and with which exit code wrong ones are refused.

use std::net::TcpListener;

use tests::{Setup, run_server};

#[test]
fn help_has_an_example_and_every_option() {
    let help = run_server(&["--help"]);
    help.assert_code(0);
    for part in [
        "Example:\n  server --plugins plugins/",
        "--listen",
        "[default: 127.0.0.1:25252]",
        "--allow-origin",
        "--set",
        "--max-message",
        "--max-backlog",
        "--max-connections",
        "--handshake-timeout",
        "--ping-interval",
        "--pong-timeout",
        "--stop-timeout",
        "--log-level",
        "--log-file",
        "--log-format",
        "--config",
        "--check",
        "--strict",
        "--watch",
        "--version",
    ] {
        assert!(help.stdout.contains(part), "{part}:\n{}", help.stdout);
    }
}

#[test]
fn version_is_one_line() {
    let version = run_server(&["--version"]);
    version.assert_code(0);
    let expected = format!("server {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(version.stdout, expected);
}

#[test]
fn wrong_arguments_end_with_2_and_name_what_is_wrong() {
    for (arguments, part) in [
        (&[][..], "--plugins"),
        (&["--plugins", ".", "--no-such-option"], "--no-such-option"),
        (&["--plugins", ".", "--listen", "nowhere"], "nowhere"),
        (&["--plugins", ".", "--max-message", "much"], "much"),
        (&["--plugins", ".", "--max-message", "0"], "--max-message"),
        (&["--plugins", ".", "--max-backlog", "1B"], "--max-backlog"),
        (&["--plugins", ".", "--max-connections", "0"], "0"),
        (&["--plugins", ".", "--ping-interval", "soon"], "soon"),
        (
            &["--plugins", ".", "--stop-timeout", "0s"],
            "--stop-timeout",
        ),
        (&["--plugins", ".", "--log-level", "loud"], "loud"),
        (&["--plugins", ".", "--set", "chat"], "PLUGIN.KEY=VALUE"),
        (
            &["--plugins", ".", "--allow-origin", "example.org"],
            "\"example.org\" is no origin",
        ),
    ] {
        let finished = run_server(arguments);
        finished.assert_code(2);
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn a_plugins_folder_that_is_missing_ends_with_2() {
    let finished = run_server(&["--plugins", "no/such/folder", "--listen", "127.0.0.1:0"]);
    finished.assert_code(2);
    assert!(finished.stderr.contains("no/such/folder"), "{finished:?}");
}

#[test]
fn an_address_in_use_ends_with_1_and_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = other.local_addr().expect("it is bound").to_string();
    let finished = Setup::new().arguments(&["--listen", &address]).run();
    finished.assert_code(1);
    assert!(finished.stderr.contains(&address), "{finished:?}");
    assert!(finished.stderr.contains("in use"), "{finished:?}");
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_log_file_that_cannot_be_opened_ends_with_1() {
    let finished = Setup::new()
        .arguments(&["--log-file", "no/such/folder/log"])
        .run();
    finished.assert_code(1);
    assert!(
        finished
            .stderr
            .contains("log.file (--log-file) no/such/folder/log")
    );
}

#[test]
fn strict_ends_with_2_where_a_plugin_cannot_be_used() {
    let setup = Setup::new()
        .plugins(&["echo"])
        .file("libbad.so", b"no library");
    let finished = setup.arguments(&["--strict"]).run();
    finished.assert_code(2);
    assert!(finished.stderr.contains(": libbad.so: "), "{finished:?}");
    assert!(finished.stderr.contains("--strict"), "{finished:?}");
    assert_eq!(finished.stdout, "", "it never listened");
}

#[test]
fn strict_starts_where_all_is_well() {
    let setup = Setup::new().plugins(&["echo"]).arguments(&["--strict"]);
    setup.start().stop();
}
