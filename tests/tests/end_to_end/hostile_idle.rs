//! An idle timeout counts messages, and nothing else keeps a client here.
//!
//! It was looked at only when a read had timed out, so that a ping now and then, or a frame that
//! trickled in byte by byte, held a connection for ever.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use tests::{DEADLINE, PING, Raw, Setup, frame};

/// Writes `bytes` again and again, at a pace that leaves no silence, until the server's Close frame
/// comes.
#[track_caller]
fn keep_busy(raw: &mut Raw, bytes: &[u8]) {
    let pace = Some(Duration::from_millis(20));
    raw.0.set_read_timeout(pace).expect("a valid timeout");
    let begin = Instant::now();
    let mut received = Vec::new();
    while !String::from_utf8_lossy(&received).contains("no message within 1s") {
        assert!(begin.elapsed() < DEADLINE, "it is still here");
        raw.write(bytes);
        let mut buffer = [0; 1024];
        match raw.0.read(&mut buffer) {
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
    assert!(begin.elapsed() >= Duration::from_millis(500));
}

#[test]
fn neither_pings_nor_a_trickling_frame_are_messages() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup
        .configuration("client.idle_timeout = \"1s\"\n")
        .start();
    keep_busy(&mut Raw::upgrade(&server, "/echo"), &frame(PING, b""));
    let mut trickling = Raw::upgrade(&server, "/echo");
    trickling.write(&frame(tests::TEXT, &[b'x'; 60_000])[..10]);
    keep_busy(&mut trickling, b"x");
    tests::wait_until("both are logged, once", || {
        server.count_log(&["no message within 1s; closed with 1001"]) == 2
    });
}
