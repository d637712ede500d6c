//! What systemd is told: ready, reloading, ready again, stopping.

use std::os::unix::net::UnixDatagram;

use tests::{DEADLINE, Setup};

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
    server.stop();
    assert_eq!(told(), "STOPPING=1\n");
}
