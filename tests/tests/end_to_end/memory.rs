//! What an idle client costs: the stack that a callback needed once is not kept for it, nor what was needed to agree on
//! compression.

use tests::{
    Client, Compressing, PING, Raw, Server, Setup, TEXT, frame, json_line, need_open_files,
    wait_until,
};

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

/// What each of so many clients costs that have said and heard one message: plain, or compressed.
fn kib_of_each(offers: &[&str]) -> f64 {
    const CLIENTS: usize = 500;
    need_open_files(CLIENTS as u64 + 500);
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup
        .arguments(&["--ping-interval", "100ms", "--pong-timeout", "1h"])
        .start();
    let text = json_line(1, 400);
    let next = |client: &mut Compressing, wanted| {
        loop {
            let (opcode, _, is_compressed) = client.frame();
            if opcode == wanted {
                return is_compressed;
            }
        }
    };
    let come = |_| {
        let mut client = Compressing::connect(&server, "/echo", offers);
        if offers.is_empty() {
            client.raw.write(frame(TEXT, text.as_bytes()));
        } else {
            client.say(&text);
        }
        assert_eq!(next(&mut client, TEXT), !offers.is_empty());
        client
    };
    let come = |count| {
        let mut clients: Vec<_> = (0..count).map(come).collect();
        for client in &mut clients {
            // It has been silent, and its thread has given back what it can.
            next(client, PING);
        }
        clients
    };
    // What the first ones make for all does not count.
    let _first = come(50);
    let before = server.resident_kib();
    let _clients = come(CLIENTS);
    (server.resident_kib() - before) as f64 / CLIENTS as f64
}

#[test]
fn who_has_compressed_and_is_silent_costs_as_much_as_who_is_plain() {
    // From a measurement: 1.3 KiB more, of which a tenth was in use. What a thread frees in pieces of up to 1,032 bytes the
    // C library keeps for that thread.
    let plain = kib_of_each(&[]);
    let compressed = kib_of_each(&["permessage-deflate; client_max_window_bits"]);
    assert!(compressed < plain + 1.0, "{compressed} KiB against {plain}");
}
