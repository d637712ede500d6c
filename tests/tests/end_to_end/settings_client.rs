//! Each setting of `[client]` that no other test sees at work.

use std::time::{Duration, Instant};

use tests::{CLOSE, Client, PATIENT, PING, PONG, Raw, Server, Setup, TEXT, frame, wait_until};

fn setup(client: &str) -> Setup {
    let setup = Setup::new().plugins(&["echo", "probe", "chat"]);
    setup.configuration(&format!("[client]\n{client}\n"))
}

fn start(client: &str) -> Server {
    setup(client).start()
}

/// For clients that are slow on purpose.
fn start_patient(client: &str) -> Server {
    let setup = Setup::new().plugins(&["probe"]);
    setup
        .configuration(&format!("[client]\n{PATIENT}{client}\n"))
        .start()
}

#[track_caller]
fn ask(client: &mut Client, text: &str) {
    client.send(text);
    assert_eq!(client.text(), text);
}

#[test]
fn messages_per_second_and_their_burst() {
    let server = start("messages_per_second = 1\nmessages_burst = 5");
    let mut client = Client::connect(&server, "/echo");
    let mut other = Client::connect(&server, "/echo");
    for number in 0..50 {
        client.try_send(&number.to_string());
    }
    let reason = "more than 1 messages a second".to_owned();
    assert_eq!(client.closed_in_the_end(), (1008, reason));
    ask(&mut other, "has its own");
    server.wait_for_log(&["client 1 on /echo: more than 1 messages a second; closed with 1008"]);
    server.assert_logged(1, &["more than 1 messages"]);
}

#[test]
fn pings_count_as_messages() {
    let server = start("messages_per_second = 1\nmessages_burst = 5");
    let mut client = Raw::upgrade(&server, "/echo");
    client.write(frame(PING, b"").repeat(50));
    loop {
        match client.frame() {
            (PONG, _) => {}
            (opcode, payload) => {
                assert_eq!(
                    (opcode, &payload[..2]),
                    (CLOSE, &1008_u16.to_be_bytes()[..])
                );
                return;
            }
        }
    }
}

/// Cause: the look whether it is closed already could be left out unnoticed: what was under way when the plugin closed it
/// would have ended it for another reason.
#[test]
fn who_has_been_closed_is_not_judged_by_what_it_still_sends() {
    let server = start("messages_per_second = 1\nmessages_burst = 5");
    let mut client = Raw::upgrade(&server, "/probe");
    let late = frame(TEXT, b"late").repeat(50);
    client.write([frame(TEXT, b"close 3000 bye"), late].concat());
    let bye = [&3000_u16.to_be_bytes()[..], b"bye"].concat();
    assert_eq!(client.frame(), (CLOSE, bye.clone()));
    client.write(frame(CLOSE, &bye));
    client.rest();
    server.wait_for_log(&["closed 1: 3000 by Plugin ", ": bye"]);
    assert_eq!(server.count_log(&["more than 1 messages"]), 0);
}

#[test]
fn bytes_per_second_and_their_burst() {
    let server = start("bytes_per_second = \"1 KiB\"\nbytes_burst = \"64 KiB\"");
    let mut client = Client::connect(&server, "/echo");
    let text = "x".repeat(40_000);
    ask(&mut client, &text);
    client.send(&text);
    assert_eq!(client.closed().1, "more than 1024 bytes a second");
}

#[test]
fn a_rate_of_a_route_is_its_own() {
    let route = "[[route]]\npath = \"/slow\"\nplugin = \"echo\"\nmessages_per_second = 1\n";
    let route = format!("{route}[[route]]\npath = \"/echo\"\nplugin = \"echo\"\n");
    let server = Setup::new()
        .plugins(&["echo"])
        .configuration(&route)
        .start();
    let mut slow = Client::connect(&server, "/slow");
    slow.send("1");
    slow.send("2");
    assert_eq!(slow.closed_in_the_end().0, 1008);
    let mut client = Client::connect(&server, "/echo");
    for number in 0..20 {
        ask(&mut client, &number.to_string());
    }
}

#[test]
fn idle_timeout() {
    let client = "idle_timeout = \"300ms\"\nping_interval = \"100ms\"";
    let server = setup(client).with_pings().start();
    let mut client = Client::connect(&server, "/echo");
    ask(&mut client, "still here");
    let start = Instant::now();
    // Pongs, which the client sends while it reads, are no messages.
    assert_eq!(
        client.closed(),
        (1001, "no message within 300ms".to_owned())
    );
    assert!(start.elapsed() >= Duration::from_millis(250));
    server.wait_for_log(&["client 1 on /echo: no message within 300ms; closed with 1001"]);
}

