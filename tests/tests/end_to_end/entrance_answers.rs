//! Answers that are not read, or read slowly, by many of one address, beside honest clients of others.

use std::thread;
use std::time::Duration;

use tests::flood::flooding;
use tests::{Over, Raw, Server, wait_until};

use super::entrance::assert_newcomers_get_in;
use super::entrance_kinds::{COUNT, REQUESTS, answered, start};

/// From the address of floods, so that next to nothing of an answer is under way in the kernel.
fn connect_with_small_buffers(server: &Server) -> Raw {
    Raw::connect_with_socket(server, flooding(0), |socket| {
        socket.set_recv_buffer_size(4 * 1024).expect("a size");
        socket.set_tcp_mss(536).expect("a size");
    })
}

/// A byte now and then holds no more than silence does: the request lasts until its answer is out, and the
/// last tenth of those that may be under way is for others.
#[test]
fn answers_that_are_read_slowly() {
    const ANSWER_BYTES: usize = 128 * 1024;
    const STATUS_BYTES: usize = "HTTP/1.1 200".len();
    let server = start();
    let request = format!("GET /probe?bytes={ANSWER_BYTES} HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut slow: Vec<Raw> = (0..COUNT)
        .map(|_| {
            let mut raw = connect_with_small_buffers(&server);
            raw.write(&request);
            raw
        })
        .collect();
    wait_until("all are answered, as far as they read", || {
        answered(&mut slow, "503") + answered(&mut slow, "200") == COUNT
    });
    assert_eq!(answered(&mut slow, "200"), REQUESTS);
    let is_over = Over::default();
    let bytes_each = thread::scope(|scope| {
        let end = is_over.when_dropped();
        let reading = scope.spawn(|| drip(&mut slow, &is_over));
        for _ in 0..3 {
            assert_newcomers_get_in(&server);
        }
        drop(end);
        reading.join().expect("nobody is cut off in an answer")
    });
    // The rest of the answer is there for who takes it.
    let served = |(mut client, mut start): (Raw, Vec<u8>)| {
        start.extend(client.bytes(STATUS_BYTES.saturating_sub(start.len())));
        start[..STATUS_BYTES]
            .ends_with(b"200")
            .then_some((client, start))
    };
    let reader = slow.into_iter().zip(bytes_each).find_map(served);
    let (mut reader, start) = reader.expect("900 of them");
    let head = String::from_utf8(start).expect("ASCII") + &reader.head();
    let length = format!("Content-Length: {ANSWER_BYTES}\r\n");
    assert!(head.contains(&length), "{head}");
    assert_eq!(reader.bytes(ANSWER_BYTES).len(), ANSWER_BYTES);
}

/// Reads one byte of each every [`PAUSE`] until it is over; gives what each has got, less than a head.
fn drip(slow: &mut [Raw], is_over: &Over) -> Vec<Vec<u8>> {
    const PAUSE: Duration = Duration::from_millis(50);
    /// The shortest answer has more bytes.
    const BYTES_MAX: usize = 60;
    let mut got = vec![Vec::new(); slow.len()];
    for _ in 0..BYTES_MAX {
        for (client, got) in slow.iter_mut().zip(&mut got) {
            got.extend(client.bytes(1));
        }
        if is_over.is_said() {
            break;
        }
        thread::park_timeout(PAUSE);
    }
    got
}
