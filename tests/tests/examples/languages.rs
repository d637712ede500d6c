//! The scripts in Python and Node: they push, are refused, listen, and come back.

use std::path::Path;
use std::process::{Command, Stdio};

use tests::Server;

use crate::{Listener, example, url};

fn run(program: &str, push: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).arg(push).args(arguments).output();
    let output = output.expect("it is installed");
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(told).expect("text"),
    )
}

fn push_and_listen(program: &str, push: &str, listen: &str) {
    let mut server = Server::start();
    let topic = url(&server, "/push/news");
    let mut script = Command::new(program);
    script
        .arg(example(listen))
        .arg(&topic)
        .stderr(Stdio::null());
    let mut listener = Listener::start(&server, &mut script, "news");
    let (is_taken, answer) = run(program, &example(push), &[&topic, "one\ntwo ä"]);
    assert!(is_taken, "{answer}");
    assert_eq!(
        tests::without_positions(&answer),
        "{\"topic\":\"news\",\"clients\":1}\n"
    );
    assert_eq!(listener.line(), "one");
    assert_eq!(listener.line(), "two ä");
    // Its `close` event is no message.
    server.stop();
    server.start_again();
    crate::wait_for_listener(&server, "news");
    run(program, &example(push), &[&topic, "back"]);
    assert_eq!(listener.line(), "back");
    let refused = url(&server, "/push/a%0Ab");
    let (is_taken, answer) = run(
        program,
        &example(push),
        &[&refused, "x", "a-token-of-someone"],
    );
    assert!(!is_taken);
    assert!(
        answer.contains("400 a topic has no control characters"),
        "{answer}"
    );
}

#[cfg(feature = "python")]
#[test]
fn python_pushes_and_listens() {
    push_and_listen("python3", "python/push.py", "python/listen.py");
}

#[cfg(feature = "node")]
#[test]
fn node_pushes_and_listens() {
    push_and_listen("node", "node/push.mjs", "node/listen.mjs");
}
