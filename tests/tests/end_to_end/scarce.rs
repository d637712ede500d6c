//! The machine has no more of something: the service goes on for who is in, says 503 where it can,
//! and recovers by itself.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Seek};
use std::thread;
use std::time::Duration;

use rustix::process::Resource;
use tests::{Client, Raw, Server, Setup, TEXT, frame, handshake, wait_until};

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn assert_echoes(client: &mut Client) {
    client.send("still here");
    assert_eq!(client.text(), "still here");
}

/// Clients that have asked for the echo route and have not looked at the answer.
fn ask(server: &Server, count: usize) -> Vec<Raw> {
    let connect = |_| {
        let mut raw = Raw::connect(server);
        raw.write(handshake("/echo", &[]));
        raw
    };
    (0..count).map(connect).collect()
}

/// Those of the clients that were let in, and how many were answered 503; no other answer is allowed.
#[track_caller]
fn answered(clients: Vec<Raw>) -> (Vec<Raw>, usize) {
    let count = clients.len();
    let let_in = clients.into_iter().filter_map(|mut client| {
        let head = client.head();
        let is_refused = head.starts_with("HTTP/1.1 503 ");
        assert!(is_refused || head.starts_with("HTTP/1.1 101 "), "{head}");
        (!is_refused).then_some(client)
    });
    let admitted: Vec<Raw> = let_in.collect();
    let refused = count - admitted.len();
    (admitted, refused)
}

/// Each connection takes a file: the ones that do not fit are told so one after the other, with the spare
/// file, and `accept` fails at once, again and again.
#[test]
fn out_of_open_files_it_answers_503_without_spinning_and_recovers() {
    let server = Setup::new().plugins(&["echo"]).start();
    let mut bystander = Client::connect(&server, "/echo");
    let room = server.open_files() as u64 + 4;
    server.set_limit(Resource::Nofile, Some(room));
    let before = server.processor_time();
    let (clients, refused) = answered(ask(&server, 20));
    let used = server.processor_time() - before;
    assert!(used < SECOND / 2, "{used:?} for seconds of it");
    assert!(refused >= 10, "{refused} refused, the limit does not hold");
    server.wait_for_log(&["ERROR", "cannot accept connections", "trying again"]);
    server.wait_for_log(&["WARN", ": 503 the server has no open file left"]);
    assert_echoes(&mut bystander);
    // It is told anew only where one was let in between: two that are refused may leave at once.
    let lines = server.count_log(&["cannot accept connections"]);
    assert!((1..=clients.len()).contains(&lines), "{lines} lines");

    // Who leaves makes room.
    drop(clients);
    wait_until("newcomers are let in again", || {
        let mut newcomer = ask(&server, 1).remove(0);
        newcomer.head().starts_with("HTTP/1.1 101 ")
    });
    assert_echoes(&mut bystander);
}

/// A thread's stack is address space: where none is left, the thread cannot be made (the first 32 have
/// theirs with the first client); and where just that much is left, the next allocation anywhere would
/// end the process.
#[test]
fn out_of_memory_for_a_stack_the_answer_is_503_and_it_recovers() {
    let server = Setup::new().plugins(&["echo"]).start();
    let mut bystander = Client::connect(&server, "/echo");
    let room = (server.address_space_kib() + 10 * 1024) * 1024;
    let before = server.set_limit(Resource::As, Some(room));
    let (admitted, refused) = answered(ask(&server, 44));
    assert!(refused > 0, "there was room for all");
    server.wait_for_log(&["WARN", "no thread for a connection: "]);
    assert_echoes(&mut bystander);
    // Enough for a stack and not for what the thread allocates then, in steps of two pages.
    for beside_kib in (0..160).step_by(8) {
        let room = (server.address_space_kib() + 1024 + beside_kib) * 1024;
        server.set_limit(Resource::As, Some(room));
        let head = ask(&server, 1)[0].head();
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    }
    assert_echoes(&mut bystander);
    server.set_limit(Resource::As, before);
    drop(admitted);
    for _ in 0..20 {
        assert_echoes(&mut Client::connect(&server, "/echo"));
    }
    let used = server.processor_time();
    assert!(used < SECOND, "{used:?}");
}

/// What `pids.max` and `kernel.threads-max` come to as well; of the limits of threads a test can set
/// that of a user.
#[test]
#[cfg_attr(not(feature = "root"), ignore = "needs root: --features tests/root")]
fn out_of_threads_it_answers_503_without_spinning_and_recovers() {
    let server = Setup::new().plugins(&["echo"]).as_lone_user().start();
    let mut bystander = Client::connect(&server, "/echo");
    let room = server.threads() as u64 + 3;
    server.limit_threads(room);
    let (mut admitted, refused) = answered(ask(&server, 44));
    assert!(refused >= 9, "{refused} refused, the limit does not hold");
    let (status, _, body) = Raw::answer(&server, handshake("/echo", &[]));
    let why = "the machine has no thread left for a connection";
    assert_eq!((status, body.trim_end()), (503, why));
    server.wait_for_log(&["WARN", "no thread for a connection: "]);
    assert_echoes(&mut bystander);
    for client in &mut admitted {
        client.write(frame(TEXT, b"still here"));
        assert_eq!(client.frame(), (TEXT, b"still here".to_vec()));
    }

    // Who leaves makes room.
    drop(admitted);
    wait_until("newcomers are let in again", || {
        Client::connect_with(&server, "/echo", &[]).is_ok()
    });
    server.limit_threads(room + 100);
    let mut newcomers: Vec<Client> = (0..20).map(|_| Client::connect(&server, "/echo")).collect();
    newcomers.iter_mut().for_each(assert_echoes);
    let used = server.processor_time();
    assert!(used < SECOND, "{used:?}");
}

