//! 1,000 event streams that come back at once, each having missed 100 messages.

use std::time::{Duration, Instant};

use super::{Ability, Load, Stage};
use crate::metric::{CPU_US, FAULTS, Metric, PER_SECOND, REJOIN_MS, Sample, sample};
use crate::script::{Pace, Publishers, Script, Voice, settle_listeners};
use crate::speech::Speech;
use crate::swarm::{Connecting, Outgoing, Protocol, Swarm, Traffic, targets};

const CLIENTS: usize = 1000;
const MISSED: u32 = 100;
const BYTES: usize = super::room::BYTES;
const TARGET: &str = "/push/rejoin";
/// Time for all of it.
const WITHIN: Duration = Duration::from_secs(60);

/// The load.
pub(super) struct Rejoin;

impl Load for Rejoin {
    fn name(&self) -> &'static str {
        "rejoin"
    }

    fn title(&self) -> &'static str {
        "1,000 event streams come back, 100 missed each"
    }

    fn ability(&self) -> Ability {
        Ability::Push
    }

    fn clients(&self) -> usize {
        CLIENTS
    }

    fn main(&self) -> Metric {
        REJOIN_MS
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let id = miss(stage)?;
        let mut swarm = Swarm::new(stage.process.address())?;
        let mut ears = Ears {
            speech: Speech::new(BYTES),
            expected: vec![0; CLIENTS],
            heard: 0,
            wrong: 0,
        };
        let connecting = Connecting {
            protocol: Protocol::EventStream,
            last_event_id: Some(&id),
            ..Connecting::default()
        };
        let cpu = stage.process.cpu()?;
        let start = Instant::now();
        swarm.connect_hearing(&targets(TARGET, CLIENTS), connecting, &mut ears)?;
        let wanted = CLIENTS * MISSED as usize;
        while ears.heard < wanted && start.elapsed() < WITHIN {
            swarm.poll(start + WITHIN, &mut ears)?;
        }
        let took = start.elapsed().as_secs_f64();
        let cpu = stage.process.cpu()? - cpu;
        let faults = wanted - ears.heard + ears.wrong + swarm.ended();
        Ok(sample([
            (REJOIN_MS, took * 1e3),
            (CPU_US, cpu.as_secs_f64() * 1e6 / wanted as f64),
            (PER_SECOND, wanted as f64 / took),
            (FAULTS, faults as f64),
        ]))
    }
}

/// One listens, is told a position, and goes; then all is said that is missed.
fn miss(stage: &Stage) -> Result<String, String> {
    let mut swarm = Swarm::new(stage.process.address())?;
    for protocol in [Protocol::EventStream, Protocol::Requests] {
        let connecting = Connecting {
            protocol,
            ..Connecting::default()
        };
        swarm.connect(&targets(TARGET, 1), connecting)?;
    }
    settle_listeners(&mut swarm, 1, TARGET)?;
    let mut last = Position::default();
    // The listener hears one word more, whose position is what the others come back with.
    let publisher = || {
        let mut script = Publishers::new((Voice::Requests, Pace::Heard), TARGET, (1, 1), BYTES);
        script.stop();
        script
    };
    say_one(&mut swarm, &mut publisher(), &mut last)?;
    let id = String::from_utf8(last.0.clone()).map_err(|error| error.to_string())?;
    let mut script = publisher();
    for _ in 0..MISSED {
        say_one(&mut swarm, &mut script, &mut last)?;
    }
    Ok(id)
}

/// Publishes one message, and waits until it is heard.
fn say_one(swarm: &mut Swarm, script: &mut Publishers, last: &mut Position) -> Result<(), String> {
    swarm.say(|outgoing| script.begin(outgoing));
    let deadline = Instant::now() + WITHIN;
    while script.missing() > 0 {
        swarm.poll(deadline, &mut Both(script, last))?;
        if Instant::now() >= deadline {
            return Err("what was published is not heard".to_owned());
        }
    }
    Ok(())
}

#[derive(Default)]
struct Position(Vec<u8>);

/// A script, and the last position that was told meanwhile.
struct Both<'a>(&'a mut Publishers, &'a mut Position);

impl Traffic for Both<'_> {
    fn message(&mut self, client: usize, payload: &[u8], now: Instant, outgoing: &mut Outgoing) {
        self.0.message(client, payload, now, outgoing);
    }

    fn position(&mut self, _client: usize, id: &[u8]) {
        self.1.0 = id.to_owned();
    }
}

struct Ears {
    speech: Speech,
    /// By client: the number that is due.
    expected: Vec<u32>,
    heard: usize,
    wrong: usize,
}

impl Traffic for Ears {
    fn message(&mut self, client: usize, payload: &[u8], _: Instant, _: &mut Outgoing) {
        let expected = &mut self.expected[client];
        if self.speech.read(payload) == Some((0, *expected)) {
            *expected += 1;
            self.heard += 1;
        } else {
            self.wrong += 1;
        }
    }
}
