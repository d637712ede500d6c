//! What one client can make the log grow by, where a plugin logs with each message.

use std::fs;
use std::time::Instant;

use tests::{Client, Server, Setup};

const MESSAGES: u64 = 20_000;

fn start(configuration: &str) -> Server {
    let setup = Setup::new().plugins(&["probe"]);
    let configuration = format!("log.file = \"server.log\"\n{configuration}");
    setup.configuration(&configuration).start()
}

fn log(server: &Server) -> String {
    fs::read_to_string(server.folder().join("server.log")).expect("it is there and text")
}

fn connect(server: &Server, address: &str) -> Client {
    let forwarded = [("X-Forwarded-For", address)];
    Client::connect_with(server, "/probe", &forwarded).expect("it is let in")
}

/// Lets the plugin log a line with each of so many messages, and waits until it has read them.
fn flood(client: &mut Client, messages: u64, line: &str) {
    for _ in 0..messages {
        client.send(&format!("log {line}"));
    }
    client.send("burst 1");
    // That an earlier client has left may be heard before it.
    while client.text() != "0" {}
}

/// How many lines of this address the log says were left out.
fn told(log: &str, address: &str) -> u64 {
    let numbers = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once(&format!(" {address}: "))?;
        let (number, rest) = rest.split_once(' ')?;
        rest.starts_with("lines that its connections caused were left out")
            .then(|| number.parse::<u64>().expect("it is a number"))
    });
    numbers.sum()
}

/// A chatter wrote 32 to 68 MB a second.
#[test]
fn a_flood_makes_the_log_grow_by_a_burst_and_a_rate_and_each_other_line_is_counted() {
    let mut server = start("log.client_rate = 1\nlog.client_burst = 50\n");
    let began = Instant::now();
    let line = "x".repeat(500);
    flood(&mut connect(&server, "203.0.113.7"), MESSAGES / 2, &line);
    // The next connection begins with what the last one has left.
    flood(&mut connect(&server, "203.0.113.7"), MESSAGES / 2, &line);
    // Others notice nothing.
    let mut other = connect(&server, "203.0.113.8");
    flood(&mut other, 30, "of another");
    let seconds = began.elapsed().as_secs() + 1;
    server.stop();
    let log = log(&server);
    let written = log.matches(&line).count() as u64;
    assert!(written >= 40, "{written}");
    assert!(written <= 50 + seconds, "{written} in {seconds} s");
    assert_eq!(log.matches("of another").count(), 30);
    assert_eq!(told(&log, "203.0.113.8"), 0);
    let told = told(&log, "203.0.113.7");
    // The few lines around the connections are written or among them.
    let left = MESSAGES - written;
    assert!((left..=left + 8).contains(&told), "{told} of {left}");
    assert!((log.len() as u64) < 1000 * (60 + seconds), "{}", log.len());
}

#[test]
fn long_lines_count_for_what_they_are() {
    let mut server = start("log.client_rate = 1\nlog.client_burst = 40\n");
    let began = Instant::now();
    let line = "y".repeat(4000);
    flood(&mut connect(&server, "203.0.113.7"), 200, &line);
    let seconds = began.elapsed().as_secs() + 1;
    server.stop();
    let written = log(&server).matches(&line).count() as u64;
    assert!(written >= 5, "{written}");
    assert!(
        written <= 10 + seconds.div_ceil(4),
        "{written} in {seconds} s"
    );
}

#[test]
fn what_the_server_closes_a_chatter_for_is_still_logged() {
    let mut server = start("log.client_rate = 1\nlog.client_burst = 5\nclient.message = 1000\n");
    let mut client = connect(&server, "203.0.113.7");
    flood(&mut client, 100, "and on");
    client.send(&"z".repeat(1001));
    assert_eq!(client.closed_in_the_end().0, 1009);
    server.stop();
    let log = log(&server);
    assert!(log.contains(" 203.0.113.7 client 1 on /probe: "), "{log}");
    assert!(log.contains("; closed with 1009"), "{log}");
}

#[test]
fn without_a_rate_every_line_is_written_and_a_reload_sets_one() {
    let mut server = start("log.client_rate = 0\nlog.client_burst = 1\n");
    let mut client = connect(&server, "203.0.113.7");
    flood(&mut client, 300, "first");
    server.configure("log.file = \"server.log\"\nlog.client_rate = 1\nlog.client_burst = 1\n");
    server.signal(rustix::process::Signal::HUP);
    tests::wait_until("it is told", || {
        log(&server).contains("reload done: log.client_rate")
    });
    flood(&mut client, 300, "second");
    server.stop();
    let log = log(&server);
    assert_eq!(log.matches("plugin::probe: first").count(), 300);
    assert!(told(&log, "203.0.113.7") > 0, "{log}");
}
