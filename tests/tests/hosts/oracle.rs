//! Three hosts, a Redis with a replica, speakers on all of them and listeners that move, while hosts are killed and started and
//! Redis stands still, is killed, is started anew and fails over: everybody hears one and the same order, each message once, and
//! is told where something is missing. The stream itself says what that order is.
//!
//! 20 seconds of it, 12 listeners and 6 speakers by default; `DETENT_HOSTS_SECONDS`, `DETENT_HOSTS_LISTENERS` and
//! `DETENT_HOSTS_SPEAKERS` say otherwise (scripts/hosts).
// What it has met is told to who runs it for an hour.
#![allow(clippy::print_stdout)]

mod history;
mod listener;
mod speaker;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::{DEADLINE, Passage, Redis, Server, Setup, becomes_true, wait_until};

use history::Stream;
use listener::Listener;
use speaker::Speaker;

const HOSTS: usize = 3;
/// Unless the environment says otherwise.
const SPEAKERS: u64 = 6;
const LISTENERS: u64 = 12;
/// What is said last of all.
const LAST: &str = "that is all";

const SETTINGS: &[&str] = &[
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--repl-diskless-sync-delay",
    "0",
];

/// The Redis of now, and the one that follows it.
struct Pair {
    master: Redis,
    replica: Redis,
    passage: Passage,
}

impl Pair {
    fn start() -> Pair {
        let (master, replica) = (Redis::on_free_port(SETTINGS), Redis::on_free_port(SETTINGS));
        replica.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port()));
        wait_until("the replica follows", || {
            replica
                .ask("INFO replication")
                .contains("master_link_status:up")
        });
        let passage = Passage::to(master.port());
        Pair {
            master,
            replica,
            passage,
        }
    }

    /// The master dies, the replica takes its place, and the old one follows it when it is back.
    fn fail_over(&mut self) {
        self.master.kill();
        self.replica.ask("REPLICAOF NO ONE");
        self.passage.lead_to(Some(self.replica.port()));
        std::mem::swap(&mut self.master, &mut self.replica);
        self.replica.start_again();
        let port = self.master.port();
        self.replica.ask(&format!("REPLICAOF 127.0.0.1 {port}"));
        follows(&self.replica);
    }

    fn restart(&mut self) {
        self.master.kill();
        self.master.start_again();
        follows(&self.replica);
    }
}

/// Waits until a replica has what its master has; what is said after that may still be lost with the master.
#[track_caller]
fn follows(replica: &Redis) {
    wait_until("the replica follows", || {
        replica
            .ask("INFO replication")
            .contains("master_link_status:up")
    });
}

fn host(port: u16) -> Server {
    let settings = format!(
        "[redis]\nurl = \"redis://127.0.0.1:{port}\"\nmessages = 1000000\n\
         [[route]]\npath = \"/push\"\nplugin = \"push\"\nshared = true\n\
         [route.options]\npublish_per_second = 1000000\n\
         [route.journal]\nmessages = 1000000\nbytes = \"1 GiB\"\n"
    );
    let setup = Setup::new().plugins(&["push"]).configuration(&settings);
    setup.start()
}

/// What goes wrong next, one after the other.
fn fault(number: usize, hosts: &mut [Server], pair: &mut Pair, pause: Duration) {
    match number % 5 {
        0 | 2 => {
            let host = &mut hosts[number % HOSTS];
            host.signal(Signal::KILL);
            host.wait();
            host.start_again();
        }
        1 => {
            pair.master.freeze();
            thread::park_timeout(pause);
            pair.master.thaw();
        }
        3 => pair.restart(),
        _ => pair.fail_over(),
    }
}

/// A number of the environment, or else another.
fn given(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |given| given.parse().expect("a number"))
}

#[test]
fn everybody_hears_one_order_and_each_message_once_whatever_fails() {
    let seconds = given("DETENT_HOSTS_SECONDS", 20);
    let listeners_wanted = given("DETENT_HOSTS_LISTENERS", LISTENERS) as usize;
    let speakers_wanted = given("DETENT_HOSTS_SPEAKERS", SPEAKERS);
    let mut pair = Pair::start();
    let mut hosts: Vec<_> = (0..HOSTS).map(|_| host(pair.passage.port())).collect();
    let addresses: Vec<SocketAddr> = hosts.iter().map(Server::address).collect();
    let (is_over, is_silent) = (AtomicBool::new(false), AtomicBool::new(false));
    let (speakers, listeners, stream, faults) = thread::scope(|scope| {
        let _ends = EndsOf(&[&is_over, &is_silent]);
        let (addresses, is_over, is_silent) = (&addresses, &is_over, &is_silent);
        let listeners: Vec<_> = (0..listeners_wanted)
            .map(|number| scope.spawn(move || Listener::new(number, addresses).run(is_over, LAST)))
            .collect();
        let speakers: Vec<_> = (0..speakers_wanted as usize)
            .map(|number| scope.spawn(move || Speaker::new(number, addresses).run(is_silent)))
            .collect();
        let end = Instant::now() + Duration::from_secs(seconds);
        // On a machine that is busy each takes its time, and every kind is to be met.
        let mut faults = 0;
        while Instant::now() < end || faults < 5 {
            thread::park_timeout(Duration::from_millis(1500));
            fault(faults, &mut hosts, &mut pair, Duration::from_millis(1500));
            faults += 1;
        }
        is_silent.store(true, Ordering::Release);
        let speakers: Vec<_> = speakers
            .into_iter()
            .map(|speaker| speaker.join().expect("it has not panicked"))
            .collect();
        // What is under way comes before the last word, which everybody waits for.
        speaker::say_until_taken(addresses, LAST, Instant::now() + 3 * DEADLINE);
        becomes_true(3 * DEADLINE, || {
            listeners.iter().all(ScopedJoinHandle::is_finished)
        });
        is_over.store(true, Ordering::Release);
        let listeners: Vec<_> = listeners
            .into_iter()
            .map(|listener| listener.join().expect("it has not panicked"))
            .collect();
        let stream = Stream::read(&pair.master, "detent:/push");
        (speakers, listeners, stream, faults)
    });
    let heard: usize = listeners.iter().map(Listener::heard).sum();
    let gaps: usize = listeners.iter().map(Listener::gaps).sum();
    let confirmed: usize = speakers.iter().map(|speaker| speaker.confirmed.len()).sum();
    println!(
        "{faults} faults: {confirmed} messages were confirmed, {} are in the stream, {heard} were heard, {gaps} gaps were told",
        stream.len()
    );
    assert!(confirmed > 0 && heard > confirmed, "nobody could speak");
    if std::env::var_os("DETENT_HOSTS_LOG").is_some() {
        for host in &hosts {
            println!("{}", host.log());
        }
    }
    for listener in &listeners {
        listener.check(&stream, LAST);
    }
    for speaker in &speakers {
        speaker.check(&stream, &listeners);
    }
}

/// Whatever panics, the others are not to go on for ever.
struct EndsOf<'a>(&'a [&'a AtomicBool]);

impl Drop for EndsOf<'_> {
    fn drop(&mut self) {
        for one in self.0 {
            one.store(true, Ordering::Release);
        }
    }
}
