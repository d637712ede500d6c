//! `[[listener]] reuse_port = true`: two servers on one address, and none by mistake.

use std::net::SocketAddr;

use tests::{Client, Server, Setup, wait_until};

fn listener(address: SocketAddr, more: &str) -> String {
    format!("listen = []\n[[listener]]\naddress = \"{address}\"\n{more}\n")
}

fn setup(address: SocketAddr, more: &str) -> Setup {
    let setup = Setup::new().plugins(&["echo"]).listens_as_configured();
    setup.configuration(&listener(address, more))
}

#[track_caller]
fn assert_second_is_refused(address: SocketAddr, more: &str) {
    let second = setup(address, more).run();
    second.assert_code(1);
    let expected = format!("cannot listen on {address}: Address already in use");
    assert!(second.stderr.contains(&expected), "{}", second.stderr);
}

/// Whether both get some of those who come.
#[track_caller]
fn assert_both_serve(address: SocketAddr, servers: [&Server; 2]) {
    let mut clients = Vec::new();
    wait_until("each has clients", || {
        clients.push(Client::connect_to(address, "/echo", &[]).expect("it is admitted"));
        let has_client = |server: &&Server| {
            let names = server.thread_names();
            names.iter().any(|name| name.starts_with("client-"))
        };
        servers.iter().all(has_client)
    });
}

#[test]
fn two_servers_share_who_comes_where_both_say_so() {
    let first = Setup::new().plugins(&["echo"]).listens_as_configured();
    let free = "127.0.0.1:0".parse().expect("an address");
    let first = first.configuration(&listener(free, "reuse_port = true"));
    let first = first.start();
    let address = first.address();
    assert_second_is_refused(address, "");
    let mut second = setup(address, "reuse_port = true").start();
    assert_both_serve(address, [&first, &second]);
    second.stop();
    let mut client = Client::connect_to(address, "/echo", &[]).expect("the first is there");
    client.send("here");
    assert_eq!(client.text(), "here");
}

#[test]
fn a_reload_lets_others_in() {
    let first = Setup::new().plugins(&["echo"]).configuration("").start();
    let address = first.address();
    let first = {
        // The address of one that is gone is free for a while: nobody else of these tests takes a port by number.
        drop(first);
        setup(address, "").start()
    };
    assert_second_is_refused(address, "reuse_port = true");
    let line = first.reload_with(&listener(address, "reuse_port = true"));
    assert!(line.contains(&format!("listener {address}")), "{line}");
    let second = setup(address, "reuse_port = true").start();
    assert_both_serve(address, [&first, &second]);
}
