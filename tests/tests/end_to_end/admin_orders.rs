//! What whoever runs the server can change: close clients, put routes out of service, log, reload.

use tests::{ADMIN, Admin, Client, Raw, wait_until};

fn done(result: &str) -> (u16, String) {
    (200, format!("{{\"result\":\"{result}\"}}\n"))
}

#[test]
fn one_client_is_closed_and_the_log_says_by_whom() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut stays = Client::connect(&server, "/echo");
    let mut goes = Client::connect(&server, "/echo");
    let list = admin.json("/clients");
    let client = list["clients"][1]["client"].as_u64().expect("a number");
    assert_eq!(
        admin.order(&format!("/kick?client={client}&reason=too%20loud")),
        done("1 connection closed")
    );
    assert_eq!(goes.closed(), (1008, "too loud".to_owned()));
    let by = [
        "WARN",
        "admin: 127.0.0.1:",
        ", who says to be a test closes 127.0.0.1:",
    ];
    server.wait_for_log(&by);
    server.wait_for_log(&[&format!("client {client} on /echo: too loud")]);
    stays.send("here");
    assert_eq!(stays.text(), "here");
    wait_until("it is gone", || {
        let (status, body) = admin.order(&format!("/kick?client={client}"));
        assert!(matches!(status, 200 | 404), "{body}");
        status == 404
    });
}

#[test]
fn one_address_is_closed_with_all_that_it_has() {
    let (server, admin) = Admin::start(&["echo", "chat"]);
    let of = |address| [("X-Forwarded-For", address)];
    let connect = |path: &str, address| {
        Client::connect_with(&server, path, &of(address)).expect("it is admitted")
    };
    let mut those = [
        connect("/echo", "203.0.113.7"),
        connect("/chat", "203.0.113.7"),
    ];
    let mut other = connect("/echo", "203.0.113.8");
    assert_eq!(
        admin.order("/kick?address=203.0.113.7"),
        done("2 connections closed")
    );
    for client in &mut those {
        assert_eq!(client.closed(), (1008, "closed by the operator".to_owned()));
    }
    other.send("here");
    assert_eq!(other.text(), "here");
    // One that has said nothing yet has no code to be told.
    let mut raw = Raw::connect(&server);
    raw.write("GET /ec");
    wait_until("it is there", || {
        admin.json("/clients?address=127.0.0.1")["found"] == 1
    });
    assert_eq!(
        admin.order("/kick?address=127.0.0.1"),
        done("1 connection closed")
    );
    assert_eq!(raw.rest(), b"");
}

#[test]
fn an_order_that_means_nobody_or_nothing_is_refused() {
    let (server, admin) = Admin::start(&["echo"]);
    let _client = Client::connect(&server, "/echo");
    for (target, status, part) in [
        ("/kick", 400, "say whom"),
        ("/kick?client=", 400, "say whom"),
        ("/kick?client=x", 400, "is no number of a client"),
        ("/kick?client=99", 404, "nobody is there"),
        ("/kick?address=10.0.0.0/8", 400, "is no IP address"),
        ("/kick?route=/nowhere", 404, "nobody is there"),
        (
            "/kick?everyone=1",
            400,
            "`everyone` means nothing here, known is client, address, route",
        ),
        ("/route?path=/echo", 400, "`service` is"),
        (
            "/route?path=/nowhere&service=out",
            404,
            "there is no route /nowhere",
        ),
        ("/log", 400, "say which `level`"),
        ("/log?level=loud", 400, "is no log level"),
        (
            "/log?level=debug&target=nobody",
            409,
            "no target of this log",
        ),
        (
            "/reload?now",
            400,
            "`now` means nothing here, known is nothing",
        ),
    ] {
        let (answered, body) = admin.order(target);
        assert_eq!(answered, status, "{target}: {body}");
        assert!(body.contains(part), "{target}: {body}");
    }
    let long = "x".repeat(124);
    let (status, body) = admin.order(&format!("/kick?route=/echo&reason={long}"));
    assert_eq!(
        (status, body.as_str()),
        (400, "`reason` has more than 123 bytes\n")
    );
    assert_eq!(admin.json("/clients")["found"], 1);
}