/// Past --max-connections the answer is 503 without a thread; a storm of them neither fills the log
/// nor stops the service.
#[test]
fn a_storm_of_refused_connections_is_bounded_in_the_log_and_passes() {
    let arguments = ["--max-connections", "2"];
    let server = Setup::new()
        .plugins(&["echo"])
        .arguments(&arguments)
        .start();
    let mut bystander = Client::connect(&server, "/echo");
    let second = Client::connect(&server, "/echo");
    let started = std::time::Instant::now();
    for _ in 0..1000 {
        drop(Raw::connect(&server));
    }
    server.wait_for_log(&["WARN", " refusals and faults of clients were left out"]);
    assert_echoes(&mut bystander);
    let lines = server.count_log(&["all 2 connections are taken"]);
    let most = 200 + 10 * (started.elapsed().as_secs() as usize + 1);
    assert!((200..=most).contains(&lines), "{lines} lines");
    drop(second);
    wait_until("there is room again", || {
        Client::connect_with(&server, "/echo", &[]).is_ok()
    });
}

/// Each 404 is a line for whoever looks for a mistake; thousands of them are not.
#[test]
fn a_storm_of_404_is_bounded_in_the_log() {
    let server = Setup::new().plugins(&["echo"]).start();
    let started = std::time::Instant::now();
    for _ in 0..3 {
        let mut raw = Raw::connect(&server);
        for _ in 0..900 {
            raw.assert_kept();
        }
    }
    server.wait_for_log(&["WARN", " refusals and faults of clients were left out"]);
    let lines = server.count_log(&[" GET /is-it-kept: 404 "]);
    let most = 200 + 10 * (started.elapsed().as_secs() as usize + 1);
    assert!((200..=most).contains(&lines), "{lines} lines");
}

/// Nothing that is logged can be written.
#[test]
fn a_log_file_on_a_full_disk_does_not_stop_the_service() {
    let arguments = ["--log-file", "/dev/full"];
    let mut server = Setup::new()
        .plugins(&["echo"])
        .arguments(&arguments)
        .start();
    let mut bystander = Client::connect(&server, "/echo");
    for _ in 0..3 {
        Raw::connect(&server).assert_kept();
        assert_echoes(&mut bystander);
    }
    server.signal(rustix::process::Signal::HUP);
    assert_echoes(&mut Client::connect(&server, "/echo"));
    server.stop();
    assert_eq!(bystander.closed().0, 1001);
}

/// A file that is read to its end though it has no name any more; a test that fails shows what is in it.
struct Nameless(RefCell<fs::File>);

impl Nameless {
    fn text(&self) -> String {
        let mut file = self.0.borrow_mut();
        let mut text = String::new();
        file.rewind().expect("it is no pipe");
        file.read_to_string(&mut text).expect("it is open");
        text
    }
}

impl Drop for Nameless {
    #[allow(clippy::print_stderr)] // for people who read why a test failed
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the log without a name ---\n{}", self.text());
        }
    }
}

/// The file is removed with its folder, so that it cannot be opened anew either: the old one stays, for whoever
/// has it open.
#[test]
fn a_log_file_that_vanishes_does_not_stop_the_service() {
    let setup = Setup::new().plugins(&["echo"]);
    let folder = setup.folder().join("logs");
    fs::create_dir(&folder).expect("a folder");
    let file = folder.join("here.log");
    let path = file.to_str().expect("temporary folders have plain names");
    let mut server = setup.arguments(&["--log-file", path]).start();
    let log = Nameless(RefCell::new(
        fs::File::open(&file).expect("the start has made it"),
    ));
    let mut bystander = Client::connect(&server, "/echo");
    fs::remove_dir_all(&folder).expect("it is ours");
    Raw::connect(&server).assert_kept();
    server.signal(rustix::process::Signal::HUP);
    for _ in 0..10 {
        assert_echoes(&mut bystander);
    }
    wait_until("the reload has told that it cannot open it", || {
        let text = log.text();
        text.contains("; the old one stays") && text.contains("reload done: ")
    });
    assert_echoes(&mut Client::connect(&server, "/echo"));
    server.stop();
    assert!(log.text().ends_with("stopped\n"), "to the last line");
    assert_eq!(bystander.closed().0, 1001);
}

/// At 150 MiB the start failed, since two threads' own heaps reserve 128 of them.
#[test]
fn every_limit_of_address_space_from_80_mib_on_lets_the_server_start() {
    for mebibytes in [80, 145, 150, 155, 165, 210, 400] {
        let line = format!("ulimit -v {}", mebibytes * 1024);
        let server = Setup::new()
            .plugins(&["echo", "chat"])
            .after_shell(&line)
            .start();
        assert_echoes(&mut Client::connect(&server, "/echo"));
        assert_eq!(
            server.count_log(&["ERROR"]),
            0,
            "{mebibytes}: {}",
            server.log()
        );
    }
}
