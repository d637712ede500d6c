//! Three hosts, a Redis with a replica, speakers on all hosts and listeners that move, while hosts are killed and started, Redis
//! stands still, is killed, is started anew and fails over, and the network between them is far, narrow, silent, and cuts and
//! forgets connections: everybody hears one and the same order, each message once, and is told where something is missing.
//! The stream itself says what that order is.
//!
//! And the same where those on a host hear each other while Redis is away: there nothing is lost by what fails, and what is
//! looked at is that nobody hears anything twice on a connection or misses anything, and that all is in the stream in the
//! end, in the order of each speaker.
//!
//! 20 seconds of each, 12 listeners and 6 speakers by default; `DETENT_HOSTS_SECONDS`, `DETENT_HOSTS_LISTENERS` and
//! `DETENT_HOSTS_SPEAKERS` say otherwise (scripts/hosts).
// What it has met is told to who runs it for an hour.
#![allow(clippy::print_stdout)]

mod history;
mod listener;
mod speaker;
mod world;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use tests::{DEADLINE, Server, becomes_true};

use history::Stream;
use listener::Listener;
use speaker::Speaker;
use world::{FAULTS, Pair, WEATHERS};

/// Unless the environment says otherwise.
const SPEAKERS: u64 = 6;
const LISTENERS: u64 = 12;
/// What is said last of all.
const LAST: &str = "that is all";
/// Between two of what fails at the ends, and how long each lasts.
const PAUSE: Duration = Duration::from_millis(1500);

/// A number of the environment, or else another.
fn given(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |given| given.parse().expect("a number"))
}

/// What there was to hear, and who has heard what.
struct Heard {
    speakers: Vec<Speaker>,
    listeners: Vec<Listener>,
    stream: Stream,
}

/// Speaks and listens while `fault` makes one thing after the other fail, so many at least.
fn run(
    pair: &mut Pair,
    hosts: &mut [Server],
    faults_least: usize,
    fault: impl Fn(usize, &mut Pair, &mut [Server]),
) -> Heard {
    let seconds = given("DETENT_HOSTS_SECONDS", 20);
    let listeners_wanted = given("DETENT_HOSTS_LISTENERS", LISTENERS) as usize;
    let speakers_wanted = given("DETENT_HOSTS_SPEAKERS", SPEAKERS) as usize;
    let addresses: Vec<SocketAddr> = hosts.iter().map(Server::address).collect();
    let [is_over, is_silent, is_calm] = [(); 3].map(|()| AtomicBool::new(false));
    let ways = pair.ways();
    let heard = thread::scope(|scope| {
        let _ends = EndsOf(&[&is_over, &is_silent, &is_calm]);
        let (addresses, is_over, is_silent, is_calm) = (&addresses, &is_over, &is_silent, &is_calm);
        let listeners: Vec<_> = (0..listeners_wanted)
            .map(|number| scope.spawn(move || Listener::new(number, addresses).run(is_over, LAST)))
            .collect();
        let speakers: Vec<_> = (0..speakers_wanted)
            .map(|number| scope.spawn(move || Speaker::new(number, addresses).run(is_silent)))
            .collect();
        let weather = scope.spawn(move || world::spoil(&ways, is_calm));
        let end = Instant::now() + Duration::from_secs(seconds);
        // On a machine that is busy each takes its time, and every kind is to be met.
        let mut faults = 0;
        while Instant::now() < end || faults < faults_least {
            thread::park_timeout(PAUSE);
            fault(faults, pair, hosts);
            faults += 1;
        }
        is_calm.store(true, Ordering::Release);
        let weathers = weather.join().expect("it has not panicked");
        assert!(weathers >= WEATHERS && faults >= faults_least);
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
        println!("{faults} faults of the ends, {weathers} of the network");
        Heard {
            speakers,
            listeners,
            stream: Stream::read(&pair.master, "detent:/push"),
        }
    });
    heard.report();
    if std::env::var_os("DETENT_HOSTS_LOG").is_some() {
        for host in hosts {
            println!("{}", host.log());
        }
    }
    heard
}

impl Heard {
    fn report(&self) {
        let heard: usize = self.listeners.iter().map(Listener::heard).sum();
        let gaps: usize = self.listeners.iter().map(Listener::gaps).sum();
        let confirmed = self.speakers.iter().map(|speaker| speaker.confirmed.len());
        let confirmed: usize = confirmed.sum();
        println!(
            "{confirmed} messages were confirmed, {} are in the stream, {heard} were heard, {gaps} gaps were told",
            self.stream.len()
        );
        assert!(confirmed > 0 && heard > confirmed, "nobody could speak");
    }
}

#[test]
fn everybody_hears_one_order_and_each_message_once_whatever_fails() {
    let mut pair = Pair::start("everysec");
    let mut hosts = pair.hosts("");
    let heard = run(&mut pair, &mut hosts, FAULTS, |number, pair, hosts| {
        pair.fault(number, hosts, PAUSE);
    });
    for listener in &heard.listeners {
        listener.check(&heard.stream, LAST);
    }
    for speaker in &heard.speakers {
        speaker.check(&heard.stream, &heard.listeners);
    }
}

#[test]
fn nothing_is_lost_or_heard_twice_where_hosts_go_on_alone() {
    let mut pair = Pair::start("always");
    let mut hosts = pair.hosts("when_away = \"local\"\n");
    let heard = run(&mut pair, &mut hosts, 3, |number, pair, _| {
        pair.fault_that_loses_nothing(number, PAUSE);
    });
    for host in &hosts {
        assert!(
            host.count_log(&["what is said is heard here"]) > 0,
            "it was never alone: {}",
            host.log()
        );
    }
    for speaker in &heard.speakers {
        speaker.check_alone(&heard.stream);
    }
    for listener in &heard.listeners {
        listener.check_alone(&heard.stream, LAST);
    }
    let begin = heard.listeners.iter().find_map(Listener::begin);
    let begin = begin.expect("somebody has listened from the beginning on");
    for host in &hosts {
        let mut late = Listener::since(host.address(), begin);
        late.hear_all(LAST);
        late.check(&heard.stream, LAST);
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
