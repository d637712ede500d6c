//! The harness itself: what is missing fails, what is there passes, and nothing is left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::{
    Client, NumberedChat, Raw, Server, Setup, TEXT, becomes_true, frame, run_server, variant,
};

const SHORT: Duration = Duration::from_millis(50);

#[track_caller]
fn assert_fails<T>(test: impl FnOnce() -> T) -> String {
    let outcome = catch_unwind(AssertUnwindSafe(test));
    let payload = outcome.err().expect("it has to fail");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .expect("a panic with a message")
}

#[test]
fn a_log_line_that_never_comes_is_none_after_its_time() {
    let server = Server::start();
    let begin = Instant::now();
    assert_eq!(server.log_line_within(SHORT, &["no such line"]), None);
    assert!(begin.elapsed() >= SHORT);
    // On a busy machine the log comes later than what is printed.
    server.wait_for_log(&["listening on"]);
    assert!(server.log_line_within(SHORT, &["listening on"]).is_some());
    let parts = ["listening on", "and something else"];
    assert_eq!(
        server.log_line_within(SHORT, &parts),
        None,
        "all parts count"
    );
    assert_eq!(server.count_log(&["listening on"]), 1);
    assert_eq!(server.count_log(&["no such line"]), 0);
}

#[test]
fn waiting_for_a_log_line_ends_with_the_server_and_shows_the_log() {
    let mut server = Server::start();
    server.stop();
    let message = assert_fails(|| server.wait_for_log(&["no such line"]));
    assert!(message.contains("no such line"), "{message}");
    assert!(message.contains("listening on"), "{message}");
}

#[test]
fn a_message_that_is_missing_or_of_another_kind_fails() {
    let server = Server::start();
    let mut client = Client::connect(&server, "/echo");
    client
        .stream()
        .set_read_timeout(Some(SHORT))
        .expect("a valid timeout");
    assert!(assert_fails(|| client.text()).contains("no message"));
    let mut client = Client::connect(&server, "/echo");
    client.send_binary(b"x");
    assert!(assert_fails(|| client.text()).contains("not text"));
    client.send("x");
    assert!(assert_fails(|| client.binary()).contains("not binary"));
    client.send("x");
    assert!(assert_fails(|| client.closed()).contains("not closed"));
}

#[test]
fn a_frame_that_is_missing_fails() {
    let server = Server::start();
    let mut raw = Raw::upgrade(&server, "/echo");
    raw.0
        .set_read_timeout(Some(SHORT))
        .expect("a valid timeout");
    assert!(assert_fails(|| raw.frame()).contains("the server sends"));
    raw.write(frame(TEXT, b"x"));
    raw.0
        .set_read_timeout(Some(tests::DEADLINE))
        .expect("a valid timeout");
    assert_fails(|| raw.close_frame());
}

#[test]
fn a_numbered_message_that_is_doubled_or_lost_fails() {
    let setup = Setup::new().file("libvariant.so", &variant("v0"));
    let server = setup.start();
    let connect = || NumberedChat::new(Client::connect(&server, "/variant"));
    let mut doubling = connect();
    doubling.exchange(2);
    doubling.client.send("m3");
    doubling.exchange(1);
    assert!(assert_fails(|| doubling.exchange(1)).contains("v0 4 4 0  m3"));
    let mut losing = connect();
    losing.count = 1;
    assert!(assert_fails(|| losing.exchange(1)).contains("v0 1 "));
}

#[test]
fn a_handshake_that_is_refused_fails() {
    let server = Server::start();
    assert!(assert_fails(|| Client::connect(&server, "/nope")).contains("404"));
    assert!(assert_fails(|| Raw::upgrade(&server, "/nope")).contains("404"));
}

#[test]
fn a_server_that_does_not_start_fails_with_its_log() {
    let setup = Setup::new().arguments(&["--listen", "192.0.2.1:1"]);
    let message = assert_fails(|| setup.start());
    assert!(message.contains("192.0.2.1:1"), "{message}");
}

#[test]
fn a_server_that_ends_otherwise_than_with_0_fails() {
    let mut server = Server::start();
    server.signal(Signal::KILL);
    tests::wait_until("it has ended", || !server.is_running());
    let status = server.wait();
    assert_eq!(status.code(), None, "killed by a signal");
    assert_fails(|| run_server(&["--version"]).assert_code(1));
}

#[test]
fn a_server_that_is_dropped_is_gone() {
    let server = Server::start();
    let process = format!("/proc/{}", server.pid());
    let folder = server.folder().to_owned();
    assert!(Path::new(&process).exists() && folder.exists());
    drop(server);
    assert!(!Path::new(&process).exists());
    assert!(!folder.exists());
}

#[test]
fn a_dropped_server_that_leaves_a_plugin_behind_fails() {
    let setup = Setup::new().plugins(&["faulty"]);
    let server = setup.arguments(&["--stop-timeout", "300ms"]).start();
    let mut client = Client::connect(&server, "/faulty");
    client.send("block 3600000");
    server.wait_for_log(&["blocks for"]);
    assert!(assert_fails(|| drop(server)).contains("not waited for: "));
}

#[test]
fn a_dropped_server_that_has_ended_by_itself_fails() {
    let mut server = Server::start();
    server.signal(Signal::KILL);
    tests::wait_until("it has ended", || !server.is_running());
    assert!(assert_fails(|| drop(server)).contains("it ended by itself"));
}

#[test]
fn what_never_becomes_true_is_false_after_its_time() {
    let begin = Instant::now();
    assert!(!becomes_true(SHORT, || false));
    assert!(begin.elapsed() >= SHORT);
    let mut count = 0;
    assert!(becomes_true(tests::DEADLINE, || {
        count += 1;
        count == 3
    }));
}

#[test]
fn unread_bytes_are_seen() {
    let server = Setup::new().plugins(&["faulty"]).start();
    let mut raw = Raw::upgrade(&server, "/faulty");
    raw.write(frame(TEXT, b"block 3600000"));
    server.wait_for_log(&["blocks for"]);
    assert!(!server.has_unread_bytes(&raw));
    raw.write(frame(TEXT, b"unread"));
    assert!(becomes_true(tests::DEADLINE, || server.has_unread_bytes(&raw)));
    server.kill();
}

#[test]
fn c_that_does_not_compile_fails() {
    let setup = Setup::new();
    let source = setup.folder().join("wrong.c");
    std::fs::write(&source, "int unused_result(void) { int x; }\n").expect("it can be written");
    let library = setup.plugins_folder().join("libwrong.so");
    assert!(assert_fails(|| tests::compile_c_file(&source, &library)).contains("wrong.c"));
    assert!(!library.exists());
}

#[test]
fn threads_open_files_and_memory_are_those_of_the_server() {
    let server = Server::start();
    let (threads, files) = (server.threads(), server.open_files());
    let clients: Vec<_> = (0..7).map(|_| Raw::upgrade(&server, "/echo")).collect();
    assert_eq!(server.threads(), threads + clients.len());
    assert_eq!(server.open_files(), files + clients.len());
    assert!((1_000..1_000_000).contains(&server.resident_kib()));
}
