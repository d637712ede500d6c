//! Outsiders listen, insiders speak.

use tests::{BINARY, Client, Raw, Server, Setup, TEXT, frame};

#[track_caller]
fn connect(server: &Server, header: (&str, &str)) -> Client {
    Client::connect_with(server, "/push", &[header]).expect("it is admitted")
}

#[test]
fn what_an_insider_says_goes_unchanged_to_all_others() {
    let server = Server::start();
    let mut outsider = connect(&server, ("X-Real-IP", "198.51.100.7"));
    let mut other_insider = Client::connect(&server, "/push");
    let mut insider = Client::connect(&server, "/push");
    insider.send(r#"{"price": 5}"#);
    insider.send_binary(&[0, 255, 1]);
    for listener in [&mut outsider, &mut other_insider] {
        assert_eq!(listener.text(), r#"{"price": 5}"#);
        assert_eq!(listener.binary(), [0, 255, 1]);
    }
    // The next thing that the speaker hears is somebody else.
    other_insider.send("mine");
    assert_eq!(insider.text(), "mine");
}

#[test]
fn what_comes_through_a_proxy_may_only_listen() {
    let headers = [
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
    ];
    for header in headers {
        let server = Server::start();
        let mut insider = Client::connect(&server, "/push");
        let mut outsider = connect(&server, header);
        outsider.send("ignored");
        outsider.send("ignored again");
        server.wait_for_log(&["plugin::push: client 2 is outside"]);
        // Had the outsider been heard, that would have come first.
        Client::connect(&server, "/push").send("heard");
        assert_eq!(insider.text(), "heard", "{header:?}");
        assert_eq!(outsider.text(), "heard", "{header:?}");
        server.assert_logged(1, &["is outside"]);
    }
}

#[test]
fn a_page_of_an_allowed_origin_that_is_not_the_own_is_inside() {
    let setup = Setup::new().plugins(&["push"]);
    let server = setup
        .arguments(&["--allow-origin", "https://example.org"])
        .start();
    let mut listener = Client::connect(&server, "/push");
    let mut page = connect(&server, ("Origin", "https://example.org"));
    page.send("from a page");
    assert_eq!(listener.text(), "from a page");
    let refused = Client::connect_with(&server, "/push", &[("Origin", "https://evil.example")]);
    assert_eq!(refused.expect_err("it is refused").status, 403);
}

#[test]
fn a_script_that_connects_pushes_and_goes_is_heard() {
    let server = Server::start();
    let mut listener = connect(&server, ("X-Forwarded-For", "198.51.100.7"));
    // All in one piece, as a short-lived script might send it.
    let mut script = Raw::connect(&server);
    let head = tests::handshake("/push", &[]).replace("example.org", "localhost");
    let head = head.into_bytes();
    let message = frame(TEXT, br#"{"event":"order","id":7}"#);
    let close = frame(tests::CLOSE, &1000_u16.to_be_bytes());
    script.write([head, message, frame(BINARY, b"two"), close].concat());
    assert_eq!(listener.text(), r#"{"event":"order","id":7}"#);
    assert_eq!(listener.binary(), b"two");
}

#[test]
fn a_timer_logs_the_number_of_clients_when_it_changed() {
    let arguments = ["--set", "push.count_every_seconds=1"];
    let server = Setup::new()
        .plugins(&["push"])
        .arguments(&arguments)
        .start();
    let first = Client::connect(&server, "/push");
    server.wait_for_log(&["plugin::push: 1 clients"]);
    let _second = Client::connect(&server, "/push");
    server.wait_for_log(&["plugin::push: 2 clients"]);
    first.close(1000, "");
    // The timer goes on after it has fired.
    let is_again = |server: &Server| server.count_log(&["plugin::push: 1 clients"]) == 2;
    tests::wait_until("one client again", || is_again(&server));
}
