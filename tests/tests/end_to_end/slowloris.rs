//! Many clients that begin something and never end it, at each stage, while others chat.
//!
//! `DETENT_LONG=1` makes it 2,000 of them at each stage, and 200 who chat.

use std::thread;
use std::time::{Duration, Instant};

use tests::{Client, Raw, Server, Setup, TEXT, frame};

/// No message of an honest client may take longer, however loaded the machine is.
const LATENCY_MAX: Duration = Duration::from_secs(5);
const MESSAGES: usize = 20;

fn sizes() -> (usize, usize) {
    if std::env::var_os("DETENT_LONG").is_some() {
        (2_000, 200)
    } else {
        (300, 40)
    }
}

/// Latencies of clients that each say something again and again and wait until they hear it.
fn chat(server: &Server, clients: usize) -> Vec<Duration> {
    let speakers: Vec<Client> = (0..clients)
        .map(|_| Client::connect(server, "/echo"))
        .collect();
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> = speakers
            .into_iter()
            .map(|mut client| {
                scope.spawn(move || {
                    let one = |number: usize| {
                        let start = Instant::now();
                        client.send(&number.to_string());
                        assert_eq!(client.text(), number.to_string());
                        start.elapsed()
                    };
                    (0..MESSAGES).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("none is lost"))
            .collect()
    });
    times.sort();
    times
}

/// Begins what a client of this stage never ends.
fn begin(server: &Server, stage: &str) -> Raw {
    let mut client = match stage {
        "request head" | "request body" => Raw::connect(server),
        _ => Raw::upgrade(server, "/echo"),
    };
    match stage {
        "request head" => client.write("GET /echo HTTP/1.1\r\nHost: h\r\nX-Slow: "),
        "request body" => {
            client.write("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
        }
        "frame header" => client.write([0x81]),
        "payload" => {
            let whole = frame(TEXT, &[b'x'; 60]);
            client.write(&whole[..20]);
        }
        // A Close frame that is begun and not ended.
        _ => client.write([0x88, 0x82, 0]),
    }
    client
}

#[test]
#[allow(clippy::print_stdout)] // a measurement, for who runs it with --nocapture
fn those_who_never_end_what_they_begin_disturb_nobody() {
    tests::need_open_files(2 * sizes().0 as u64);
    let (slow, honest) = sizes();
    let text = format!(
        "limits.handshakes = {}\nlimits.handshake_timeout = \"5min\"\n",
        slow + honest
    );
    let setup = Setup::new().plugins(&["echo"]).configuration(&text);
    let server = setup.start();
    let quiet = chat(&server, honest);
    let show = |times: &[Duration]| (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("quiet: median and 99th percentile {:?}", show(&quiet));
    for stage in [
        "request head",
        "request body",
        "frame header",
        "payload",
        "close",
    ] {
        let held: Vec<Raw> = (0..slow).map(|_| begin(&server, stage)).collect();
        server.wait_until_it_has_read(&held);
        let loaded = chat(&server, honest);
        println!("{slow} at the {stage}: {:?}", show(&loaded));
        let longest = *loaded.last().expect("they chat");
        assert!(longest < LATENCY_MAX, "{stage}: {longest:?}");
    }
}