#[test]
fn lifetime_also_of_one_who_is_never_silent() {
    let server = start("lifetime = \"300ms\"");
    let mut silent = Client::connect(&server, "/echo");
    assert_eq!(
        silent.closed(),
        (1001, "connected for 300ms: connect again".to_owned())
    );
    let mut busy = Client::connect(&server, "/chat");
    let start = Instant::now();
    // It is answered as long as it is there, and then closed.
    while busy.try_send("and on") && !matches!(busy.receive(), tests::Message::Close(_)) {
        assert!(start.elapsed() < tests::DEADLINE);
    }
    server.wait_for_log(&["client 2 on /chat: connected for 300ms"]);
}

#[test]
fn lifetime_jitter_spreads_the_ends() {
    let server = start("lifetime = \"100ms\"\nlifetime_jitter = \"600ms\"");
    let start = Instant::now();
    let clients: Vec<Client> = (0..20).map(|_| Client::connect(&server, "/echo")).collect();
    let mut times: Vec<Duration> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || {
                client.closed();
                start.elapsed()
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().expect("it is closed"))
        .collect();
    times.sort();
    assert!(times[0] >= Duration::from_millis(90), "{times:?}");
    assert!(
        times[19] - times[0] >= Duration::from_millis(100),
        "twenty are not alike: {times:?}"
    );
}

/// Lets `client` fall behind until the server has said so, or has closed it.
fn flood(server: &Server, until: &[&str]) {
    let mut speaker = Client::connect(server, "/probe");
    let text = format!("broadcast {}", "x".repeat(10_000));
    let deadline = Instant::now() + tests::DEADLINE;
    while server.count_log(until) == 0 {
        assert!(Instant::now() < deadline, "{}", server.log());
        speaker.send(&text);
        speaker.text();
    }
}

#[test]
fn a_slow_client_may_miss_messages_instead_of_being_closed() {
    let server = start_patient("backlog = \"64 KiB\"\nslow_client = \"drop\"");
    let mut slow = Raw::upgrade(&server, "/probe");
    flood(
        &server,
        &[
            "WARN",
            "client 1 on /probe is too slow",
            "messages that do not fit are dropped",
        ],
    );
    // It reads again: whole frames, and it can still speak.
    slow.write(frame(TEXT, b"id"));
    loop {
        let (opcode, payload) = slow.frame();
        assert_eq!(opcode, TEXT);
        if payload == b"1" {
            break;
        }
        let has_left = payload.starts_with(b"client ");
        assert!(has_left || payload.len() == 10_000, "whole messages only");
    }
    server.assert_logged(1, &["is too slow"]);
    drop(slow);
    server.wait_for_log(&[
        "client 1 on /probe was too slow for ",
        "messages, which it never got",
    ]);
}

#[test]
fn a_slow_client_is_closed_by_default() {
    // It never takes its Close frame.
    let server = start("write_timeout = \"10m\"\nbacklog = \"64 KiB\"");
    let _slow = Raw::upgrade(&server, "/probe");
    flood(
        &server,
        &["WARN", "client 1 on /probe is too slow", "closed with 1008"],
    );
    server.wait_for_log(&[
        "closed 1: 1008 by Server",
        "too slow: backlog over 65536 bytes",
    ]);
}

#[test]
fn write_timeout() {
    let server = start("write_timeout = \"200ms\"\nbacklog = \"64 MiB\"");
    let _stuck = Raw::upgrade(&server, "/probe");
    let mut speaker = Client::connect(&server, "/probe");
    // More than both ends' sockets hold, and less than the backlog.
    let text = format!("broadcast {}", "x".repeat(10_000));
    for _ in 0..1500 {
        speaker.send(&text);
        speaker.text();
    }
    server.wait_for_log(&[
        "WARN",
        "client 1 on /probe has taken no byte for 200ms; dropped",
    ]);
    server.wait_for_log(&["closed 1: 1006 by Server", "took no byte for 200ms"]);
}

#[test]
fn close_timeout() {
    let server = start("close_timeout = \"200ms\"");
    let mut client = Raw::upgrade(&server, "/probe");
    client.write(frame(TEXT, b"close 4000 bye"));
    assert_eq!(client.close_frame(), (4000, "bye".to_owned()));
    let start = Instant::now();
    // It does not answer the Close frame.
    wait_until("it is cut off", || {
        server.count_log(&["closed 1: 4000"]) == 1
    });
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "the default is 5 s"
    );
}

#[test]
fn ping_interval_and_pong_timeout() {
    let client = "ping_interval = \"100ms\"\npong_timeout = \"200ms\"";
    let server = setup(client).with_pings().start();
    let mut client = Raw::upgrade(&server, "/probe");
    assert_eq!(client.frame(), (PING, Vec::new()));
    client.write(frame(PONG, b""));
    assert_eq!(client.frame(), (PING, Vec::new()), "it is asked again");
    server.wait_for_log(&["closed 1: 1006", "no pong within 200ms"]);
}
