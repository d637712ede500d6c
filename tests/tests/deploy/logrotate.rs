//! The rotation of the log with the real logrotate: the server goes on in the new file, and no line is lost.

use std::fs;
use std::process::Command;

use tests::deploy::Text;
use tests::{Client, Setup, wait_until};

#[test]
fn the_server_goes_on_in_a_new_file() {
    let setup = Setup::new().plugins(&["chat"]);
    let folder = setup.folder().to_owned();
    let log = folder.join("server.log");
    let server = setup
        .arguments(&["--log-file", &log.display().to_string()])
        .start();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    Client::connect(&server, "/chat").close(1000, "");
    wait_until("the client is logged", || {
        read("server.log").contains("Client 1 has left")
    });

    let rules = folder.join("rotation");
    Text::of("logrotate/detent")
        .put("/var/log/detent", &folder.display().to_string())
        .put("    su detent detent\n", "")
        .put(
            "systemctl kill --kill-whom=main --signal=USR1 detent.service",
            &format!("kill -USR1 {}", server.pid()),
        )
        .write(&rules);
    let mut rotation = Command::new("logrotate");
    rotation.arg("--force").arg("--state");
    let output = rotation.arg(folder.join("state")).arg(&rules).output();
    let output = output.expect("logrotate runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "", "it has nothing to complain of");

    wait_until("the server writes into the new file", || {
        read("server.log").contains("SIGUSR1: log file ")
    });
    Client::connect(&server, "/chat").close(1000, "");
    wait_until("the next client is in the new file", || {
        read("server.log").contains("Client 2 has left")
    });
    assert!(
        !read("server.log").contains("reload"),
        "nothing else is done"
    );
    let old = read("server.log.1");
    assert!(old.contains("Client 1 has left"), "{old}");
    assert!(!old.contains("Client 2"), "{old}");
}
