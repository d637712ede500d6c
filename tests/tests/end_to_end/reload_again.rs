//! A SIGHUP while a reload is under way: it is obeyed when that one is over.

use std::fs;

use rustix::process::Signal;
use tests::{Client, Setup, variant, wait_until};

fn configuration(greeting: &str, more: &str) -> String {
    format!(
        "{more}\n[[route]]\npath = \"/variant\"\nplugin = \"variant\"\n[route.options]\n\
         greeting = \"{greeting}\"\n"
    )
}

#[test]
fn the_second_reads_the_file_anew_after_the_first() {
    let setup = Setup::new().plugins(&["echo"]);
    let setup = setup.file("libvariant.so", &variant("one"));
    let server = setup.configuration(&configuration("a", "")).start();
    let mut busy = Client::connect(&server, "/variant");
    busy.send("block 1500");
    server.wait_for_log(&["blocks"]);
    // The first waits for the callback, with the new file of the log open already.
    let first = configuration("b", "log.file = \"first.log\"");
    server.configure(&first);
    server.signal(Signal::HUP);
    let file = server.folder().join("first.log");
    wait_until("the first has read its settings", || file.exists());
    let second = configuration("b", "log.file = \"first.log\"\nclient.message = \"10 B\"");
    server.configure(&second);
    server.signal(Signal::HUP);
    assert_eq!(
        server.count_log(&["reload done"]),
        0,
        "the first still waits"
    );
    let done = || -> Vec<String> {
        let log = fs::read_to_string(&file).expect("it is there");
        let lines = log.lines().filter(|line| line.contains("reload done: "));
        lines.map(str::to_owned).collect()
    };
    wait_until("both are done", || done().len() == 2);
    let lines = done();
    assert!(lines[0].contains("options of route /variant"), "{lines:?}");
    assert!(
        lines[1].contains("reload done: client.message"),
        "{lines:?}"
    );
    assert!(!lines[1].contains("route /variant"), "{lines:?}");
    assert_eq!(busy.text(), "one 1 1 0  block 1500");
    busy.send("greeting");
    assert_eq!(busy.text(), "b");
    let mut other = Client::connect(&server, "/echo");
    other.send("01234567890");
    assert_eq!(other.closed().0, 1009);
    // The rest is told where the beginning was, so that the harness can count the closes.
    server.reload_with(&configuration("b", "client.message = \"10 B\""));
}
