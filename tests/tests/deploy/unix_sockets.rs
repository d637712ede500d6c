//! Detent behind a unix socket: nginx and HAProxy with the texts of `scripts/deploy`, and curl.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tests::Server;
use tests::deploy::{Front, Program, VISITOR, server_and};

const LISTENER: &str = "\n[[listener]]\naddress = \"unix:detent.sock\"\nmode = \"0666\"\n";

fn start() -> (Server, PathBuf) {
    let server = server_and(LISTENER);
    // Workers of a proxy run as another user when the tests run as root.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(server.folder(), open).expect("our own folder");
    let path = server.folder().join("detent.sock");
    (server, path)
}

/// Everything that is asked of a way by TCP: whose it is, that nobody is inside, both directions.
fn leads_to_the_server(program: Program, prefix: &str) {
    let (server, path) = start();
    let way = format!("{prefix}{}", path.display());
    let front = Front::start_before(program, &way, |text| text);
    let lie = [("X-Forwarded-For", "203.0.113.66")];
    let mut visitor = front.visit("/chat", &lie).expect("it is admitted");
    let client = format!("Client 1 has connected from {VISITOR}");
    server.wait_for_log(&["plugin::chat: ", &client]);
    let mut other = front.visit("/chat", &[]).expect("it is admitted");
    other.send("through the socket");
    assert_eq!(visitor.text(), "Client 2: through the socket");
    assert_eq!(front.get("/push").0, 426);
    server.wait_for_log(&[&format!(": {VISITOR} GET /push: 426 ")]);
    let mut outside = front.visit("/push", &[]).expect("it is admitted");
    outside.send("from outside");
    server.wait_for_log(&["plugin::push: client ", " is outside"]);
}

#[cfg(feature = "nginx")]
#[test]
fn nginx_leads_to_it() {
    leads_to_the_server(Program::Nginx, "unix:");
}

/// As it stands in many a configuration: nginx asks for `localhost` then.
#[cfg(feature = "nginx")]
#[test]
fn a_visitor_cannot_push_past_an_nginx_that_says_nothing() {
    let (server, path) = start();
    let way = format!("unix:{}", path.display());
    let front = Front::start_before(Program::Nginx, &way, |text| {
        let headers = [
            "        proxy_set_header Host $http_host;\n",
            "        proxy_set_header X-Real-IP $remote_addr;\n",
            "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n",
        ];
        headers.iter().fold(text, |text, line| text.put(line, ""))
    });
    let mut visitor = front.visit("/push", &[]).expect("it is admitted");
    visitor.send("from outside");
    server.wait_for_log(&["plugin::push: client ", " is outside"]);
}

#[cfg(feature = "haproxy")]
#[test]
fn haproxy_leads_to_it() {
    leads_to_the_server(Program::HaProxy, "unix@");
}

#[test]
fn curl_fetches_by_it() {
    let (server, path) = start();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--unix-socket"]);
    let output = curl.arg(&path).arg("http://localhost/chat").output();
    let output = output.expect("curl runs");
    let page = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(
        page.contains("<!DOCTYPE html>") || page.contains("<!doctype html>"),
        "{page}"
    );
    drop(server);
}
