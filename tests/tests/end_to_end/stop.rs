//! SIGINT and SIGTERM close every client with 1001 and end the process in good order.

use std::io::Read;
use std::sync::mpsc::{self, Sender};
use std::thread;

use rustix::process::Signal;
use tests::{CLOSE, Client, Raw, Server, Setup, TEXT, frame, wait_until};

const STOPPING: &str = "server is stopping";

#[test]
fn each_client_hears_1001_and_the_exit_code_is_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start();
        let paths = ["/echo", "/chat", "/push"];
        let mut clients: Vec<_> = (0..30)
            .map(|number| Client::connect(&server, paths[number % 3]))
            .collect();
        server.signal(signal);
        for client in &mut clients {
            assert_eq!(client.closed(), (1001, STOPPING.to_owned()));
        }
        assert_eq!(server.wait().code(), Some(0));
        let log = server.log();
        let last = log.lines().last().unwrap_or_default();
        assert!(last.ends_with(": stopped"), "{last}");
        assert_eq!(server.count_log(&["not waited for"]), 0);
        assert_eq!(server.count_log(&["did not end in time"]), 0);
        assert!(std::net::TcpStream::connect(server.address()).is_err());
    }
}

#[test]
fn under_load_too() {
    const MEMBERS: usize = 10;
    let mut server = Server::start();
    let (told, hearing) = mpsc::channel();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2 * MEMBERS)
            .map(|number| {
                let (path, heard_by) = [("/echo", 1), ("/chat", MEMBERS)][number % 2];
                let client = Client::connect(&server, path);
                let told = told.clone();
                scope.spawn(move || speak_until_closed(client, heard_by, &told))
            })
            .collect();
        for _ in &clients {
            hearing.recv().expect("the test has a sender too");
        }
        server.signal(Signal::TERM);
        for client in clients {
            let said = client.join().expect("it was not reset");
            assert_eq!(said, (1001, STOPPING.to_owned()));
        }
    });
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert_eq!(server.count_log(&["did not end in time"]), 0);
}

/// Always has a few messages in flight, which so many hear: as much is said as is heard, or a room would get louder and
/// louder. Tells when it has heard the first.
fn speak_until_closed(mut client: Client, heard_by: usize, told: &Sender<()>) -> (u16, String) {
    (0..8).for_each(|_| client.send("load"));
    let mut heard = 0;
    loop {
        match client.receive() {
            tests::Message::Close(Some(frame)) => {
                return (frame.code.into(), frame.reason.as_str().to_owned());
            }
            _ => {
                if heard == 0 {
                    told.send(()).expect("the test waits for it");
                }
                heard += 1;
                if heard % heard_by == 0 {
                    client.send("load");
                }
            }
        }
    }
}

#[test]
fn what_is_queued_for_a_client_that_reads_late_is_still_sent() {
    const MESSAGES: usize = 40;
    let setup = Setup::new().plugins(&["chat"]);
    let mut server = setup.arguments(&["--max-backlog", "64MiB"]).start();
    let mut late = Raw::upgrade(&server, "/chat");
    let mut speaker = Client::connect(&server, "/chat");
    // More than the sockets hold, so that a part of it waits in the backlog.
    let text = "x".repeat(60_000);
    for number in 0..MESSAGES * 10 {
        speaker.send(&format!("{number} {text}"));
        assert!(speaker.text().ends_with(&text));
    }
    server.signal(Signal::TERM);
    server.wait_for_log(&["stopping: 2 connections"]);
    for number in 0..MESSAGES * 10 {
        let (opcode, payload) = late.frame();
        assert_eq!(opcode, TEXT);
        assert!(payload == format!("Client 2: {number} {text}").into_bytes());
    }
    assert_eq!(late.close_frame(), (1001, STOPPING.to_owned()));
    late.write(frame(CLOSE, &1001_u16.to_be_bytes()));
    assert_eq!(late.rest(), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_client_in_the_middle_of_its_handshake_does_not_hold_it_up() {
    let setup = Setup::new().plugins(&["echo"]);
    let arguments = ["--handshake-timeout", "1h", "--stop-timeout", "1h"];
    let mut server = setup.arguments(&arguments).start();
    let threads = server.threads();
    let silent = Raw::connect(&server);
    let mut half = Raw::connect(&server);
    half.write("GET /echo HTTP/1.1\r\nHost: ");
    wait_until("both are there", || server.threads() == threads + 2);
    server.stop();
    for mut raw in [silent, half] {
        // Either way it knows.
        let ended = raw.0.read(&mut [0; 16]);
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
}

#[test]
fn one_that_never_answers_the_close_does_not_hold_it_up() {
    let setup = Setup::new().plugins(&["echo"]);
    let mut server = setup.arguments(&["--stop-timeout", "1s"]).start();
    let mut silent = Raw::upgrade(&server, "/echo");
    server.stop();
    assert_eq!(silent.close_frame(), (1001, STOPPING.to_owned()));
}

#[test]
fn the_same_port_can_be_taken_at_once() {
    let mut server = Server::start();
    for _ in 0..3 {
        let mut client = Client::connect(&server, "/echo");
        client.send("here");
        assert_eq!(client.text(), "here");
        server.stop();
        server.start_again();
    }
}

#[test]
fn a_server_that_nobody_uses_stops() {
    Setup::new().start().stop();
}