#[test]
fn a_route_is_put_out_of_service_and_stays_out_until_it_is_put_in() {
    let (server, admin) = Admin::start(&["echo", "chat"]);
    let mut client = Client::connect(&server, "/echo");
    let mut other = Client::connect(&server, "/chat");
    let (status, body) = admin.order("/route?path=/echo&service=out");
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        client.closed(),
        (1001, "the route was put out of service".to_owned())
    );
    server.wait_for_log(&["admin: ", " puts route /echo out of service"]);
    let refused = || Raw::answer(&server, tests::handshake("/echo", &[])).0;
    assert_eq!(refused(), 503);
    let name = "detent_route_in_service{route=\"/echo\",plugin=\"echo\"}";
    assert_eq!(admin.metric(name), Some(0.0));
    assert_eq!(admin.get("/readyz").0, 200, "the other is served");
    other.send("hi");
    assert_eq!(other.text(), "Client 1: hi");
    // It is no fault that a reload forgives.
    server.reload();
    assert_eq!(refused(), 503);
    assert_eq!(
        admin.order("/route?path=/echo&service=out"),
        done("route /echo was out of service already")
    );
    assert_eq!(
        admin.order("/route?path=/echo&service=in"),
        done("route /echo is in service")
    );
    let mut client = Client::connect(&server, "/echo");
    client.send("back");
    assert_eq!(client.text(), "back");
    assert_eq!(admin.metric(name), Some(1.0));
    for path in ["/echo", "/chat"] {
        admin.order(&format!("/route?path={path}&service=out"));
    }
    assert_eq!(
        admin.get("/readyz"),
        (503, "no route can be served\n".to_owned())
    );
}

#[test]
fn a_route_that_has_panicked_too_often_is_put_in_again() {
    let (server, admin) = Admin::start(&["faulty"]);
    for _ in 0..10 {
        let mut client = Client::connect(&server, "/faulty");
        client.send("panic");
        client.closed();
    }
    wait_until("it is out of service", || admin.get("/readyz").0 == 503);
    assert_eq!(
        admin.order("/route?path=/faulty&service=in"),
        done("route /faulty is in service")
    );
    drop(Client::connect(&server, "/faulty"));
}

#[test]
fn a_log_level_holds_until_the_next_reload() {
    let (server, admin) = Admin::start(&["echo"]);
    let seen = |number: usize| {
        drop(Client::connect(&server, "/echo"));
        wait_until("it is logged", || {
            server.count_log(&["DEBUG", "client ", "has come"]) >= number
        });
    };
    assert_eq!(
        admin.order("/log?level=debug"),
        done("log level debug until the next reload")
    );
    seen(1);
    assert_eq!(admin.json("/status.json")["log_level"], "debug");
    let line = server.reload();
    assert!(line.contains("done: log.level"), "{line}");
    assert_eq!(admin.json("/status.json")["log_level"], "info");
    let target = "/log?level=debug&target=server::connection";
    assert_eq!(
        admin.order(target),
        done("log level debug of server::connection until the next reload")
    );
    seen(2);
    server.wait_for_log(&[
        "admin: ",
        "sets the log level of server::connection to debug",
    ]);
}

#[test]
fn a_reload_answers_how_it_went() {
    let (server, admin) = Admin::start(&["echo"]);
    assert_eq!(admin.order("/reload"), done("nothing has changed"));
    server.configure(&format!("stop_timeout = \"9s\"\n{ADMIN}"));
    assert_eq!(admin.order("/reload"), done("stop_timeout"));
    server.configure(&format!("stop_timeout = \"never\"\n{ADMIN}"));
    let (status, body) = admin.order("/reload");
    assert_eq!(status, 409);
    assert!(body.starts_with("refused, "), "{body}");
    assert!(
        body.contains("detent.toml:1:16: `stop_timeout`: \"never\" is no time"),
        "{body}"
    );
    server.wait_for_log(&["admin: ", " asks for a reload"]);
}
