//! What fails: a Redis and its replica, the hosts, and the network between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tests::{Passage, Quality, Redis, Server, Setup, Way, wait_until};

pub(super) const HOSTS: usize = 3;

/// Kinds of what fails at the ends, and on the way between them.
pub(super) const FAULTS: usize = 5;
pub(super) const WEATHERS: usize = 9;

const SETTINGS: &[&str] = &["--appendonly", "yes", "--repl-diskless-sync-delay", "0"];

/// The Redis of now, and the one that follows it; and each host's way to it.
pub(super) struct Pair {
    pub(super) master: Redis,
    replica: Redis,
    ways: Arc<[Passage]>,
}

impl Pair {
    /// Starts both; `fsync` says when the master has something on its disk.
    pub(super) fn start(fsync: &str) -> Pair {
        let settings = [SETTINGS, &["--appendfsync", fsync]].concat();
        let [master, replica] = [(); 2].map(|()| Redis::on_free_port(&settings));
        replica.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port()));
        follows(&replica);
        let ways = (0..HOSTS).map(|_| Passage::to(master.port())).collect();
        Pair {
            master,
            replica,
            ways,
        }
    }

    pub(super) fn ways(&self) -> Arc<[Passage]> {
        self.ways.clone()
    }

    /// A host on each way to it; `more` stands in the table of Redis.
    pub(super) fn hosts(&self, more: &str) -> Vec<Server> {
        let ports = self.ways.iter().map(Passage::port);
        ports.map(|port| host(port, more)).collect()
    }

    /// The master dies, the replica takes its place, and the old one follows it when it is back.
    fn fail_over(&mut self) {
        self.master.kill();
        self.replica.ask("REPLICAOF NO ONE");
        for passage in &*self.ways {
            passage.lead_to(Some(self.replica.port()));
        }
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

    fn stand_still(&self, pause: Duration) {
        self.master.freeze();
        thread::park_timeout(pause);
        self.master.thaw();
    }

    /// What fails at an end next, one after the other.
    pub(super) fn fault(&mut self, number: usize, hosts: &mut [Server], pause: Duration) {
        match number % FAULTS {
            0 | 2 => {
                let host = &mut hosts[number % HOSTS];
                host.signal(Signal::KILL);
                host.wait();
                host.start_again();
            }
            1 => self.stand_still(pause),
            3 => self.restart(),
            _ => self.fail_over(),
        }
    }

    /// The same where nothing may be lost.
    pub(super) fn fault_that_loses_nothing(&mut self, number: usize, pause: Duration) {
        match number % 3 {
            0 => self.stand_still(pause),
            1 => self.restart(),
            _ => {
                let passage = &self.ways[number % HOSTS];
                passage.lead_to(None);
                thread::park_timeout(pause);
                passage.lead_to(Some(self.master.port()));
            }
        }
    }
}

/// Spoils one way after the other until it `is_over`, and each kind was had; says how many times.
pub(super) fn spoil(ways: &[Passage], is_over: &AtomicBool) -> usize {
    let mut number = 0;
    while !is_over.load(Ordering::Acquire) || number < WEATHERS {
        // Each kind on each way in the end.
        let way = (number + number / WEATHERS) % ways.len();
        weather(number, &ways[way]);
        thread::park_timeout(Duration::from_millis(200));
        number += 1;
    }
    number
}

/// What is wrong with the way between a host and Redis for a while.
fn weather(number: usize, passage: &Passage) {
    let (short, long) = (Duration::from_millis(300), Duration::from_millis(1300));
    let quality = match number % WEATHERS {
        0 => Quality {
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(40),
            ..Quality::default()
        },
        1 => Quality {
            piece: 1,
            ..Quality::default()
        },
        2 => Quality {
            bytes_per_second: 32 * 1024,
            ..Quality::default()
        },
        _ => Quality::default(),
    };
    let mut time = short;
    match number % WEATHERS {
        0..=2 => {
            passage.set_quality(Way::There, quality);
            passage.set_quality(Way::Back, quality);
            time = long;
        }
        3 => passage.hold(Way::Back),
        4 => {
            passage.hold(Way::There);
            passage.hold(Way::Back);
            time = long;
        }
        5 => {
            passage.hold_standing(Way::There);
            time = long;
        }
        6 => passage.cut_amid(Way::There, 200),
        7 => passage.cut_amid(Way::Back, 200),
        _ => passage.abandon(),
    }
    thread::park_timeout(time);
    passage.set_quality(Way::There, Quality::default());
    passage.set_quality(Way::Back, Quality::default());
    passage.release();
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

fn host(port: u16, more: &str) -> Server {
    let settings = format!(
        "[redis]\nurl = \"redis://127.0.0.1:{port}\"\nmessages = 1000000\n{more}\
         [[route]]\npath = \"/push\"\nplugin = \"push\"\nshared = true\n\
         [route.options]\npublish_per_second = 1000000\n\
         [route.journal]\nmessages = 1000000\nbytes = \"1 GiB\"\n"
    );
    let setup = Setup::new().plugins(&["push"]).configuration(&settings);
    setup.start()
}
