//! A room beside thousands of clients of another route that ask and do not read: their answers are small, and
//! wait for sockets that are full. What the room notices, against the same clients while they read.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bench::wire::{self, PING, TEXT};
use socket2::Socket;

use super::crowd::connect_with;
use super::newcomers::REQUEST;
use super::window::{add_faults, timed};
use super::{Ability, Load, Stage};
use crate::metric::{Metric, P50_US, P99_US, QUIET_P99_US, SLOWDOWN, SLOWDOWN_P99, Sample};
use crate::script::{Room, Shape, play, rest, settle};
use crate::swarm::{Connecting, Swarm, targets};

/// Clients beside the room.
const ASKING: usize = 3_000;
const SHAPE: Shape = Shape {
    rooms: 1,
    members: 100,
    speakers: 1,
    deaf: 0,
    bytes: super::room::BYTES,
};
/// Broadcasts in the room in a second.
const PER_SECOND: f64 = 100.0;
/// Far less than the kernel's choice, so that the sockets of those who do not read are full within the fill.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024;
/// Pings and messages of one client at once while sockets are to be filled, and then.
const FILLING: usize = 200;
const ASKED: usize = 1;
/// Between one client's and the next one's.
const PAUSE: Duration = Duration::from_micros(500);
/// Each has asked twice in it.
const FILL: Duration = Duration::from_secs(4);
const WINDOW_SECONDS: f64 = 4.0;

/// The load.
pub(super) struct Deaf;

impl Load for Deaf {
    fn name(&self) -> &'static str {
        "deaf"
    }

    fn title(&self) -> &'static str {
        "room of 100 beside 3,000 that ask and do not read: p99 against all reading"
    }

    fn ability(&self) -> Ability {
        Ability::Chat
    }

    fn clients(&self) -> usize {
        ASKING + SHAPE.members
    }

    fn main(&self) -> Metric {
        SLOWDOWN_P99
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut swarm = Swarm::new(stage.process.address())?;
        swarm.connect(&targets("/chat", SHAPE.members), Connecting::default())?;
        settle(&mut swarm, SHAPE)?;
        let askers = Askers::start(stage.process.address())?;
        let mut script = Room::paced(SHAPE, PER_SECOND);
        let stage = Stage {
            calls_folder: None,
            seconds: WINDOW_SECONDS,
            warm_up_seconds: 1.0,
            ..*stage
        };
        let quiet = timed(&stage, &mut swarm, &mut script, true)?;
        askers.stop_reading();
        play(&mut swarm, &mut script, Instant::now() + FILL)?;
        askers.ask_little();
        let mut sample = timed(&stage, &mut swarm, &mut script, false)?;
        rest(&mut swarm, &mut script)?;
        add_faults(&mut sample, &swarm, &mut script);
        for (key, metric) in [(SLOWDOWN, P50_US), (SLOWDOWN_P99, P99_US)] {
            let ratio = sample[metric.key] / quiet[metric.key];
            sample.insert(key.key.to_owned(), ratio);
        }
        sample.insert(QUIET_P99_US.key.to_owned(), quiet[P99_US.key]);
        Ok(sample)
    }
}

/// Clients that ask, one after the other, on a thread of their own until they are dropped.
struct Askers {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    is_over: AtomicBool,
    is_reading: AtomicBool,
    /// How many pings and messages each sends at once.
    asked: AtomicUsize,
}

impl Askers {
    /// Connects all of them.
    fn start(server: SocketAddr) -> Result<Askers, String> {
        let sockets: Result<Vec<Socket>, _> = (0..ASKING).map(|_| enter(server)).collect();
        let sockets = sockets.map_err(|error| format!("a client beside the room: {error}"))?;
        let state = Arc::new(State {
            is_over: AtomicBool::new(false),
            is_reading: AtomicBool::new(true),
            asked: AtomicUsize::new(ASKED),
        });
        let thread = thread::Builder::new().name("askers".to_owned()).spawn({
            let state = state.clone();
            move || state.run(sockets)
        });
        Ok(Askers {
            state,
            thread: Some(thread.map_err(|error| error.to_string())?),
        })
    }

    /// Nobody reads any more, and all ask for more than their sockets hold.
    fn stop_reading(&self) {
        self.state.asked.store(FILLING, Ordering::Relaxed);
        self.state.is_reading.store(false, Ordering::Relaxed);
    }

    /// As little as while they read.
    fn ask_little(&self) {
        self.state.asked.store(ASKED, Ordering::Relaxed);
    }
}

impl Drop for Askers {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed.
            thread.join().ok();
        }
    }
}

impl State {
    fn run(&self, mut sockets: Vec<Socket>) {
        let mut question = Vec::new();
        wire::append_masked(&mut question, PING, &[b'?'; 125]);
        wire::append_masked(&mut question, TEXT, b"a word");
        let questions = question.repeat(FILLING + 1);
        let mut dropped = vec![0; 64 * 1024];
        // How far each is within a question: a full socket takes what it has room for.
        let mut said = vec![0; sockets.len()];
        for place in (0..sockets.len()).cycle() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let (socket, start) = (&mut sockets[place], said[place]);
            let bytes = question.len() * self.asked.load(Ordering::Relaxed);
            // Who does not read may be full, or closed for it.
            let count = socket.write(&questions[start..start + bytes]).unwrap_or(0);
            said[place] = (start + count) % question.len();
            if self.is_reading.load(Ordering::Relaxed) {
                // As much as there is.
                let _heard = socket.read(&mut dropped).unwrap_or(0);
            }
            thread::park_timeout(PAUSE);
        }
    }
}

fn enter(server: SocketAddr) -> std::io::Result<Socket> {
    let mut socket = connect_with(
        server,
        Ipv4Addr::new(127, 0, 7, 1),
        Some(RECEIVE_BUFFER_BYTES),
    )?;
    socket.write_all(REQUEST)?;
    let mut head = Vec::new();
    let mut byte = [0; 256];
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut byte)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&byte[..count]),
        }
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
