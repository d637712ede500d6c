//! What the server prints when it is ready, and what it does with the machine's limits.

use std::fs;
use std::net::SocketAddr;

use tests::{Client, Raw, Server, Setup, handshake};

#[test]
fn a_few_lines_say_what_is_there() {
    let mut server = Server::start();
    let printed = server.printed();
    assert_eq!(printed.len(), 8, "{printed:#?}");
    assert_eq!(printed[0], format!("detent {}", env!("CARGO_PKG_VERSION")));
    let folder = server.folder().join("plugins");
    let routes = ["/chat", "/echo", "/push, /push/{topic}"];
    for ((line, name), paths) in printed[1..4]
        .iter()
        .zip(["chat", "echo", "push"])
        .zip(routes)
    {
        let file = folder.join(format!("lib{name}.so"));
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!("route {paths}: {name} {version} ({})", file.display());
        assert_eq!(*line, expected);
    }
    assert!(printed[4].starts_with("capacity: "), "{printed:#?}");
    assert!(printed[4].contains(" connections, limited by "));
    let inside = "inside: guessed: who comes from this machine without a header of a proxy; every proxy on it \
                  has to add X-Forwarded-For";
    let memory = &printed[5];
    let is_half = memory.starts_with("memory: ") && memory.contains(" for clients, 50% of the ");
    assert!(is_half, "{memory}");
    assert_eq!(printed[6], inside);
    assert_eq!(printed[7], format!("listening on {}", server.address()));
    assert_ne!(server.address().port(), 0);

    Client::connect(&server, "/chat").send("hello");
    server.wait_for_log(&["Client 1 says: hello"]);
    // Behind that line, since what was logged at the start may be read later than what was printed.
    let debug = ["libecho.so: plugin echo is a debug build, which is slow"];
    assert_eq!(
        server.count_log(&debug),
        usize::from(cfg!(debug_assertions))
    );
    server.stop();
    assert_eq!(server.printed(), printed, "nothing more was printed");
}

#[test]
fn each_listener_has_a_line_and_serves() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup
        .arguments(&["--listen", "127.0.0.1:0", "--listen", "[::1]:0"])
        .start();
    let printed = server.wait_until_printed(8);
    let addresses: Vec<SocketAddr> = printed
        .iter()
        .filter_map(|line| line.strip_prefix("listening on "))
        .map(|address| address.parse().expect("an address"))
        .collect();
    assert_eq!(addresses.len(), 3, "{printed:#?}");
    for address in addresses {
        let client = Client::connect_to(address, "/echo", &[]);
        let mut client = client.expect("it is admitted");
        client.send("here");
        assert_eq!(client.text(), "here");
    }
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let server = Setup::new().after_shell("ulimit -S -n 64").start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid()));
    let limits = limits.expect("the process is there");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut numbers = line.expect("the kernel lists it").split_whitespace();
    let (soft, hard) = (numbers.next(), numbers.next());
    assert_eq!(soft, hard, "{limits}");
    assert_ne!(soft, Some("64"));
}

#[test]
fn the_capacity_that_is_printed_holds() {
    let setup = Setup::new().plugins(&["echo"]).after_shell("ulimit -n 130");
    let server = setup.start();
    let capacity = "capacity: 30 connections, limited by open files, ulimit -n (130)";
    assert_eq!(server.printed()[2], capacity);
    let mut clients: Vec<_> = (0..30).map(|_| Raw::upgrade(&server, "/echo")).collect();
    let (status, ..) = Raw::answer(&server, handshake("/echo", &[]));
    assert_eq!(status, 503);
    for client in &mut clients {
        client.write(tests::frame(tests::TEXT, b"served"));
        assert_eq!(client.frame(), (tests::TEXT, b"served".to_vec()));
    }
}

#[test]
fn a_server_without_plugins_runs_and_answers_404() {
    let server = Setup::new().start();
    server.wait_for_log(&["WARN", "every path answers 404"]);
    let (status, ..) = Raw::answer(&server, handshake("/echo", &[]));
    assert_eq!(status, 404);
}

#[test]
fn every_thread_has_a_name() {
    let setup = Setup::new().plugins(&["push", "echo"]);
    let server = setup.arguments(&["--listen", "127.0.0.1:0"]).start();
    let _clients = [(); 2].map(|()| Raw::upgrade(&server, "/echo"));
    let mut names = server.thread_names();
    names.sort();
    let expected = [
        "accept", "accept", "client-1", "client-2", "drain", "hub", "log", "reaper", "server",
        "signals", "timers",
    ];
    assert_eq!(names, expected);
}
