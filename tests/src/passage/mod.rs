//! A way between two programs that the test can lead elsewhere, cut, slow down and spoil: what an address does that is moved to
//! another machine, and what a network does that is far away, narrow, or bad.
//!
//! Two threads carry each way of a connection (`carry`); they end with it, or with the test's process.

mod carry;

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From who connects.
    There,
    /// To who connects.
    Back,
}

/// Both.
const WAYS: [Way; 2] = [Way::There, Way::Back];

/// How bytes go one way; by default at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    /// Everything comes so much later.
    pub delay: Duration,
    /// And by up to so much more, by chance; nothing overtakes anything.
    pub jitter: Duration,
    /// Bytes a second of all connections together; 0 is no bound.
    pub bytes_per_second: usize,
    /// Bytes that come at once, at most; 0 is no bound.
    pub piece: usize,
}

/// Passes connections on to where it is told. Dropping it cuts them.
pub struct Passage {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled with each change.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    to: Option<u16>,
    quality: [Quality; 2],
    /// Until then a narrow way is full.
    full_until: [Option<Instant>; 2],
    /// Nothing comes this way, on whatever connection.
    is_held: [bool; 2],
    /// What comes this way next and has so many bytes at least is passed on in half.
    cut_amid: [Option<usize>; 2],
    cuts: usize,
    open: Vec<Arc<Line>>,
    /// Connections that both ends believe to stand.
    abandoned: Vec<Arc<Line>>,
}

/// One connection. Its flags change under the lock of the state.
struct Line {
    ends: [TcpStream; 2],
    is_held: [AtomicBool; 2],
    /// Nothing is passed on any more.
    is_dead: AtomicBool,
    /// Ways that have ended.
    ended: AtomicUsize,
}

impl Passage {
    /// One that leads to a port of the loopback address.
    #[track_caller]
    pub fn to(port: u16) -> Passage {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                to: Some(port),
                ..State::default()
            }),
            changed: Condvar::new(),
        });
        let passed = shared.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                pass_on(&passed, client);
            }
        });
        Passage { address, shared }
    }

    /// Where it begins.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Leads elsewhere, or nowhere, from now on; what stands is cut.
    pub fn lead_to(&self, port: Option<u16>) {
        self.change(|state| {
            state.to = port;
            state.cut_all();
        });
    }

    /// What is passed on comes so much later from now on, both ways.
    pub fn delay(&self, delay: Duration) {
        let quality = Quality {
            delay,
            ..Quality::default()
        };
        WAYS.iter().for_each(|&way| self.set_quality(way, quality));
    }

    /// Bytes go like this from now on, those that are on their way too as far as that can be.
    pub fn set_quality(&self, way: Way, quality: Quality) {
        self.change(|state| state.quality[way as usize] = quality);
    }

    /// From now on nothing comes this way, and nobody is told; what is sent comes with [`release`](Passage::release).
    pub fn hold(&self, way: Way) {
        self.change(|state| state.is_held[way as usize] = true);
    }

    /// The same of the connections that stand; others are passed on.
    pub fn hold_standing(&self, way: Way) {
        self.change(|state| {
            for line in &state.open {
                line.is_held[way as usize].store(true, Relaxed);
            }
        });
    }

    /// What was held comes now, and nothing is held any more.
    pub fn release(&self) {
        self.change(|state| {
            state.is_held = [false; 2];
            for line in &state.open {
                line.is_held
                    .iter()
                    .for_each(|held| held.store(false, Relaxed));
            }
        });
    }

    /// Ends all connections, with what is on its way.
    pub fn cut(&self) {
        self.change(State::cut_all);
    }

    /// Of what comes this way next and has at least so many bytes the first half is passed on, and the connection is cut.
    pub fn cut_amid(&self, way: Way, bytes: usize) {
        self.change(|state| state.cut_amid[way as usize] = Some(bytes.max(2)));
    }

    /// How often that has happened.
    pub fn cuts(&self) -> usize {
        self.shared.lock().cuts
    }

    /// Nothing comes any more on the connections that stand, either way, and nobody is told, not even by an end: as where a
    /// machine between the two has forgotten them. Others are passed on.
    pub fn abandon(&self) {
        self.change(|state| {
            let open = std::mem::take(&mut state.open);
            open.iter()
                .for_each(|line| line.is_dead.store(true, Relaxed));
            state.abandoned.extend(open);
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.shared.lock());
        self.shared.changed.notify_all();
        changed
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.change(|state| {
            state.to = None;
            state.open.append(&mut state.abandoned);
            state.cut_all();
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl State {
    fn cut_all(&mut self) {
        self.open.drain(..).for_each(|line| line.cut());
    }
}

impl Line {
    fn cut(&self) {
        self.is_dead.store(true, Relaxed);
        for end in &self.ends {
            end.shutdown(Shutdown::Both).ok();
        }
    }
}

fn pass_on(shared: &Arc<Shared>, client: TcpStream) {
    // Under the lock: who has accepted it knows that it stands.
    let mut state = shared.lock();
    let Some(server) = state
        .to
        .and_then(|port| TcpStream::connect(("127.0.0.1", port)).ok())
    else {
        return;
    };
    for end in [&client, &server] {
        end.set_nodelay(true).ok();
    }
    let line = Arc::new(Line {
        ends: [client, server],
        is_held: Default::default(),
        is_dead: AtomicBool::new(false),
        ended: AtomicUsize::new(0),
    });
    state.open.retain(|line| !line.is_dead.load(Relaxed));
    state.open.push(line.clone());
    drop(state);
    for way in WAYS {
        carry::begin(shared, &line, way);
    }
}

#[cfg(test)]
mod tests;
