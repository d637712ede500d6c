//! A thread that does not end, since a plugin's thread-local value takes long to drop, keeps the place of
//! its own client and of nobody else.

use std::time::Duration;

use tests::{Client, Raw, Server, Setup, handshake, wait_until};

/// A client that has waited for a place.
#[track_caller]
fn let_in(server: &Server, path: &str) -> Client {
    let mut client = None;
    wait_until("a place is free", || {
        client = Client::connect_with(server, path, &[]).ok();
        client.is_some()
    });
    client.expect("it was let in")
}

/// Cause: of 40 clients with 20 places 21 were refused while one thread's end took 30 s, since the reaper
/// waited for it before it looked at any other.
#[test]
fn nobodys_place_waits_for_the_end_of_anothers_thread() {
    let setup = Setup::new().plugins(&["faulty", "echo"]);
    let server = setup.arguments(&["--max-connections", "3"]).start();
    let mut lingering = Client::connect(&server, "/faulty");
    lingering.send("linger");
    assert_eq!(lingering.text(), "done");
    lingering.close(1000, "");
    server.wait_for_log(&["plugin::faulty: closed 1: 1000"]);
    for _ in 0..5 {
        let mut two = [(); 2].map(|()| let_in(&server, "/echo"));
        for client in &mut two {
            client.send("here");
            assert_eq!(client.text(), "here");
        }
        let (status, ..) = Raw::answer(&server, handshake("/echo", &[]));
        assert_eq!(status, 503, "its thread is there still, and takes a place");
    }
    let before = server.processor_time();
    server.wait_for_log(&[
        "WARN",
        "client 1 on /faulty has left, but its thread has not ended",
    ]);
    // Cause: a mutant survived in which the reaper looked again at once, and at nothing else. The line comes after five seconds.
    let used = server.processor_time() - before;
    assert!(used < Duration::from_secs(1), "{used:?}");
    let mut other = let_in(&server, "/faulty");
    other.send("go on");
    assert_eq!(other.text(), "done");
    let _all = [(); 2].map(|()| let_in(&server, "/echo"));
}

/// Cause: an instance that was replaced was ended only when the thread of its timers had, so that a reload, and a stop, stood as
/// long as a plugin's thread-local value took there.
#[test]
fn no_reload_and_no_stop_waits_for_thread_local_values_of_a_timers_thread() {
    const CONFIGURATION: &str =
        "[[route]]\npath = \"/faulty\"\nplugin = \"faulty\"\noptions = { timer = \"linger\" }\n";
    let setup = Setup::new().plugins(&["faulty", "echo"]);
    let mut server = setup.configuration(CONFIGURATION).start();
    let lingers = ["plugin::faulty: is going to linger"];
    let let_linger = |server: &Server, count| {
        let mut client = Client::connect(server, "/faulty");
        client.send("timer: now");
        assert_eq!(client.text(), "done");
        wait_until("the timer has fired", || {
            server.count_log(&lingers) == count
        });
        client.close(1000, "");
        server.wait_for_log(&[&format!("plugin::faulty: closed {count}: 1000")]);
    };
    let_linger(&server, 1);
    for count in 2..=3 {
        let changed = format!("timer = \"linger\", hammer_rounds = {count}");
        let line = server.reload_with(&CONFIGURATION.replace("timer = \"linger\"", &changed));
        assert!(line.contains("options of route /faulty"), "{line}");
        let_linger(&server, count);
    }
    server.stop();
}
