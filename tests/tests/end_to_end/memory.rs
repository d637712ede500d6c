//! What an idle client costs: the stack that a callback needed once is not kept for it.

use tests::{Client, Raw, Server, Setup, TEXT, frame, wait_until};

const CLIENTS: usize = 200;
/// Each callback touches 40 KiB (see the probe); without it a client has some 13.
const KIB_MAX: u64 = 28;

fn start() -> Server {
    let setup = Setup::new().plugins(&["probe"]);
    let arguments = ["--ping-interval", "100ms", "--pong-timeout", "1h"];
    setup.arguments(&arguments).start()
}

#[track_caller]
fn wait_until_given_back(server: &Server, before: u64) {
    let most = before + CLIENTS as u64 * KIB_MAX;
    wait_until("the stack is given back", || server.resident_kib() < most);
}

#[test]
fn stack_that_on_open_used_is_given_back_before_the_first_message() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.start();
    // What the first one makes for all does not count.
    let _first = Client::connect(&server, "/probe?stack");
    let before = server.resident_kib();
    let _clients: Vec<_> = (0..CLIENTS)
        .map(|_| Raw::upgrade(&server, "/probe?stack"))
        .collect();
    wait_until_given_back(&server, before);
}

#[test]
fn stack_that_a_message_used_is_given_back_when_the_client_falls_silent() {
    let server = start();
    let _first = Client::connect(&server, "/probe");
    let before = server.resident_kib();
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|_| Raw::upgrade(&server, "/probe"))
        .collect();
    for client in &mut clients {
        client.write(frame(TEXT, b"stack"));
        while client.frame() != (TEXT, b"done".to_vec()) {}
    }
    wait_until_given_back(&server, before);
}
