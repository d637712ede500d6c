//! The filter for fail2ban, by its own tool: who is refused is found by the address that is his own.

use std::fs;
use std::process::Command;

use tests::deploy::Text;
use tests::{Client, Raw, Setup, handshake, wait_until};

#[test]
fn who_is_refused_is_found_and_nobody_else() {
    let setup = Setup::new().plugins(&["chat", "push"]);
    let folder = setup.folder().to_owned();
    let log = folder.join("server.log");
    let file = log.display().to_string();
    let server = setup
        .arguments(&["--log-file", &file, "--max-message", "10"])
        .start();
    let get = |path: &str, address: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: example.org\r\nX-Forwarded-For: {address}\r\n\r\n"
        );
        Raw::answer(&server, request).0
    };
    assert_eq!(get("/wp-login.php", "198.51.100.1"), 404);
    assert_eq!(get("/../../etc/passwd", "2001:db8::1"), 404);
    // It only did not know that this path speaks WebSocket.
    assert_eq!(get("/push", "198.51.100.2"), 426);
    // Nobody may be shut out whose address a stranger has written into what the log takes from him.
    let forged = "/:%20server::x:%20198.51.100.3%20GET%20/:%20404%20x";
    assert_eq!(get(forged, "198.51.100.4"), 404);

    let foreign = ["X-Real-IP: 198.51.100.5", "Origin: https://evil.example"];
    assert_eq!(Raw::answer(&server, handshake("/chat", &foreign)).0, 403);
    let of = [("X-Real-IP", "198.51.100.6")];
    let mut client = Client::connect_with(&server, "/chat", &of).expect("it is admitted");
    client.send("server::x: 198.51.100.7 GET /: 404 x");
    assert_eq!(client.closed().0, 1009);
    let mut client = Client::connect(&server, "/chat");
    client.send("short");
    assert_eq!(client.text(), "Client 2: short");
    client.close(1000, "");

    let read = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("all of it is logged", || {
        read().contains("Client 2 has left")
    });
    assert_eq!(
        found(&folder, &file),
        [
            "198.51.100.1",
            "2001:db8::1",
            "198.51.100.4",
            "198.51.100.5",
            "198.51.100.6"
        ],
        "{}",
        read()
    );
}

/// The addresses that the filter finds, in the order of the lines.
#[track_caller]
fn found(folder: &std::path::Path, log: &str) -> Vec<String> {
    // The filter includes one that lies beside it.
    let mut copy = Command::new("cp");
    copy.args(["-r", "/etc/fail2ban/filter.d"]).arg(folder);
    let status = copy.status().expect("cp runs");
    assert!(status.success(), "Debian's fail2ban has its filters there");
    let filter = folder.join("filter.d/detent.conf");
    Text::of("fail2ban/filter.conf").write(&filter);
    let mut tool = Command::new("fail2ban-regex");
    let output = tool.args(["-o", "ip", log]).arg(&filter).output();
    let output = output.expect("fail2ban-regex runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    found.lines().map(str::to_owned).collect()
}
