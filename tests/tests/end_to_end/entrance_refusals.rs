//! Everyone who is refused is told so, however many there are at once.
//!
//! Only 32 at once were: of 60 at once 28 were closed without a byte, of 300 268, while the log said 503
//! for all of them.

use rustix::process::Signal;
use tests::{Raw, Setup, TEXT, frame, handshake};

#[track_caller]
fn assert_each_at_once_is_answered_503(count: usize) {
    let setup = Setup::new().plugins(&["echo"]);
    let mut server = setup.arguments(&["--max-connections", "1"]).start();
    let mut bystander = Raw::upgrade(&server, "/echo");
    let mut refused: Vec<Raw> = (0..count).map(|_| Raw::connect(&server)).collect();
    for raw in &mut refused {
        raw.write(handshake("/echo", &[]));
    }
    for raw in &mut refused {
        let (status, head, body) = raw.response();
        assert_eq!((status, &*body), (503, "all 1 connections are taken\n"));
        assert!(head.contains("Retry-After: "), "{head}");
        raw.assert_closed();
    }
    server.wait_for_log(&[": 503 all 1 connections are taken"]);
    bystander.write(frame(TEXT, b"still here"));
    assert_eq!(bystander.frame(), (TEXT, b"still here".to_vec()));
    server.stop();
    let all = count + 1;
    server.wait_for_log(&[&format!(
        "in all: {all} connections, {count} refused (503: {count}), 1 requests (101: 1); "
    )]);
}

#[test]
fn of_60_at_once_each_is_answered_503_and_the_log_says_so() {
    assert_each_at_once_is_answered_503(60);
}

#[test]
fn of_300_at_once_each_is_answered_503_and_the_log_says_so() {
    assert_each_at_once_is_answered_503(300);
}

/// Files are few: those who have their answer go, the oldest first, so that there is one for the next.
#[test]
fn where_files_are_few_each_is_still_answered() {
    const COUNT: usize = 300;
    let setup = Setup::new().plugins(&["echo"]);
    let setup = setup.arguments(&["--max-connections", "1"]);
    let server = setup.after_shell("ulimit -n 200").start();
    let _bystander = Raw::upgrade(&server, "/echo");
    let open_files = server.open_files();
    let mut refused: Vec<Raw> = (0..COUNT).map(|_| Raw::connect(&server)).collect();
    for raw in &mut refused {
        let (status, ..) = raw.response();
        assert_eq!(status, 503);
    }
    tests::wait_until("few of them linger", || {
        server.open_files() <= open_files + 32
    });
    assert_eq!(server.count_log(&["cannot accept connections"]), 0);
}

/// One address has all that it may have: each further connection is answered 429, at once and beside each other.
#[test]
fn an_address_over_its_limit_is_told_when_to_come_again() {
    let setup = Setup::new().plugins(&["echo"]);
    let text = "limits.connections_per_address = 2\nproxy.trusted = []\n";
    let server = setup.configuration(text).start();
    let _held = [
        Raw::upgrade(&server, "/echo"),
        Raw::upgrade(&server, "/echo"),
    ];
    let mut refused: Vec<Raw> = (0..100).map(|_| Raw::connect(&server)).collect();
    for raw in &mut refused {
        let (status, head, body) = raw.response();
        let why = "this address has 2 connections, which is the most that one may have\n";
        assert_eq!((status, &*body), (429, why));
        assert!(head.contains("Retry-After: "), "{head}");
    }
}

/// Who has left before it could be told was not told, and neither the log nor the counters say otherwise.
#[test]
fn who_left_before_it_was_told_is_not_counted_as_refused() {
    const GONE: usize = 20;
    let setup = Setup::new().plugins(&["echo"]);
    let mut server = setup.arguments(&["--max-connections", "1"]).start();
    let bystander = Raw::upgrade(&server, "/echo");
    // They connect, which the kernel does, and leave before the server can take them.
    server.freeze();
    for _ in 0..GONE {
        Raw::connect(&server).reset();
    }
    let mut refused = Raw::connect(&server);
    server.signal(Signal::CONT);
    assert_eq!(refused.response().0, 503);
    let why = "all 1 connections are taken";
    server.assert_logged(GONE, &["- -: left before it was told: ", why]);
    server.assert_logged(1, &["- -: 503 ", why]);
    drop(bystander);
    server.stop();
    server.wait_for_log(&[
        "in all: 22 connections, 1 refused (503: 1), 1 requests (101: 1); ",
        "; 20 connections that left before they were refused",
    ]);
}
