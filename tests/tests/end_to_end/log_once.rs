//! Where stdout and the log end in one place, the lines of the start stand there once; and what the
//! journal gets.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;

use rustix::process::{Pid, Signal, kill_process};
use tests::{Setup, wait_until};

/// What a server writes, from its start to its stop, where stdout and stderr are one file. `prepare`
/// gets the device and inode of that file, as systemd tells them.
fn written_to_one_file(
    setup: &Setup,
    prepare: impl Fn(&mut std::process::Command, String),
) -> String {
    let path = setup.folder().join("output");
    let file = File::create(&path).expect("the folder can be written");
    let metadata = file.metadata().expect("it is open");
    let mut command = setup.bare_command();
    command
        .stdout(file.try_clone().expect("a descriptor"))
        .stderr(file);
    prepare(
        &mut command,
        format!("{}:{}", metadata.dev(), metadata.ino()),
    );
    let mut server = command.spawn().expect("the server's binary can be run");
    let written = || fs::read_to_string(&path).expect("it is text");
    wait_until("it listens", || written().contains("listening on "));
    kill_process(Pid::from_child(&server), Signal::TERM).expect("it has not been waited for");
    let status = server.wait().expect("it is ours");
    assert_eq!(
        (status.code(), status.signal()),
        (Some(0), None),
        "{}",
        written()
    );
    written()
}

#[test]
fn in_one_file_they_stand_once() {
    let setup = Setup::new().plugins(&["echo"]);
    let written = written_to_one_file(&setup, |_, _| {});
    for words in ["detent 0", "route /echo: ", "capacity: ", "listening on "] {
        assert_eq!(written.matches(words).count(), 1, "{words}:\n{written}");
    }
    // As lines of the log, each with its time.
    assert!(
        written.lines().all(|line| line.starts_with("20")),
        "{written}"
    );
}

#[test]
fn a_log_that_leaves_them_out_leaves_them_to_stdout() {
    let setup = Setup::new()
        .plugins(&["echo"])
        .arguments(&["--log-level", "warn"]);
    let written = written_to_one_file(&setup, |_, _| {});
    assert!(written.starts_with("detent 0"), "{written}");
    assert_eq!(written.matches("listening on ").count(), 1, "{written}");
}

#[test]
fn the_journal_gets_priorities_and_no_time_of_ours() {
    let setup = Setup::new();
    let written = written_to_one_file(&setup, |command, end| {
        command.env("JOURNAL_STREAM", end);
    });
    for line in written.lines() {
        assert!(
            line.starts_with("<6>server::") || line.starts_with("<4>server::"),
            "{written}"
        );
    }
    assert!(
        written.contains("<4>server::life::server: no plugin in "),
        "{written}"
    );
    assert_eq!(written.matches("listening on ").count(), 1, "{written}");
}

#[test]
fn another_end_than_the_journals_gets_times() {
    let setup = Setup::new();
    // Started by a service that has sent it elsewhere.
    let written = written_to_one_file(&setup, |command, _| {
        command.env("JOURNAL_STREAM", "8:1");
    });
    assert!(
        written.lines().all(|line| line.starts_with("20")),
        "{written}"
    );
}
