//! Whether clients may be sent here: on the admin listener, and on the ordinary one by a setting.

use std::fs;

use rustix::process::Signal;
use tests::{Admin, Client, Raw, Server, Setup, wait_until};

fn start(settings: &str, plugins: &[&str]) -> (Server, Admin) {
    Admin::start_with(Setup::new().plugins(plugins), settings)
}

#[track_caller]
fn get(server: &Server, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: balancer.example\r\n\r\n");
    let (status, _, body) = Raw::answer(server, request);
    (status, body)
}

#[test]
fn a_server_at_work_is_healthy_and_ready() {
    let (server, admin) = start("health = \"/up\"", &["echo"]);
    assert_eq!(admin.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(admin.get("/readyz"), (200, "ok\n".to_owned()));
    assert_eq!(get(&server, "/up"), (200, "ok\n".to_owned()));
    // Whatever name it is asked for by, and by the old protocol of a checker.
    let mut raw = Raw::connect_to(admin.0);
    raw.write("GET /readyz HTTP/1.0\r\nHost: balancer.example\r\n\r\n");
    let (status, head, _) = raw.response();
    assert_eq!(status, 200);
    assert!(
        head.contains("Cache-Control: no-store") || head.contains("cache-control: no-store"),
        "{head}"
    );
    raw.assert_closed();
    // Nothing of it is for clients, and nothing of theirs is here.
    assert_eq!(get(&server, "/healthz").0, 404);
    assert_eq!(admin.get("/up").0, 404);
}

#[test]
fn without_a_setting_there_is_neither() {
    let server = Setup::new().plugins(&["echo"]).start();
    assert!(!server.printed().join("\n").contains("admin listener"));
    assert_eq!(get(&server, "/healthz").0, 404);
    let names = server.thread_names();
    assert!(
        !names.iter().any(|name| name.starts_with("admin")),
        "{names:?}"
    );
}

#[test]
fn from_the_stop_on_it_is_told_before_the_first_client_is_closed() {
    let (mut server, admin) = start("stop_delay = \"1h\"\nhealth = \"/up\"", &["echo"]);
    let mut client = Client::connect(&server, "/echo");
    server.signal(Signal::TERM);
    server.wait_for_log(&["stopping in 1h (stop_delay)"]);
    let stopping = (503, "the server is stopping\n".to_owned());
    assert_eq!(admin.get("/readyz"), stopping);
    assert_eq!(get(&server, "/up"), stopping);
    assert_eq!(admin.get("/healthz").0, 200, "it is at work still");
    // Who is here is served, and so is who comes.
    client.send("here");
    assert_eq!(client.text(), "here");
    let mut late = Client::connect(&server, "/echo");
    late.send("late");
    assert_eq!(late.text(), "late");
    // A shorter delay of a reload holds for a stop that is under way no more; a second signal does.
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(128 + 15));
}

#[test]
fn when_the_delay_is_over_the_clients_are_closed() {
    let (mut server, admin) = start("stop_delay = \"300ms\"", &["echo"]);
    let mut client = Client::connect(&server, "/echo");
    server.signal(Signal::TERM);
    server.wait_for_log(&["stopping in 300ms"]);
    assert_eq!(admin.get("/readyz").0, 503);
    assert_eq!(client.closed(), (1001, "server is stopping".to_owned()));
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.count_log(&["not waited for"]), 0);
}

#[test]
fn without_a_route_that_can_be_served_it_is_not_ready() {
    let (server, admin) = start("", &[]);
    let none = (503, "no route can be served\n".to_owned());
    assert_eq!(admin.get("/readyz"), none);
    assert_eq!(admin.get("/healthz").0, 200);
    // One that panics again and again takes itself out of service.
    let library = tests::library("faulty");
    let name = library.file_name().expect("a library has a name");
    fs::copy(&library, server.folder().join("plugins").join(name)).expect("it can be copied");
    server.reload();
    assert_eq!(admin.get("/readyz").0, 200);
    for _ in 0..10 {
        let mut client = Client::connect(&server, "/faulty");
        client.send("panic");
        client.closed();
    }
    wait_until("the route is out of service", || {
        admin.get("/readyz") == none
    });
    server.reload();
    assert_eq!(admin.get("/readyz").0, 200);
}
