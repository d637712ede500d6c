//! The admin listener itself: how many it serves, what a fault in it costs, what a reload does to it.

use tests::{ADMIN, Admin, Client, Raw, Setup, wait_until};

/// A browser opens connections ahead of time and says nothing on them.
#[test]
fn who_says_nothing_shuts_nobody_out() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut silent: Vec<_> = (0..40).map(|_| Raw::connect_to(admin.0)).collect();
    assert_eq!(admin.get("/healthz").0, 200);
    // Those that were asked to leave were the oldest.
    silent[0].assert_closed();
    let names = server.thread_names();
    let of_admin = names
        .iter()
        .filter(|name| name.starts_with("admin-"))
        .count();
    assert!(of_admin <= 32, "{names:?}");
}

#[test]
fn one_connection_serves_many_requests() {
    let server = Admin::start(&["echo"]).0;
    let mut raw = Raw::connect_to(Admin::of(&server).0);
    for _ in 0..3 {
        raw.write("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(raw.response().0, 200);
    }
    // Two at once, and a body that nobody wants.
    raw.write(
        "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbodyGET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(raw.response().0, 404);
    assert_eq!(raw.response().0, 200);
    raw.assert_closed();
}

#[test]
fn what_is_no_request_is_told_so() {
    let (_server, admin) = Admin::start(&["echo"]);
    for (text, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)), 414),
        (
            "POST /reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_owned(),
            413,
        ),
        (
            "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            404,
        ),
        (
            "DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            405,
        ),
        (
            "GET /clients?rout=x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /clients?address=x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            400,
        ),
    ] {
        assert_eq!(admin.status(&text), status, "{text:.40}");
    }
}

#[test]
fn a_fault_in_it_costs_one_answer() {
    let setup = Setup::new().plugins(&["echo"]);
    let (server, admin) = Admin::start_with(setup.after_shell("export DETENT_FAULT=admin:2"), "");
    assert_eq!(admin.get("/healthz").0, 200);
    let (status, body) = admin.get("/healthz");
    assert_eq!(
        (status, body.as_str()),
        (500, "a fault of the server: its log says where\n")
    );
    server.wait_for_log(&["thread admin-2: ", "this is a bug in the server"]);
    assert_eq!(admin.get("/healthz").0, 200);
    let mut client = Client::connect(&server, "/echo");
    client.send("here");
    assert_eq!(client.text(), "here");
}

#[test]
fn a_reload_opens_moves_and_closes_it() {
    let server = Setup::new().plugins(&["echo"]).configuration("").start();
    let line = server.reload_with(ADMIN);
    let admin = Admin::told(&line);
    assert_eq!(admin.get("/readyz").0, 200);
    // Asked for through the very listener that goes: the answer comes all the same.
    server.configure("");
    let (status, body) = admin.order("/reload");
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains(&format!("no admin listener on {} any more", admin.0)),
        "{body}"
    );
    // The harness counts the lines of reloads, and the log has a thread of its own.
    server.wait_for_log(&["reload done: ", "no admin listener on "]);
    wait_until("it is closed", || {
        std::net::TcpStream::connect(admin.0).is_err()
    });
    wait_until("its threads have ended", || {
        !server
            .thread_names()
            .iter()
            .any(|name| name.starts_with("admin"))
    });
    let other = Admin::told(&server.reload_with(ADMIN));
    assert_eq!(other.get("/readyz").0, 200);
}

#[test]
fn it_answers_while_every_place_is_taken() {
    let setup = Setup::new().plugins(&["echo"]);
    let (server, admin) = Admin::start_with(setup, "limits.connections = 1");
    let _taken = Client::connect(&server, "/echo");
    let (status, ..) = Raw::answer(&server, tests::handshake("/echo", &[]));
    assert_eq!(status, 503);
    assert_eq!(admin.json("/status.json")["connections"]["all"], 1);
    assert_eq!(admin.json("/status.json")["capacity"]["connections"], 1);
}
