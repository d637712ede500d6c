//! A plugin in Go (`tests/go/counter`): its runtime lives in the server as long as that, and so does that of each library that
//! takes its place.

use std::fs;
use std::path::Path;
use std::process::Command;

use tests::{Client, Server, Setup};

/// Builds the plugin as its author does.
#[track_caller]
fn build(library: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let header = root.join("plugin-api/include");
    let output = Command::new("go")
        .args(["build", "-buildmode=c-shared", "-o"])
        .arg(library)
        .current_dir(root.join("tests/go/counter"))
        .env(
            "CGO_CFLAGS",
            format!("-I{} -Wall -Werror", header.display()),
        )
        .env("GOFLAGS", "-mod=mod")
        .output()
        .expect("go can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn start() -> Server {
    let setup = Setup::new();
    build(&setup.plugins_folder().join("libcounter.so"));
    // It puts a header of its own beside the library.
    fs::remove_file(setup.plugins_folder().join("libcounter.h")).ok();
    setup.start()
}

#[test]
fn a_plugin_in_go_counts_panics_and_is_replaced_under_its_clients() {
    let mut server = start();
    let mut clients: Vec<_> = (0..20)
        .map(|_| Client::connect(&server, "/counter"))
        .collect();
    for client in &mut clients {
        assert_eq!(client.text(), "hello from Go");
    }
    for round in 1..=50 {
        for client in &mut clients {
            client.send("hey");
        }
        for client in &mut clients {
            assert_eq!(client.text(), format!("your message {round}: hey"));
        }
    }
    let mut bad = Client::connect(&server, "/counter");
    assert_eq!(bad.text(), "hello from Go");
    bad.send("panic");
    assert_eq!(bad.closed(), (1011, "the plugin panicked".to_owned()));
    server.wait_for_log(&["on_message panicked: told to panic"]);
    for _ in 0..3 {
        let mut code = fs::read(server.plugin_file("libcounter.so")).expect("it is there");
        code.push(0);
        server.put_plugin("libcounter.so", &code);
        let line = server.reload();
        assert!(line.contains("code of route /counter"), "{line}");
        for client in &mut clients {
            assert_eq!(client.text(), "hello from Go");
            client.send("new");
            assert_eq!(client.text(), "your message 1: new");
        }
    }
    server.stop();
}
