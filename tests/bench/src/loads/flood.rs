//! One who speaks as fast as it is let, to a room that reads it all: on a thread of its own, beside what is
//! measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::speech::Speech;
use crate::swarm::{Connecting, Outgoing, Swarm, Traffic, targets};

/// Bytes that the speaker is ahead of the member that has heard least: twice what a server's queue takes, and less
/// than what sockets and a backlog hold, since nobody is to be too slow.
const AHEAD_BYTES: u64 = 2 << 20;

/// How large the room is, and what is said in it.
#[derive(Clone, Copy)]
pub(super) struct Torrent {
    pub(super) members: usize,
    pub(super) bytes: usize,
}

/// A flood that runs until it is dropped.
pub(super) struct Flood {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    /// Messages that members have heard.
    heard: AtomicU64,
    ended: AtomicU64,
}

impl Flood {
    /// Connects a room to `path` and begins to speak; it runs when this returns.
    ///
    /// # Errors
    /// The room cannot be connected, or hears nothing.
    pub(super) fn start(
        address: SocketAddr,
        path: &str,
        torrent: Torrent,
    ) -> Result<Flood, String> {
        let mut swarm = Swarm::new(address)?;
        swarm.connect(&targets(path, torrent.members), Connecting::default())?;
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let thread = thread::spawn(move || run(&mut swarm, torrent, &of_thread));
        let flood = Flood {
            shared,
            thread: Some(thread),
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while flood.heard() < 10 * torrent.members as u64 {
            if Instant::now() >= deadline {
                return Err("the flood is not heard".to_owned());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(flood)
    }

    /// Messages that its members have heard so far.
    pub(super) fn heard(&self) -> u64 {
        self.shared.heard.load(Ordering::Relaxed)
    }

    /// Members whose connection has ended.
    pub(super) fn ended(&self) -> u64 {
        self.shared.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What the first member has said, and what each has heard.
struct Ears {
    said: u64,
    heard: Vec<u64>,
}

impl Ears {
    /// What the member has heard that has heard least.
    fn least(&self) -> u64 {
        self.heard.iter().copied().min().unwrap_or_default()
    }
}

impl Traffic for Ears {
    fn message(&mut self, client: usize, _: &[u8], _: Instant, _: &mut Outgoing) {
        self.heard[client] += 1;
    }
}

fn run(swarm: &mut Swarm, torrent: Torrent, shared: &Shared) {
    let speech = Speech::new(torrent.bytes);
    let ahead = (AHEAD_BYTES / torrent.bytes as u64).max(1);
    let mut ears = Ears {
        said: 0,
        heard: vec![0; torrent.members],
    };
    while !shared.is_over.load(Ordering::Relaxed) {
        let most = ears.least() + ahead;
        swarm.say(|outgoing| {
            while ears.said < most {
                speech.append(outgoing.of(0), 0, ears.said as u32);
                ears.said += 1;
            }
        });
        let wake = Instant::now() + Duration::from_millis(10);
        if swarm.poll(wake, &mut ears).is_err() {
            return;
        }
        let heard = ears.heard.iter().sum();
        shared.heard.store(heard, Ordering::Relaxed);
        shared.ended.store(swarm.ended() as u64, Ordering::Relaxed);
    }
}
