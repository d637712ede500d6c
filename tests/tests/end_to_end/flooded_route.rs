//! A route that is flooded: its clients leave it for another one at once, on a server without a free place; and its
//! plugin is replaced again and again.
//!
//! Cause: a client's place was free before the hub had taken its end, and one flooded route held up all
//! others. `DETENT_LONG=1` makes it 100,032 changes, which takes some minutes, and 100 swaps.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::thread;

use tests::{Admin, CLOSE, Raw, Server, Setup, TEXT, frame, handshake, library, wait_until};

const CROWD: usize = 20;
/// They share the places that the crowd leaves, one too few for them and who listens, and so have each as soon as
/// it is free. Many, since each waits for the flood that stands before its end.
const MOVERS: usize = 64;

const ROUTES: &str = "
limits.connections = 84
# Who reads late, as on a busy machine, is to stay all the same.
client.backlog = \"64MiB\"
[[route]]
path = \"/flooded\"
plugin = \"probe\"
[[route]]
path = \"/quiet\"
plugin = \"probe\"
";

fn times(short: usize, long: usize) -> usize {
    match std::env::var_os("DETENT_LONG") {
        Some(_) => long,
        None => short,
    }
}

/// Ends the connections of a crowd when it is dropped: where the test fails too, which else waited for the crowd's threads, and
/// with them for a flood that nobody ends.
struct Ending<'a>(&'a [Raw]);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        for raw in self.0 {
            raw.0.shutdown(Shutdown::Both).ok();
        }
    }
}

/// Reads and forgets until the connection ends.
fn forget(raw: &Raw) {
    std::io::copy(&mut &raw.0, &mut std::io::sink()).ok();
}

/// Comes to `path` as soon as there is a place.
fn come(server: &Server, path: &str) -> Raw {
    loop {
        let mut raw = Raw::connect(server);
        raw.write(handshake(path, &[]));
        let head = raw.head();
        if head.starts_with("HTTP/1.1 101 ") {
            return raw;
        }
        // Turned away for the next one that comes, where too many have not said yet what they want.
        let is_full = head.starts_with("HTTP/1.1 503 ") || head.starts_with("HTTP/1.1 408 ");
        assert!(is_full, "{head}");
    }
}

/// The next text that is no farewell of somebody else.
fn word(raw: &mut Raw) -> String {
    loop {
        let (opcode, payload) = raw.frame();
        assert_eq!(opcode, TEXT);
        let text = String::from_utf8(payload).expect("text");
        if !text.ends_with(" has left") {
            return text;
        }
    }
}

/// Goes to and fro: from the flood, in the middle of which it is, to the quiet route, where it hears itself and
/// the other movers and nothing else.
fn move_about(server: &Server, mover: usize, changes: usize) {
    for change in 0..changes {
        let mut flooded = come(server, "/flooded");
        if change % 2 == 0 {
            flooded.write(frame(CLOSE, &1000_u16.to_be_bytes()));
        }
        flooded.reset();
        let mut quiet = come(server, "/quiet");
        let own = format!("word {mover}-{change}");
        quiet.write(frame(
            TEXT,
            format!("all join t; broadcast {own}").as_bytes(),
        ));
        loop {
            let text = word(&mut quiet);
            if text == own {
                break;
            }
            assert!(text.starts_with("word "), "{text} is of another route");
        }
        quiet.reset();
    }
}

/// Hears `count` words, each once, and nothing of another route.
fn hear_all(raw: &mut Raw, count: usize) {
    let mut heard = HashSet::new();
    while heard.len() < count {
        let text = word(raw);
        assert!(text.starts_with("word "), "{text} is of another route");
        assert!(heard.insert(text.clone()), "{text} comes twice");
    }
}

#[test]
fn who_leaves_it_for_another_at_once_hears_that_one_alone_and_leaves_no_ghost() {
    let changes = times(6, 1_563);
    let server = Setup::new()
        .plugins(&["probe"])
        .configuration(ROUTES)
        .arguments(&["--log-level", "error"])
        .start();
    let mut listener = Raw::upgrade(&server, "/quiet");
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| Raw::upgrade(&server, "/flooded"))
        .collect();
    let flood = frame(TEXT, b"flood 1000000000 10000");
    (&crowd[0].0).write_all(&flood).expect("it stands");
    thread::scope(|scope| {
        let _ending = Ending(&crowd);
        for raw in &crowd {
            scope.spawn(|| forget(raw));
        }
        let hearing = scope.spawn(|| hear_all(&mut listener, MOVERS * changes));
        let movers = (0..MOVERS).map(|mover| {
            let server = &server;
            scope.spawn(move || move_about(server, mover, changes))
        });
        for mover in movers.collect::<Vec<_>>() {
            mover.join().expect("it hears what it should");
        }
        hearing.join().expect("it hears everyone");
        for (path, others) in [("/quiet", 1), ("/flooded", CROWD)] {
            let mut last = come(&server, path);
            let clients = (others + 1).to_string();
            wait_until("nobody else is left", || {
                ask(&mut last, "clients") == clients && ask(&mut last, "members t") == "0"
            });
        }
    });
    server.kill();
}

/// What the probe answers, past the flood and what it says of those who have left.
fn ask(client: &mut Raw, question: &str) -> String {
    client.write(frame(TEXT, question.as_bytes()));
    loop {
        let text = word(client);
        if text.len() < 10 {
            return text;
        }
    }
}

/// Clients that speak as fast as they are let wait in the callback while the route's queue is full; a swap
/// waits for each callback.
///
/// Cause: a client that speaks without a pause had its seat again before the swap that waited for it had woken up, and the
/// swap was put off after two seconds, on a busy machine one time in a hundred. Each callback says one thing, since one that
/// says twenty has to wait for the hub twenty times.
#[test]
fn it_is_swapped_although_its_clients_wait_in_their_callbacks() {
    let setup = Setup::new().plugins(&["probe"]);
    let settings = "limits.route_queue = \"64KiB\"\n\
                    # As above.\n\
                    client.backlog = \"64MiB\"\n";
    let (server, admin) = Admin::start_with(setup.arguments(&["--log-level", "info"]), settings);
    let waited = || {
        let labels = "{route=\"/probe\",plugin=\"probe\"}";
        let waited = admin.metric(&format!("detent_queue_waited_total{labels}"));
        waited.expect("it is told of each route")
    };
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| Raw::upgrade(&server, "/probe"))
        .collect();
    thread::scope(|scope| {
        let _ending = Ending(&crowd);
        for raw in &crowd {
            scope.spawn(|| forget(raw));
        }
        for raw in &crowd[..4] {
            scope.spawn(|| {
                // Two of these are more than the queue takes.
                let word = format!("broadcast {}", "x".repeat(60_000));
                let said = frame(TEXT, word.as_bytes());
                while (&raw.0).write_all(&said).is_ok() {}
            });
        }
        let mut bytes = fs::read(library("probe")).expect("it is built");
        let mut before = 0.0;
        for _ in 0..times(10, 100) {
            wait_until("they wait for room", || waited() > before);
            // The same code with a note behind it.
            bytes.push(b'\n');
            server.put_plugin("libprobe.so", &bytes);
            let line = server.reload();
            assert!(line.contains("code of route /probe"), "{line}");
            before = waited();
        }
    });
    server.kill();
}
