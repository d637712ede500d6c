//! Connections that come and go, again and again: memory does not grow with them.
//!
//! `DETENT_SOAK_CONNECTIONS=200000` makes it long; `scripts/soak` does that.

use std::thread;

use tests::{Client, Setup, wait_until};

const THREADS: usize = 4;
/// Memory is looked at so many times.
const SAMPLES: usize = 20;
/// What the last quarter may have more than the second one, at most: an allocator's pages. The least of each is compared,
/// since on a busy machine a look falls now and then on threads that have just ended.
const GROWTH_KIB_MAX: u64 = 2048;

fn connections() -> usize {
    let given = std::env::var("DETENT_SOAK_CONNECTIONS");
    given
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5_000)
}

#[test]
#[allow(clippy::print_stdout)] // the curve, for who runs it with --nocapture
fn memory_stays_flat_while_clients_come_and_go() {
    let setup = Setup::new()
        .plugins(&["chat", "echo"])
        .arguments(&["--log-level", "warn"]);
    let server = setup.start();
    let each = connections() / SAMPLES / THREADS;
    let mut curve = Vec::new();
    for _ in 0..SAMPLES {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for number in 0..each {
                        let path = if number % 2 == 0 { "/chat" } else { "/echo" };
                        let mut client = Client::connect(&server, path);
                        client.send("here");
                        client.receive();
                        if number % 3 == 0 {
                            client.reset();
                        } else {
                            client.close(1000, "");
                        }
                    }
                });
            }
        });
        wait_until("all have left", || {
            !server
                .thread_names()
                .iter()
                .any(|name| name.starts_with("client-"))
        });
        curve.push(server.resident_kib());
    }
    println!(
        "{} connections, resident KiB: {curve:?}",
        each * SAMPLES * THREADS
    );
    let quarter = |number: usize| {
        curve[number * SAMPLES / 4..(number + 1) * SAMPLES / 4]
            .iter()
            .min()
    };
    let (second, last) = (quarter(1).expect("samples"), quarter(3).expect("samples"));
    assert!(last.saturating_sub(*second) <= GROWTH_KIB_MAX, "{curve:?}");
}
