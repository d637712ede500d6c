//! `curl`, by itself and in the shell scripts.

use std::io::Write;
use std::process::{Command, Stdio};

use tests::Server;

use crate::{Listener, example, url};

fn push(server: &Server, path: &str, token: &[&str], text: &str) -> (bool, String) {
    let mut script = Command::new(example("shell/push.sh"))
        .arg(url(server, path))
        .args(token)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a shell");
    let mut input = script.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = script.wait_with_output().expect("it ends");
    (
        output.status.success(),
        String::from_utf8(output.stdout).expect("text"),
    )
}

#[test]
fn curl_alone_reads_a_stream_as_it_comes_and_ends_in_good_order() {
    let server = Server::start();
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--no-buffer",
        "--header",
        "Accept: text/event-stream",
    ]);
    curl.arg(url(&server, "/push/news"));
    let mut listener = Listener::start(&server, &mut curl, "news");
    assert!(listener.line().starts_with("retry: "));
    let sent = Command::new("curl")
        .args([
            "--silent",
            "--fail",
            "--data",
            "by=curl&more",
            &url(&server, "/push/news"),
        ])
        .output();
    assert!(sent.expect("curl is installed").status.success());
    while listener.line() != "data: by=curl&more" {}
    drop(server);
    let status = listener.program.wait().expect("it was started");
    assert!(status.success(), "{status}");
}

#[test]
fn the_scripts_push_lines_and_hear_them_also_after_a_restart() {
    let mut server = Server::start();
    let mut script = Command::new(example("shell/listen.sh"));
    script.arg(url(&server, "/push/news")).stderr(Stdio::null());
    let mut listener = Listener::start(&server, &mut script, "news");
    let (is_taken, answer) = push(&server, "/push/news", &[], "one\ntwo \\ three");
    assert!(is_taken, "{answer}");
    assert_eq!(
        tests::without_positions(&answer),
        "{\"topic\":\"news\",\"clients\":1}\n"
    );
    assert_eq!(listener.line(), "one");
    assert_eq!(listener.line(), "two \\ three");
    server.stop();
    server.start_again();
    crate::wait_for_listener(&server, "news");
    push(&server, "/push/news", &[], "back");
    assert_eq!(listener.line(), "back");
    let (is_taken, answer) = push(&server, "/push/a%0Ab", &["a-token-of-someone"], "x");
    assert!(!is_taken);
    assert!(answer.contains("control characters"), "{answer}");
}
