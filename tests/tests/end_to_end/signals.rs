//! Signals beside those that stop and reload: none of them ends the server.

use std::fs;

use rustix::process::Signal;
use tests::{Client, Setup, wait_until};

#[test]
fn sigusr1_opens_the_log_file_anew() {
    let setup = Setup::new().plugins(&["echo"]);
    let file = setup.folder().join("server.log");
    let argument = file.to_str().expect("it is text").to_owned();
    let mut server = setup.arguments(&["--log-file", &argument]).start();
    fs::rename(&file, file.with_extension("1")).expect("it is there");
    server.signal(Signal::USR1);
    wait_until("it is there again", || {
        fs::read_to_string(&file).is_ok_and(|log| log.contains("SIGUSR1: log file "))
    });
    server.stop();
}

#[test]
fn sigusr1_without_a_file_says_so() {
    let server = Setup::new().plugins(&["echo"]).start();
    server.signal(Signal::USR1);
    server.wait_for_log(&["SIGUSR1: there is no log file to open anew"]);
}

#[test]
fn the_others_are_named_and_end_nothing() {
    let mut server = Setup::new().plugins(&["echo"]).start();
    let mut client = Client::connect(&server, "/echo");
    for (signal, name) in [
        (Signal::USR2, "SIGUSR2"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::VTALARM, "SIGVTALRM"),
        (Signal::PROF, "SIGPROF"),
        (Signal::IO, "SIGIO"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::POWER, "SIGPWR"),
        (Signal::STKFLT, "SIGSTKFLT"),
    ] {
        server.signal(signal);
        server.wait_for_log(&["INFO", &format!("{name} asks for nothing here: ")]);
        client.send(name);
        assert_eq!(client.text(), name);
    }
    server.stop();
}

/// As `ulimit -f` sets it; here when the libraries have been read, whose copies it holds for too.
#[test]
fn a_log_file_at_the_limit_of_its_size_ends_nothing() {
    let setup = Setup::new().plugins(&["probe"]);
    let file = setup.folder().join("server.log");
    let argument = file.to_str().expect("it is text").to_owned();
    let mut server = setup.arguments(&["--log-file", &argument]).start();
    server.set_limit(rustix::process::Resource::Fsize, Some(8192));
    let mut client = Client::connect(&server, "/probe");
    for _ in 0..20 {
        client.send(&format!("log {}", "x".repeat(1000)));
        client.send("id");
        assert_eq!(client.text(), "1");
    }
    fs::rename(&file, file.with_extension("1")).expect("it is there");
    server.signal(Signal::USR1);
    wait_until("the lost lines are counted", || {
        fs::read_to_string(&file).is_ok_and(|log| log.contains(" lines dropped"))
    });
    client.send("id");
    assert_eq!(client.text(), "1");
    server.stop();
}
