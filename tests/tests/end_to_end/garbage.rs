//! A plugin that says what the ABI forbids gets a status for it; nothing of it reaches a client, and
//! the others go on.

use tests::{Client, Raw, Server, Setup, compile_c, handshake};

fn garbage() -> Server {
    let setup = Setup::new().plugins(&["echo"]);
    compile_c("garbage", &setup.plugins_folder());
    setup.start()
}

/// Each line of a report is `CALL EXPECTED: STATUS`.
#[track_caller]
fn assert_as_expected(report: &str, lines_at_least: usize) {
    let mut count = 0;
    for line in report.lines() {
        let (name, status) = line.split_once(": ").expect("NAME: STATUS");
        let (_, expected) = name.split_once(' ').expect("CALL EXPECTED");
        let expected = match expected {
            "ok" => "0",
            "gone" => "1",
            "absent" => "2",
            "invalid" => "-1",
            other => panic!("{other}"),
        };
        assert_eq!(status, expected, "{line}");
        count += 1;
    }
    assert!(count >= lines_at_least, "{count} lines: {report}");
}

#[track_caller]
fn assert_others_go_on(server: &Server) {
    let mut elsewhere = Client::connect(server, "/echo");
    elsewhere.send("here");
    assert_eq!(elsewhere.text(), "here");
    let mut newcomer = Client::connect(server, "/garbage");
    newcomer.send("anything");
    assert_eq!(newcomer.text(), "fine");
}

#[test]
fn calls_outside_their_range_are_answered_and_do_nothing() {
    let server = garbage();
    let mut bystander = Client::connect(&server, "/garbage");
    let mut client = Client::connect(&server, "/garbage");
    client.send("calls");
    assert_as_expected(&client.text(), 90);
    // The next that each of them gets is the answer to its own next message.
    for client in [&mut client, &mut bystander] {
        client.send("anything");
        assert_eq!(client.text(), "fine");
    }
    assert_others_go_on(&server);
}

#[test]
fn an_answer_that_http_does_not_know_cannot_be_made() {
    let server = garbage();
    let request = "GET /garbage HTTP/1.1\r\nHost: h\r\n\r\n";
    let (status, head, body) = Raw::answer(&server, request);
    assert_eq!(status, 200, "{head}");
    assert_as_expected(&body, 25);
    let lower = head.to_lowercase();
    assert!(
        !lower.contains("x-a") && !lower.contains("cookie"),
        "{head}"
    );
    // 200 to a handshake neither admits nor refuses.
    let (status, ..) = Raw::answer(&server, handshake("/garbage?welcome", &[]));
    assert_eq!(status, 500);
    server.wait_for_log(&["on_upgrade failed: ", "neither admits nor refuses"]);
    assert_others_go_on(&server);
}

#[test]
fn a_status_that_does_not_exist_is_a_failure_where_it_is_negative() {
    let server = garbage();
    for order in ["negative", "least", "panicked", "silent", "words"] {
        let mut client = Client::connect(&server, "/garbage");
        client.send(order);
        assert_eq!(client.closed().0, 1011, "{order}");
        let mut client = Client::connect(&server, &format!("/garbage?{order}"));
        assert_eq!(client.closed().0, 1011, "{order}");
        let request = format!("GET /garbage?{order} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(Raw::answer(&server, request).0, 500, "{order}");
    }
    for order in ["positive", "most", "unsupported"] {
        let mut client = Client::connect(&server, &format!("/garbage?{order}"));
        client.send(order);
        client.send("anything");
        assert_eq!(client.text(), "fine", "{order}");
        let request = format!("GET /garbage?{order} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(Raw::answer(&server, request).0, 200, "{order}");
    }
    assert_others_go_on(&server);
}

#[test]
fn what_it_writes_into_the_log_forges_no_line() {
    let server = garbage();
    let mut client = Client::connect(&server, "/garbage");
    client.send("words");
    assert_eq!(client.closed().0, 1011);
    let line = server.wait_for_log(&["client 1 on /garbage: on_message failed: line"]);
    assert!(line.contains("break") && line.len() < 17_000, "{line}");
    assert!(!line.contains('\x1b'), "{line}");
    let line = server.wait_for_log(&["WARN", "two"]);
    assert!(line.contains("lines"), "{line}");
    assert_eq!(server.count_log(&["a level that is none"]), 0);
    // A handshake is still served by a library whose init has babbled.
    let (status, ..) = Raw::answer(&server, handshake("/garbage", &[]));
    assert_eq!(status, 101);
}
