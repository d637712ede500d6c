//! Sessions of other clients on the real server: whatever a client does meanwhile, none is lost and none overlaps.

use tests::{Client, Server, Setup, wait_until};

fn start() -> Server {
    Setup::new().plugins(&["probe"]).start()
}

/// What comes next beside the plugin's word that somebody has left.
fn hear(client: &mut Client) -> String {
    loop {
        let text = client.text();
        if !text.ends_with(" has left") {
            return text;
        }
    }
}

fn ask(client: &mut Client, question: &str) -> String {
    client.send(question);
    hear(client)
}

#[test]
fn a_callback_that_runs_is_not_disturbed_and_what_waits_comes_behind_it() {
    let server = start();
    let mut ann = Client::connect(&server, "/probe");
    let mut bob = Client::connect(&server, "/probe");
    let carl = Client::connect(&server, "/probe");
    bob.send("block");
    assert_eq!(hear(&mut bob), "blocks");
    assert_eq!(ask(&mut ann, "give 2 something"), "Queued");
    drop(carl);
    assert_eq!(hear(&mut bob), "unblocked");
    assert_eq!(hear(&mut bob), "given 1: something");
}

#[test]
fn none_is_lost_while_a_client_speaks_and_another_sleeps() {
    let server = start();
    let mut ann = Client::connect(&server, "/probe");
    let mut bob = Client::connect(&server, "/probe");
    let mut carl = Client::connect(&server, "/probe");
    for _ in 0..4 {
        ann.send("give-many 2 500");
        ann.send("give-many 3 500");
    }
    // One is always in a callback or on its way to the next, the other in a read that nothing ends.
    wait_until("the busy one has got them", || {
        ask(&mut bob, "given") == "2000"
    });
    server.assert_logged(4, &["has given 500 to 3"]);
    wait_until("the silent one has got them", || {
        ask(&mut carl, "given") == "2000"
    });
    assert_eq!(ask(&mut ann, "given"), "0");
}

#[test]
fn so_many_wait_for_a_turn_and_no_more() {
    let server = start();
    let mut ann = Client::connect(&server, "/probe");
    let mut bob = Client::connect(&server, "/probe");
    let carl = Client::connect(&server, "/probe");
    bob.send("block");
    assert_eq!(hear(&mut bob), "blocks");
    let mut taken = 0;
    while ask(&mut ann, "give 2 one") == "Queued" {
        taken += 1;
    }
    assert_eq!(taken, 64);
    drop(carl);
    assert_eq!(hear(&mut bob), "unblocked");
    for number in 1..=64 {
        assert_eq!(hear(&mut bob), format!("given {number}: one"));
    }
}

#[test]
fn timers_of_clients_that_come_and_go_are_forgotten_with_them() {
    let mut server = start();
    let mut ann = Client::connect(&server, "/probe");
    for _ in 0..20 {
        let mut guest = Client::connect(&server, "/probe");
        assert_eq!(ask(&mut guest, "every 1 tick"), "set");
        assert!(hear(&mut guest).starts_with("given "));
        drop(guest);
    }
    wait_until("they have gone", || ask(&mut ann, "clients") == "1");
    assert_eq!(ask(&mut ann, "after 1 last"), "set");
    assert_eq!(hear(&mut ann), "given 1: last");
    server.stop();
}
