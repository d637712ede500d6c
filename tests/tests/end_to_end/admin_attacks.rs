//! What a page of elsewhere, a name that was made for it, or a program that only wants to be in the way tries at the admin
//! listener.

use std::io::Write;

use tests::{Admin, Client, Raw, TOKEN, handshake};

#[test]
fn an_order_of_a_page_comes_to_nothing_in_whatever_form() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut client = Client::connect(&server, "/echo");
    let order = "POST /kick?route=/echo HTTP/1.1\r\nHost: localhost\r\n";
    for (lines, wanted, why) in [
        (
            "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx",
            403,
            "a form of an old browser, which says nothing of where it is from",
        ),
        (
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nclient=1",
            403,
            "a form whose words stand in its body",
        ),
        ("Origin: null\r\n\r\n", 403, "a page in a sandbox"),
        (
            "Origin: null\r\nSec-Fetch-Site: none\r\nX-Detent-Admin: x\r\n\r\n",
            403,
            "one that has the mark all the same",
        ),
        (
            "Origin: http://localhost.evil.example\r\nX-Detent-Admin: x\r\n\r\n",
            403,
            "a name that begins like ours",
        ),
        (
            "Sec-Fetch-Site: Same-Origin\r\nX-Detent-Admin: x\r\n\r\n",
            403,
            "no browser writes it so",
        ),
        (
            "Sec-Fetch-Site: cross-site\r\nX-Detent-Admin: x\r\n\r\n",
            403,
            "the browser says so",
        ),
        ("X-Detent-Admin : x\r\n\r\n", 400, "no header is written so"),
        (
            "Transfer-Encoding: chunked\r\nX-Detent-Admin: x\r\n\r\n0\r\n\r\n",
            413,
            "an order has no body",
        ),
    ] {
        assert_eq!(admin.status(format!("{order}{lines}")), wanted, "{why}");
    }
    // A page may ask for anything that is no order, and then for an order behind it: here is nothing that upgrades.
    let mut raw = Raw::connect_to(admin.0);
    raw.write(handshake("/status", &["Origin: http://evil.example"]));
    let (status, head, _) = raw.response();
    assert_eq!(status, 421, "that name is none of ours: {head}");
    let mut raw = Raw::connect_to(admin.0);
    raw.write(handshake("/clients", &["Origin: http://evil.example"]));
    assert_eq!(raw.response().0, 403);
    client.send("still here");
    assert_eq!(client.text(), "still here");
    // Each stands in the log with why.
    server.wait_for_log(&["admin: 127.0.0.1:", " POST /kick: 403 "]);
    server.wait_for_log(&["admin: 127.0.0.1:", " GET /clients: 403 "]);
    assert_eq!(server.count_log(&["closes"]), 0);
}

#[test]
fn a_name_that_is_not_this_machines_sees_nothing_however_it_is_written() {
    let (_server, admin) = Admin::start(&["echo"]);
    for (host, wanted) in [
        ("localhost", 200),
        ("LOCALHOST", 200),
        ("localhost:1", 200),
        ("[::1]:80", 200),
        ("127.0.0.1", 200),
        ("evil.example", 421),
        ("evil.example.", 421),
        ("localhost.evil.example", 421),
        ("localhost@evil.example", 400),
        ("[::ffff:203.0.113.7]", 421),
        ("", 421),
    ] {
        let request = format!("GET /clients HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let found = admin.status(&request);
        // What is no name at all may be refused as such.
        assert!(
            found == wanted || (wanted == 421 && found == 400),
            "{host}: {found}"
        );
    }
    for (request, wanted) in [
        ("GET /clients HTTP/1.1\r\n\r\n", 400),
        (
            "GET /clients HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
            400,
        ),
        (
            "GET http://evil.example/clients HTTP/1.1\r\nHost: localhost\r\n\r\n",
            421,
        ),
        // A program that is as old as that; no browser is.
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
    ] {
        assert_eq!(admin.status(request), wanted, "{request}");
    }
}

/// Where a token is wanted, the name says nothing: who has led a page here by a name of its own has no token.
#[test]
fn a_token_suffices_by_any_name_and_the_page_asks_for_it_by_any() {
    let (server, admin) = Admin::start_with_token(&["echo"]);
    let ask = |path: &str, lines: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: board.example.org\r\n{lines}\r\n");
        admin.status(&request)
    };
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(ask("/status", ""), 200);
    assert_eq!(ask("/clients", ""), 401);
    assert_eq!(ask("/clients", &token), 200);
    // A browser that knows of a token does not lend it to a page of elsewhere.
    let lent = format!("{token}Origin: http://evil.example\r\n");
    assert_eq!(ask("/clients", &lent), 403);
    server.wait_for_log(&[" GET /clients: 401 show a token"]);
}

#[test]
fn who_is_refused_again_and_again_fills_no_log() {
    let (server, admin) = Admin::start(&["echo"]);
    // At once: a busy machine would take so long for one after the other that each may have its line.
    let mut raw = Raw::connect_to(admin.0);
    raw.write("GET /clients HTTP/1.1\r\nHost: evil.example\r\n\r\n".repeat(300));
    for _ in 0..300 {
        assert_eq!(raw.response().0, 421);
    }
    server.wait_for_log(&["left out"]);
    let lines = server.count_log(&["GET /clients: 421"]);
    assert!((1..300).contains(&lines), "{lines} lines of 300");
}

#[test]
fn orders_are_bounded_and_each_that_was_taken_is_in_the_log() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut taken = 0;
    for _ in 0..400 {
        match admin.order("/log?level=info").0 {
            200 => taken += 1,
            refused => assert_eq!(refused, 429),
        }
    }
    let is_in_the_log = || server.count_log(&["who says to be a test sets the log level"]) == taken;
    tests::wait_until("each is in the log", is_in_the_log);
}

#[test]
fn an_order_that_closes_many_names_some_and_counts_the_rest() {
    let server = Admin::start(&["echo"]).0;
    let mut clients: Vec<_> = (0..25).map(|_| Client::connect(&server, "/echo")).collect();
    let (status, told) = Admin::of(&server).order("/kick?route=/echo");
    assert_eq!(
        (status, told.as_str()),
        (200, "{\"result\":\"25 connections closed\"}\n")
    );
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.closed().0, 1008));
    server.wait_for_log(&["who says to be a test closes 5 more, all of route /echo"]);
    assert_eq!(
        server.count_log(&["who says to be a test closes 127.0.0.1"]),
        20
    );
}

/// Slow heads and long ones, on every place that the listener has, hold up neither a checker nor a client.
#[test]
fn who_is_in_the_way_shuts_out_nobody() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut client = Client::connect(&server, "/echo");
    let mut slow: Vec<Raw> = (0..40)
        .map(|_| {
            let mut raw = Raw::connect_to(admin.0);
            raw.write("GET /clients HTTP/1.1\r\nHost: loc");
            raw
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(admin.get("/healthz").0, 200);
        client.send("hello");
        assert_eq!(client.text(), "hello");
    }
    slow.clear();
    let long = "x".repeat(1 << 20);
    let mut raw = Raw::connect_to(admin.0);
    // It may be refused before all of it is written.
    raw.0
        .write_all(format!("GET /clients HTTP/1.1\r\nHost: localhost\r\nX: {long}").as_bytes())
        .ok();
    assert_eq!(raw.response().0, 431);
    assert_eq!(admin.get("/clients").0, 200);
}
