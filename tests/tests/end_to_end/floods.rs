//! Plugins that flood, and reloads and stops in the middle of it: memory is bounded, and the end
//! comes in time.

use std::time::{Duration, Instant};

use tests::{Client, Raw, Server, Setup, TEXT, frame, library};

const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// What a machine with much else to do may take beside; the time by default is longer than both.
const SLACK: Duration = Duration::from_secs(6);

fn start(plugins: &[&str]) -> Server {
    let arguments = ["--stop-timeout", "3s", "--log-level", "info"];
    Setup::new().plugins(plugins).arguments(&arguments).start()
}

#[track_caller]
fn assert_stops_in_time(server: &mut Server) {
    let started = Instant::now();
    server.stop();
    let lasted = started.elapsed();
    assert!(lasted < STOP_TIMEOUT + SLACK, "{lasted:?}");
}

#[track_caller]
fn assert_echoes(server: &Server) {
    let mut client = Client::connect(server, "/echo");
    client.send("still here");
    assert_eq!(client.text(), "still here");
}

/// 100 MB for a client that reads nothing: the thread that speaks is held up by the hub's queue, the
/// client is closed when its backlog is full, and nothing piles up anywhere else.
#[test]
fn a_plugins_own_thread_that_floods_is_held_up_and_memory_is_bounded() {
    let server = start(&["probe", "echo"]);
    let _deaf = Raw::upgrade(&server, "/probe");
    let mut orders = Raw::upgrade(&server, "/probe");
    let before = server.resident_kib();
    orders.write(frame(TEXT, b"flood 100000 1000"));
    let mut elsewhere = 0;
    while server.count_log(&["the flood is over after 100000 messages"]) == 0 {
        assert_echoes(&server);
        elsewhere += 1;
        assert!(elsewhere < 100_000, "the flood never ends");
    }
    assert!(elsewhere > 0);
    let grown = server.peak_resident_kib() - before;
    assert!(grown < 32 * 1024, "{grown} KiB more at the most");
    server.wait_for_log(&["client 1 on /probe is too slow: ", "closed with 1008"]);
    server.wait_for_log(&["plugin::probe: closed 1: 1008 by Server"]);
}

/// Threads of the plugin's own are not waited for: they call the host while everything ends, and
/// after the route is gone.
#[test]
fn threads_that_call_the_host_through_the_stop_do_not_hold_it_up() {
    let mut server = start(&["probe", "echo"]);
    let mut client = Client::connect(&server, "/probe");
    for _ in 0..3 {
        client.send("chatter");
    }
    tests::wait_until("they chatter", || {
        server.count_log(&["the chatter begins"]) == 3
    });
    assert_stops_in_time(&mut server);
    assert_eq!(server.count_log(&["not waited for: "]), 0);
    assert_eq!(server.count_log(&["panicked"]), 0);
}

/// Clients that send without end and never read, a plugin's thread that broadcasts without end; in
/// the middle of it the plugin is replaced, the server reloads, and then it stops.
#[test]
fn reload_and_stop_go_through_while_floods_run() {
    let mut server = start(&["probe", "echo"]);
    let mut senders = Vec::new();
    for path in ["/echo", "/echo", "/probe"] {
        let mut raw = Raw::upgrade(&server, path);
        raw.0.set_write_timeout(None).expect("a valid timeout");
        senders.push(std::thread::spawn(move || {
            let messages: Vec<u8> = (0..100).flat_map(|_| frame(TEXT, b"clients")).collect();
            // Ends when the server closes.
            while std::io::Write::write_all(&mut raw.0, &messages).is_ok() {}
        }));
    }
    let mut orders = Raw::upgrade(&server, "/probe");
    orders.write(frame(TEXT, b"flood 1000000000 100"));
    tests::wait_until("the flood has reached a client", || {
        orders.0.peek(&mut [0]).is_ok_and(|count| count > 0)
    });
    // Other bytes, the same code: a note behind the library's end is no part of it.
    let mut bytes = std::fs::read(library("probe")).expect("it is built");
    for _ in 0..2 {
        let started = Instant::now();
        bytes.push(b'\n');
        server.put_plugin("libprobe.so", &bytes);
        let line = server.reload();
        assert!(line.contains("code of route /probe"), "{line}");
        assert!(started.elapsed() < Duration::from_secs(10), "{line}");
        assert_echoes(&server);
    }
    assert_stops_in_time(&mut server);
    for sender in senders {
        sender.join().expect("it does not panic");
    }
}
