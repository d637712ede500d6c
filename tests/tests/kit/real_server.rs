//! `plugin_api::testing::Server`: the real server, as authors of plugins start it.

use plugin_api::testing::Server;
use tests::{Client, library, server_program, wait_until};

/// How it finds the program by itself is tested where a plugin outside of the workspace is (`new_plugin`).
#[track_caller]
fn serving(plugin: &str, arguments: &[&str]) -> Server {
    Server::of_program(server_program(), library(plugin), arguments)
}

#[test]
fn it_serves_a_library_on_a_port_of_its_own_and_ends_with_the_test() {
    let first = serving("chat", &["--set", "chat.exclude_sender=true"]);
    let second = serving("echo", &[]);
    let connect = |server: &Server, path| {
        Client::connect_to(server.address(), path, &[]).expect("it is let in")
    };
    let (mut ann, mut bob) = (connect(&first, "/chat"), connect(&first, "/chat"));
    ann.send("hello");
    assert_eq!(bob.text(), "Client 1: hello");
    let mut other = connect(&second, "/echo");
    other.send("here");
    assert_eq!(other.text(), "here");
    let address = second.address();
    assert_eq!(second.url("/echo"), format!("ws://{address}/echo"));
    drop(second);
    wait_until("nobody listens there any more", || {
        std::net::TcpStream::connect(address).is_err()
    });
}

#[test]
#[should_panic(expected = "option `colour`: unknown field")]
fn one_that_does_not_start_says_why() {
    serving("chat", &["--set", "chat.colour=red"]);
}
