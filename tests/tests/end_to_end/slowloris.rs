//! Many clients that begin something and never end it, at each stage, while others chat.
//!
//! `DETENT_LONG=1` makes it 2,000 of them at each stage, and 200 who chat.

use std::thread;
use std::time::{Duration, Instant};

use tests::{Client, DEADLINE, Raw, Server, Setup, TEXT, frame, wait_until};

/// No message of an honest client may take longer, however loaded the machine is: who began has ten times as long.
const LATENCY_MAX: Duration = DEADLINE;
/// What each honest client says in one go.
const MESSAGES: usize = 20;

fn sizes() -> (usize, usize) {
    if std::env::var_os("DETENT_LONG").is_some() {
        (2_000, 200)
    } else {
        (400, 50)
    }
}

/// Lets clients of the message board speak at once, each waiting until it hears itself, and asserts
/// that each hears all the others too, once and in order. Gives how long each message took, sorted.
fn chat(server: &Server, clients: usize) -> Vec<Duration> {
    let speakers: Vec<Client> = (0..clients)
        .map(|_| Client::connect(server, "/chat"))
        .collect();
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> = speakers
            .into_iter()
            .enumerate()
            .map(|(speaker, client)| scope.spawn(move || speak(client, speaker, clients)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("none is lost"))
            .collect()
    });
    times.sort();
    times
}

fn speak(mut client: Client, speaker: usize, clients: usize) -> Vec<Duration> {
    let mut heard = vec![0; clients];
    let mut hear = |client: &mut Client| {
        let line = client.text();
        let (_, text) = line.split_once(": ").expect("Client ID: text");
        let (of, number) = text.split_once(' ').expect("speaker and number");
        let of: usize = of.parse().expect("a number");
        assert_eq!(number, heard[of].to_string(), "the next of speaker {of}");
        heard[of] += 1;
        of
    };
    let mut left = clients * MESSAGES;
    let mut times = Vec::new();
    for number in 0..MESSAGES {
        let start = Instant::now();
        client.send(&format!("{speaker} {number}"));
        loop {
            left -= 1;
            if hear(&mut client) == speaker {
                break;
            }
        }
        times.push(start.elapsed());
    }
    for _ in 0..left {
        hear(&mut client);
    }
    client.close(1000, "");
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
    // Every line of the plugins is there: the harness counts an `on_close` for each `on_open` by them.
    let text = format!(
        "log.client_rate = 0\nlimits.handshakes = {}\nlimits.handshake_timeout = \"5min\"\n",
        slow + honest
    );
    let setup = Setup::new().plugins(&["echo", "chat"]).configuration(&text);
    let server = setup.start();
    let open_files = server.open_files();
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
        let is_empty = || server.open_files() == open_files;
        wait_until("those before have left", is_empty);
        let held: Vec<Raw> = (0..slow).map(|_| begin(&server, stage)).collect();
        server.wait_until_it_has_read(&held);
        let loaded = chat(&server, honest);
        println!("{slow} at the {stage}: {:?}", show(&loaded));
        let still_held = server.open_files() - open_files;
        assert!(still_held >= slow, "{stage}: only {still_held} are held");
        let longest = *loaded.last().expect("they chat");
        assert!(longest < LATENCY_MAX, "{stage}: {longest:?}");
    }
}
