//! Sockets that systemd has bound and passes: whose they are, and that nobody is refused by a restart.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;
use tests::unix::{self, Running};
use tests::{Client, Raw, Setup};

/// A server that listens on what is passed to it, and on nothing else.
fn setup(name: &str) -> Setup {
    let setup = Setup::new().plugins(&["echo", "probe"]);
    let listen = format!("systemd:{name}");
    setup
        .listens_as_configured()
        .arguments(&["--listen", &listen])
}

/// Bound before there is a server, and kept by who passes it.
fn bound() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

fn copy(socket: &TcpListener) -> OwnedFd {
    socket.try_clone().expect("a descriptor").into()
}

/// One that is told with this sentence ends the start.
#[track_caller]
fn assert_refused(running: Running, code: i32, why: &str) {
    let finished = running.finish();
    finished.assert_code(code);
    assert!(finished.stderr.contains(why), "{}", finished.stderr);
}

#[test]
fn a_socket_that_is_passed_is_served_by_its_name() {
    let (socket, address) = bound();
    let running = Running::start_passing(setup("web"), copy(&socket), "web");
    running.wait_for_output(&format!("listening on {address}, passed by systemd as web"));
    let mut client = Client::connect_to(address, "/echo", &[]).expect("it is admitted");
    client.send("here");
    assert_eq!(client.text(), "here");
    running.stop().assert_code(0);
}

/// Cause: an acceptor was woken by a shutdown of its socket, which systemd would have had to bind anew.
#[test]
fn who_connects_while_the_server_is_restarted_waits_for_the_next() {
    let (socket, address) = bound();
    let start = || {
        let running = Running::start_passing(setup("web"), copy(&socket), "web");
        running.wait_for_output("listening on ");
        running
    };
    let mut served = start();
    for round in 0..3 {
        served.stop().assert_code(0);
        let mut waiting: Vec<Raw> = (0..20).map(|_| Raw::connect_to(address)).collect();
        for raw in &mut waiting {
            raw.write("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        }
        served = start();
        for raw in &mut waiting {
            let (status, head, _) = raw.response();
            assert_eq!(status, 426, "round {round}: {head}");
        }
    }
    served.stop().assert_code(0);
}

#[test]
fn a_listener_that_is_left_away_at_a_reload_leaves_its_socket_to_wait() {
    let (socket, address) = bound();
    let setup = Setup::new().plugins(&["echo"]).listens_as_configured();
    let with = "listen = []\n[[listener]]\naddress = \"systemd:web\"\ninside = true\n";
    let without = "listen = [\"127.0.0.1:0\"]\n";
    let running = Running::start_passing(setup.configuration(with), copy(&socket), "web");
    running.wait_for_output(&format!(
        "listening on {address}, passed by systemd as web, for insiders"
    ));
    let reload = |text: &str, told: &str| {
        let file = running.setup().folder().join("detent.toml");
        fs::write(file, text).expect("the folder can be written");
        running.signal(Signal::HUP);
        running.wait_for_log(told);
    };
    reload(without, "no longer listening on systemd:web");
    let mut waiting = Raw::connect_to(address);
    waiting.write("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    reload(
        with,
        &format!("listening on {address}, passed by systemd as web, for insiders, no longer "),
    );
    assert_eq!(waiting.response().0, 426);
    running.stop().assert_code(0);
}

#[test]
fn a_unix_socket_that_is_passed_stays_when_the_server_goes() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let path = folder.path().join("detent.sock");
    let socket = UnixListener::bind(&path).expect("a new socket");
    let copy = socket.try_clone().expect("a descriptor");
    let running = Running::start_passing(setup("web"), copy, "web");
    running.wait_for_output(&format!(
        "listening on unix:{}, passed by systemd as web",
        path.display()
    ));
    let mut client = unix::connect(&path, "/probe", &[]).expect("it is admitted");
    let told = unix::request_of_probe(&mut client);
    let expected = format!(" peer={} ", unix::ourselves());
    assert!(told.contains(&expected), "{told}");
    drop(client);
    running.stop().assert_code(0);
    unix::stream(&path);
}

#[test]
fn what_nobody_would_serve_is_told() {
    let (socket, address) = bound();
    assert_refused(
        Running::start_passing(setup("web"), copy(&socket), "other"),
        2,
        &format!(
            "systemd has passed a socket on {address} that nobody listens on: add \"systemd:other\" to "
        ),
    );
    assert_refused(
        Running::start(setup("web")),
        1,
        "cannot listen on systemd:web: systemd has passed no socket of this name: start the server by ",
    );
    // What is passed on by a shell, say, was meant for another process.
    let for_another = setup("web").after_shell("export LISTEN_FDS=1 LISTEN_PID=1");
    assert_refused(
        Running::start(for_another),
        1,
        "cannot listen on systemd:web: systemd has passed no socket of this name: ",
    );
    // One of two that are wanted, and none of those that nobody passes: nothing is served by halves.
    let too_few = setup("web").arguments(&["--listen", "systemd:other"]);
    assert_refused(
        Running::start_passing(too_few, copy(&socket), "web"),
        1,
        "cannot listen on systemd:other: systemd has passed no socket of this name, but web: ",
    );
    // Cause: where more was told than passed, the server took a descriptor of its own for it, and closed that.
    for fds in ["1", "2", "40"] {
        let line = format!("exec 3<&- && export LISTEN_FDS={fds} LISTEN_PID=$$ LISTEN_FDNAMES=web");
        let running = Running::start(setup("web").after_shell(&line));
        assert_refused(running, 2, "LISTEN_FDS and LISTEN_FDNAMES, ");
    }
    let garbled = setup("web").after_shell("export LISTEN_FDS=many LISTEN_PID=$$");
    assert_refused(
        Running::start(garbled),
        2,
        "LISTEN_FDS and LISTEN_FDNAMES, ",
    );
}

#[test]
fn what_no_connection_comes_by_is_not_taken() {
    let (socket, address) = bound();
    let client = std::net::TcpStream::connect(address).expect("it listens");
    let (accepted, _) = socket.accept().expect("it was connected");
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let file = fs::File::open("/dev/null").expect("it is there");
    let all: [OwnedFd; 3] = [accepted.into(), datagrams.into(), file.into()];
    for descriptor in all {
        assert_refused(
            Running::start_passing(setup("web"), descriptor, "web"),
            2,
            "systemd has passed \"web\", which is no listening TCP or unix stream socket: ",
        );
    }
    drop(client);
}

/// Whoever may connect to what systemd has bound is for the unit to say, and not for `[admin]`.
#[test]
fn the_admin_listener_takes_none() {
    let (socket, _) = bound();
    let text = "listen = [\"systemd:web\"]\n[admin]\nlisten = \"systemd:web\"\n";
    let setup = Setup::new()
        .plugins(&["echo"])
        .listens_as_configured()
        .configuration(text);
    assert_refused(
        Running::start_passing(setup, copy(&socket), "web"),
        2,
        "\"systemd:web\" is for clients only: name an address, or a unix socket",
    );
}
