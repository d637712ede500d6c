//! What systemd is told: ready, reloading, ready again, stopping.

use std::os::unix::net::UnixDatagram;

use tests::{Client, DEADLINE, Setup};

#[test]
fn it_is_told_of_start_reload_and_stop() {
    let setup = Setup::new().plugins(&["echo"]);
    let path = setup.folder().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a new socket");
    socket
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    let told = || {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).expect("it tells");
        String::from_utf8(message[..length].to_vec()).expect("text")
    };
    let line = format!("export NOTIFY_SOCKET={}", path.display());
    let mut server = setup.after_shell(&line).start();
    assert_eq!(told(), "READY=1\n");
    assert_eq!(told(), "STATUS=0 clients, 1 routes\n");
    server.reload();
    let reloading = told();
    let time = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .expect("with a time");
    assert!(
        time.trim().parse::<u64>().is_ok_and(|time| time > 0),
        "{reloading}"
    );
    assert_eq!(told(), "READY=1\n");
    let status = told();
    assert!(
        status.starts_with("STATUS=0 clients, 1 routes; reload at 20"),
        "{status}"
    );
    assert!(status.ends_with("Z: nothing has changed\n"), "{status}");
    server.stop();
    assert_eq!(told(), "STOPPING=1\n");
}

#[test]
fn a_refused_reload_and_those_who_are_here_stand_in_the_status() {
    let setup = Setup::new().plugins(&["echo"]).configuration("");
    let socket = socket(&setup);
    let line = format!(
        "export NOTIFY_SOCKET={}",
        setup.folder().join("notify").display()
    );
    let server = setup.after_shell(&line).start();
    let _client = Client::connect(&server, "/echo");
    wait_for(&socket, "STATUS=1 clients, 1 routes");
    server.reload_with("lisen = 1\n");
    let status = wait_for(&socket, "STATUS=1 clients, 1 routes; reload at ");
    assert!(status.contains(": refused, "), "{status}");
    assert!(
        status.contains("detent.toml:1:1: unknown key `lisen`"),
        "{status}"
    );
}

#[test]
fn a_watchdog_gets_signs_of_life() {
    let setup = Setup::new().plugins(&["echo"]);
    let socket = socket(&setup);
    let path = setup.folder().join("notify");
    // The shell becomes the server, whose number the variable has to name.
    let line = format!(
        "export NOTIFY_SOCKET={} WATCHDOG_USEC=200000 WATCHDOG_PID=$$",
        path.display()
    );
    let _server = setup.after_shell(&line).start();
    for _ in 0..3 {
        wait_for(&socket, "WATCHDOG=1");
    }
}

fn socket(setup: &Setup) -> UnixDatagram {
    let socket = UnixDatagram::bind(setup.folder().join("notify")).expect("a new socket");
    socket
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    socket
}

/// Waits for a message that begins with `start`, and gives it.
fn wait_for(socket: &UnixDatagram, start: &str) -> String {
    loop {
        let mut message = [0; 4096];
        let length = socket.recv(&mut message).expect("it tells");
        let message = String::from_utf8(message[..length].to_vec()).expect("text");
        if message.starts_with(start) {
            return message;
        }
    }
}
