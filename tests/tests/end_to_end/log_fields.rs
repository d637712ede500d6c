//! What a program finds in a line of JSON beside its words: `client`, `route`, `address`, `code`, `status`,
//! `plugin`.

use serde_json::{Value, json};
use tests::{Client, Raw, Server, Setup, TEXT, frame, handshake};

const CONFIGURATION: &str = "log.format = \"json\"\nlog.level = \"debug\"\nclient.message = 10\n";

/// The one line whose message ends so, once it is there.
fn line(server: &Server, ending: &str) -> Value {
    let line = server.wait_for_log(&[&format!("{ending}\"")]);
    let line: Value = serde_json::from_str(&line).expect("it is JSON");
    let message = line["message"].as_str().expect("it has words");
    assert!(message.ends_with(ending), "{line}");
    line
}

#[track_caller]
fn assert_fields(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("it is one") {
        assert_eq!(&line[name], value, "{name} of {line}");
    }
}

#[test]
fn a_refusal_has_its_status_and_the_address_of_its_client() {
    let server = Setup::new()
        .plugins(&["echo"])
        .configuration(CONFIGURATION)
        .start();
    let told = ["X-Forwarded-For: 203.0.113.7"];
    let (status, ..) = Raw::answer(&server, handshake("/nowhere", &told));
    assert_eq!(status, 404);
    let refused = server.wait_for_log(&["GET /nowhere: 404"]);
    let refused: Value = serde_json::from_str(&refused).expect("it is JSON");
    let expected = json!({"status": 404, "address": "203.0.113.7", "route": null, "code": null});
    assert_fields(&refused, &expected);

    // Behind it on the same connection, a head that tells of nobody.
    let mut proxy = Raw::connect(&server);
    proxy.write("GET /echo HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.8\r\n\r\n");
    proxy.response();
    proxy.write("no request\r\n\r\n");
    proxy.response();
    let served = server.wait_for_log(&["203.0.113.8 GET /echo: 426"]);
    let served: Value = serde_json::from_str(&served).expect("it is JSON");
    assert_fields(&served, &json!({"status": 426, "route": "/echo"}));
    let refused = server.wait_for_log(&["unknown by", ": 400 "]);
    let refused: Value = serde_json::from_str(&refused).expect("it is JSON");
    let unknown = format!("unknown by 127.0.0.1:{}", proxy.port());
    let expected = json!({"status": 400, "address": unknown, "route": null});
    assert_fields(&refused, &expected);
}

#[test]
fn one_for_whom_there_is_no_place_has_status_and_address() {
    let configuration = format!("{CONFIGURATION}limits.connections = 1\n");
    let server = Setup::new()
        .plugins(&["echo"])
        .configuration(&configuration)
        .start();
    let _one = Client::connect(&server, "/echo");
    let mut other = Raw::connect(&server);
    let address = format!("127.0.0.1:{}", other.port());
    other.rest();
    let refused = server.wait_for_log(&[": 503 "]);
    let refused: Value = serde_json::from_str(&refused).expect("it is JSON");
    assert_eq!(refused["status"], 503, "{refused}");
    let shown = refused["address"].as_str().expect("it has an address");
    assert!(shown.ends_with(&address), "{refused}");
}

#[test]
fn a_client_that_is_closed_has_client_route_address_and_code() {
    let server = Setup::new()
        .plugins(&["echo"])
        .configuration(CONFIGURATION)
        .start();
    let forwarded = [("X-Forwarded-For", "203.0.113.7")];
    let mut client = Client::connect_with(&server, "/echo", &forwarded).expect("it is let in");
    client.send("more than ten bytes");
    assert_eq!(client.closed_in_the_end().0, 1009);
    let closed = line(&server, "; closed with 1009");
    let expected = json!({"client": 1, "route": "/echo", "address": "203.0.113.7", "code": 1009});
    assert_fields(&closed, &expected);
    assert_eq!(closed["plugin"], Value::Null, "it is the server's line");
}

/// Cause: a mutant that left the code out survived.
#[test]
fn who_is_closed_for_being_slow_has_the_code_too() {
    let server = Setup::new()
        .plugins(&["probe"])
        .configuration("log.format = \"json\"\nclient.backlog = \"64 KiB\"\n")
        .start();
    let mut deaf = Raw::upgrade(&server, "/probe");
    deaf.write(frame(TEXT, b"flood 4000 16384"));
    let closed = line(&server, "; closed with 1008");
    assert_fields(
        &closed,
        &json!({"client": 1, "route": "/probe", "code": 1008}),
    );
}

#[test]
fn a_plugins_line_has_the_plugin_and_the_client_on_whose_thread_it_is() {
    let server = Setup::new()
        .plugins(&["probe"])
        .configuration(CONFIGURATION)
        .start();
    Client::connect(&server, "/probe").send("log hello");
    let said = line(&server, "hello");
    let expected = json!({"plugin": "probe", "client": 1, "route": "/probe"});
    assert_fields(&said, &expected);
    let address = said["address"].as_str().expect("it has an address");
    assert!(address.starts_with("127.0.0.1:"), "{said}");
}

#[test]
fn text_stays_as_it_was() {
    let server = Setup::new()
        .plugins(&["echo"])
        .configuration("client.message = 10\n")
        .start();
    let mut client = Client::connect(&server, "/echo");
    client.send("more than ten bytes");
    client.closed_in_the_end();
    let closed = server.wait_for_log(&["closed with 1009"]);
    assert!(closed.ends_with("; closed with 1009"), "{closed}");
}
