//! Peers that never close after their last answer use up few files, and nobody is refused for them.
//!
//! Their permit was free as soon as their thread had ended, while the socket stayed open for two
//! seconds: a few hundred requests a second took every open file of the server. Then they counted as
//! connections, so that others were refused.

use std::io::Read;

use tests::{Client, Raw, Setup};

const FILES: usize = 200;
/// What [`FILES`] leaves for connections.
const CONNECTIONS: usize = 100;
/// Sockets that may linger, where files are few.
const LINGERING: usize = 32;

#[test]
fn the_oldest_is_cut_and_everyone_is_answered() {
    let setup = Setup::new().plugins(&["echo"]);
    let line = format!("ulimit -n {FILES}");
    let mut server = setup.after_shell(&line).start();
    let open_files = server.open_files();
    let mut honest = Client::connect(&server, "/echo");
    let mut lingering = Vec::new();
    for number in 0..3 * CONNECTIONS {
        let mut raw = Raw::connect(&server);
        let mut answer = [0; 12];
        raw.write("GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        raw.0.read_exact(&mut answer).expect("it is answered");
        assert!(answer.ends_with(b"404"));
        lingering.push(raw);
        honest.send(&number.to_string());
        assert_eq!(honest.text(), number.to_string());
    }
    tests::wait_until("few of them linger", || {
        server.open_files() <= open_files + 1 + LINGERING
    });
    assert_eq!(server.count_log(&["cannot accept connections"]), 0);
    // Each has its whole answer, and no reset overtook it.
    for raw in &mut lingering {
        assert!(raw.rest().ends_with(b"no route here\n"));
    }
    drop(honest);
    server.stop();
}
