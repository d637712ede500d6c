//! `on_close` comes exactly once for each `on_open` that succeeded, and says why.

use tests::{CLOSE, Client, Raw, Server, Setup, TEXT, frame, unmasked_frame};

/// Waits for the close of a client, gives what was said of it.
#[track_caller]
fn cause_of(server: &Server, id: u32) -> String {
    let name = format!("plugin::probe: closed {id}: ");
    let line = server.wait_for_log(&[&name]);
    let (_, cause) = line.split_once(&name).expect("it holds it");
    cause.to_owned()
}

#[test]
fn each_end_has_its_cause_and_comes_once() {
    let mut server = Setup::new().plugins(&["probe"]).start();
    let mut ended = 0;
    let mut assert_cause = |server: &Server, expected: &str| {
        ended += 1;
        let cause = cause_of(server, ended);
        assert!(cause.starts_with(expected), "{cause}, not {expected}");
    };

    Client::connect(&server, "/probe").close(1000, "enough");
    assert_cause(&server, "1000 by Peer after 0 messages: enough");

    Raw::upgrade(&server, "/probe").write(frame(CLOSE, b""));
    assert_cause(&server, "1005 by Peer after 0 messages: ");

    // Held until then: with the leave of the one before unread in its socket, a drop would be a reset.
    let left = Raw::upgrade(&server, "/probe");
    left.end_writing();
    assert_cause(
        &server,
        "1006 by Peer after 0 messages: the connection ended",
    );
    drop(left);

    Client::connect(&server, "/probe").reset();
    assert_cause(&server, "1006 by Peer after 0 messages: ");

    let mut client = Client::connect(&server, "/probe");
    client.send("close 4321 by order");
    assert_eq!(client.closed_in_the_end(), (4321, "by order".to_owned()));
    assert_cause(&server, "4321 by Plugin after 1 messages: by order");

    let mut client = Client::connect(&server, "/probe");
    client.send("no such command");
    assert_eq!(
        client.closed_in_the_end(),
        (1011, "the plugin failed".to_owned())
    );
    assert_cause(
        &server,
        "1011 by Server after 1 messages: the plugin failed",
    );

    Raw::upgrade(&server, "/probe").write(unmasked_frame(TEXT, b"x"));
    assert_cause(&server, "1002 by Server after 0 messages: ");

    Raw::upgrade(&server, "/probe").write(frame(TEXT, &[b'x'; 65_537]));
    assert_cause(&server, "1009 by Server after 0 messages: message of 65537");

    Raw::upgrade(&server, "/probe").write(frame(TEXT, b"\xff"));
    assert_cause(&server, "1007 by Server after 0 messages: ");

    let mut last = Client::connect(&server, "/probe");
    server.stop();
    assert_eq!(
        last.closed_in_the_end(),
        (1001, "server is stopping".to_owned())
    );
    assert_cause(
        &server,
        "1001 by Server after 0 messages: server is stopping",
    );

    // The server has ended, so that nothing can follow.
    for id in 1..=ended {
        server.assert_logged(1, &[&format!("closed {id}: ")]);
    }
    server.assert_logged(ended as usize, &["plugin::probe: closed "]);
}

/// RFC 6455 section 5.5.1 and IANA's registry: the code that gateways send, 1014, is one like the others.
#[test]
fn a_close_frame_is_answered_with_its_own_code() {
    let server = Setup::new().plugins(&["probe"]).start();
    for (id, code) in [1000, 1001, 1011, 1012, 1013, 1014, 3000, 4999]
        .into_iter()
        .enumerate()
    {
        let mut raw = Raw::upgrade(&server, "/probe");
        raw.write(frame(
            CLOSE,
            &[&u16::to_be_bytes(code), "why".as_bytes()].concat(),
        ));
        assert_eq!(raw.close_frame(), (code, "why".to_owned()));
        let expected = format!("{code} by Peer after 0 messages: why");
        assert_eq!(cause_of(&server, id as u32 + 1), expected);
    }
}

#[test]
fn a_client_is_gone_for_the_plugin_when_on_close_runs() {
    let server = Setup::new().plugins(&["probe"]).start();
    let mut witness = Client::connect(&server, "/probe");
    Client::connect(&server, "/probe").close(1000, "");
    server.wait_for_log(&["send after the close of 2: Gone"]);
    assert_eq!(witness.text(), "client 2 has left");
}

/// A client that vanishes without a Close frame has an outbox that would still take a message: the order
/// of `on_close` and of leaving the route shows there.
#[test]
fn a_client_is_off_the_route_and_its_topics_when_on_close_runs() {
    let server = Setup::new().plugins(&["probe"]).start();
    let mut witness = Client::connect(&server, "/probe");
    witness.send("join room");
    witness.send("members room");
    assert_eq!(witness.text(), "1");
    for id in 2..=20 {
        let mut vanishes = Client::connect(&server, "/probe");
        vanishes.send("join room");
        vanishes.send("members room");
        assert_eq!(vanishes.text(), "2");
        drop(vanishes);
        let line = format!("send after the close of {id}: Gone, 1 clients, 1 in the room");
        server.wait_for_log(&[&line]);
        assert_eq!(witness.text(), format!("client {id} has left"));
    }
}

#[test]
fn one_cut_off_for_its_slowness_is_told_so_in_on_close() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.arguments(&["--max-backlog", "16KiB"]).start();
    let slow = Raw::upgrade(&server, "/probe");
    let mut loud = Client::connect(&server, "/probe");
    let text = "x".repeat(60_000);
    // Far more than the sockets' buffers can hold.
    for _ in 0..2_000 {
        loud.send(&format!("broadcast-except 2 {text}"));
        if server.count_log(&["closed with 1008"]) > 0 {
            break;
        }
    }
    drop(slow);
    let cause = cause_of(&server, 1);
    assert!(
        cause.starts_with("1008 by Server after 0 messages: "),
        "{cause}"
    );
}

#[test]
fn many_that_end_at_once_in_every_way_get_one_on_close_each() {
    const CLIENTS: usize = 300;
    let mut server = Setup::new().plugins(&["probe"]).start();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| Client::connect(&server, "/probe"))
        .collect();
    for (number, mut client) in clients.into_iter().enumerate() {
        match number % 4 {
            0 => client.reset(),
            1 => client.send("close 4000 bye"),
            2 => client.send("no such command"),
            _ => {}
        }
    }
    server.stop();
    server.assert_logged(CLIENTS, &["plugin::probe: closed "]);
    for id in 1..=CLIENTS {
        server.assert_logged(1, &[&format!(" closed {id}: ")]);
    }
}
