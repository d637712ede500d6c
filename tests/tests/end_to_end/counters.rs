//! What happened is counted, and the log says at the stop what there was in all.

use tests::{Client, Raw, Server, Setup, handshake};

#[test]
fn the_last_lines_of_the_log_say_what_there_was_in_all() {
    let mut server = Server::start();
    let mut echo = Client::connect(&server, "/echo");
    echo.send("hello");
    assert_eq!(echo.text(), "hello");
    let mut speaker = Client::connect(&server, "/chat");
    let mut listener = Client::connect(&server, "/chat");
    speaker.send("hi");
    for member in [&mut speaker, &mut listener] {
        assert_eq!(member.text(), "Client 1: hi");
    }
    let (status, ..) = Raw::answer(&server, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, 404);
    echo.close(1000, "");
    listener.close(4001, "");
    // The speaker is closed by the stop.
    server.stop();
    server.wait_for_log(&["in all: 4 connections, 4 requests (101: 3, 404: 1); \
         3 clients, 3 closed (other by peer: 1, 1000 by peer: 1, 1001 by server: 1); \
         2 messages (7 bytes) in, 1 messages (5 bytes) answered, 2 messages (28 bytes) delivered"]);
}

#[test]
fn who_is_refused_at_the_door_is_counted_by_status() {
    let setup = Setup::new().configuration("[limits]\nconnections = 1\n");
    let mut server = setup.plugins(&["echo"]).start();
    let _taken = Raw::upgrade(&server, "/echo");
    for _ in 0..2 {
        let (status, ..) = Raw::answer(&server, handshake("/echo", &[]));
        assert_eq!(status, 503);
    }
    server.stop();
    server.wait_for_log(&[
        "in all: 3 connections, 2 refused (503: 2), 1 requests (101: 1); \
         1 clients, 1 closed (",
    ]);
}

#[test]
fn callbacks_that_fail_or_panic_are_counted() {
    let mut server = Setup::new().plugins(&["faulty"]).start();
    for order in ["panic", "fail"] {
        let mut client = Client::connect(&server, "/faulty");
        client.send(order);
        let (code, _) = client.closed();
        assert_eq!(code, 1011);
    }
    server.stop();
    server.wait_for_log(&["in all: ", "2 closed (1011 by server: 2)"]);
    // The two `on_error` that follow leave the error as it is, which counts as failing too.
    server.wait_for_log(&["in all: ", "3 callbacks failed; 1 callbacks panicked"]);
}
