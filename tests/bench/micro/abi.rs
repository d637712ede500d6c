//! Through the plugin ABI and back: one message into the echo plugin's real library, and its answer
//! into the outbox.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use server::http::HttpLimits;
use server::http::peer::Remote;
use server::http::request::Request;
use server::hub::Hub;
use server::ids::RouteId;
use server::outbox::drain::Drain;
use server::outbox::set_own_outbox;
use server::plugin::{Demands, Libraries, Place, Route, Services};
use server::roster::Roster;

use crate::guest::Guest;

/// Messages between two flushes; their answers fit into the outbox.
const MESSAGES: u64 = 64;

pub(crate) fn bench(criterion: &mut Criterion) {
    let drain = Drain::start().expect("a thread");
    let hub = Hub::start(|_| {}).expect("a thread");
    let services = Services {
        folders: Arc::default(),
        roster: Arc::new(Roster::new(2)),
        hub: hub.handle(),
    };
    let (client, _) = services.roster.claim().expect("there is room");
    let mut libraries = Libraries::default();
    let demands = Demands {
        strict_modes: false,
        loads_max: 1,
        loads_limit: "one".to_owned(),
    };
    let folder = library().with_file_name("bench-plugins");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    std::fs::copy(library(), folder.join("libecho.so")).expect("it was built");
    let found = libraries
        .scan(&folder, &demands)
        .expect("the folder is there");
    let library = found.libraries["echo"].clone();
    let route = Route::create(library, RouteId(0), "/echo", "{}", services.clone())
        .expect("echo has no options");
    route.start();
    let mut guest = Guest::new(client, &drain);
    set_own_outbox(client, RouteId(0), guest.outbox.clone());
    let head = b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";
    let peer = Remote::Tcp("127.0.0.1:1".parse().expect("an address"));
    let request = Request::parse(head, peer, HttpLimits::default()).expect("it is valid");
    let mut place =
        Place::open(route, client, &guest.outbox, Box::new(request)).expect("echo opens");
    let text = "x".repeat(64);
    criterion.bench_function("abi/echo a text of 64 bytes", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut time = Duration::ZERO;
            let batches = iterations.div_ceil(MESSAGES);
            for _ in 0..batches {
                let start = Instant::now();
                for _ in 0..MESSAGES {
                    place
                        .call(|plugin, session| plugin.on_text(client, session, &text))
                        .expect("it has a session")
                        .expect("echo answers");
                }
                time += start.elapsed();
                guest.outbox.flush();
                guest.drop_what_came();
            }
            time.mul_f64(iterations as f64 / (batches * MESSAGES) as f64)
        });
    });
    guest.outbox.abort();
    hub.end();
    drain.end();
}

/// Echo as it is shipped, built now.
fn library() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let program = std::env::current_exe().expect("a program knows its own path");
    let target = program
        .ancestors()
        .nth(3)
        .expect("it lies in TARGET/PROFILE/deps");
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--package", "echo"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "echo does not build");
    target.join("release/libecho.so")
}
