//! Peers that never close after their last answer use up no more than the connections there may be.
//!
//! Their permit was free as soon as their thread had ended, while the socket stayed open for two
//! seconds: a few hundred requests a second took every open file of the server.

use std::io::Read;
use std::time::Duration;

use tests::{Client, Raw, Setup};

const FILES: usize = 200;
/// What [`FILES`] leaves for connections.
const CONNECTIONS: usize = 100;

#[test]
fn they_count_as_connections_until_their_socket_is_closed() {
    let setup = Setup::new().plugins(&["echo"]);
    let line = format!("ulimit -n {FILES}");
    let mut server = setup.after_shell(&line).start();
    let mut honest = Client::connect(&server, "/echo");
    let mut lingering = Vec::new();
    let mut refused = 0;
    for number in 0..3 * CONNECTIONS {
        let mut raw = Raw::connect(&server);
        let patience = Some(Duration::from_secs(5));
        raw.0.set_read_timeout(patience).expect("a valid timeout");
        // 503 is sent before the request is read, and past 32 of these nothing at all.
        let mut answer = [0; 12];
        raw.write("GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let is_told = raw.0.read_exact(&mut answer).is_ok();
        refused += usize::from(!is_told || answer.ends_with(b"503"));
        lingering.push(raw);
        honest.send(&number.to_string());
        assert_eq!(honest.text(), number.to_string());
        assert!(server.open_files() < FILES, "no file is left");
    }
    assert!(refused > 0, "more than {CONNECTIONS} were answered");
    assert_eq!(server.count_log(&["cannot accept connections"]), 0);
    // It recovers while they are all still there.
    tests::wait_until("there is room again", || {
        let mut raw = Raw::connect(&server);
        raw.write("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
        let mut answer = [0; 12];
        raw.0.read_exact(&mut answer).is_ok() && answer.ends_with(b"404")
    });
    drop(honest);
    server.stop();
}
