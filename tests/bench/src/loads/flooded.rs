//! A flooded room, and what everyone else notices: on another route, in another topic of the same route, and when
//! the server stops; on another route against the same flood in a second server process.

use std::time::{Duration, Instant};

use super::flood::{Flood, Torrent};
use super::window::{add_faults, timed};
use super::{Ability, Load, Stage};
use crate::metric::{
    APART_P50_US, APART_P99_US, BESIDE, BESIDE_P99, FAULTS, FLOOD_PER_SECOND, Metric, P50_US,
    P99_US, STOP_MS, Sample, TOPIC_P99_MS,
};
use crate::process::Process;
use crate::script::{Room, Shape, rest, settle};
use crate::swarm::{Connecting, Silence, Swarm, targets};

/// Who talk elsewhere, at a rate at which a quiet server is bored.
const TALK: Shape = Shape {
    rooms: 1,
    members: 2,
    speakers: 1,
    deaf: 0,
    bytes: 64,
};
const PER_SECOND: f64 = 200.0;
const WINDOW_SECONDS: f64 = 4.0;
/// Clients who are elsewhere when the server stops, and for how long they are waited for.
const ELSEWHERE: usize = 100;
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

struct Flooded {
    name: &'static str,
    title: &'static str,
    torrent: Torrent,
}

/// A room of 100 with small and with large messages, and a large one.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    let flooded = |name, title, members, bytes| -> Box<dyn Load> {
        Box::new(Flooded {
            name,
            title,
            torrent: Torrent { members, bytes },
        })
    };
    vec![
        flooded(
            "flooded-1k",
            "beside a flood of 1 KB to 100: p50 against it apart",
            100,
            1_000,
        ),
        flooded(
            "flooded-60k",
            "beside a flood of 60 KB to 100: p50 against it apart",
            100,
            60_000,
        ),
        flooded(
            "flooded-1000",
            "beside a flood of 64 B to 1,000: p50 against it apart",
            1_000,
            64,
        ),
    ]
}

impl Load for Flooded {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn ability(&self) -> Ability {
        Ability::Rooms
    }

    fn clients(&self) -> usize {
        self.torrent.members + ELSEWHERE + 2 * TALK.members
    }

    fn main(&self) -> Metric {
        BESIDE
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut sample = self.beside(stage)?;
        let apart = (stage.another)()?;
        let flood = Flood::start(apart.address(), "/chat", self.torrent)?;
        let quiet = (stage.another)()?;
        let control = talk(stage, &quiet, "/rooms?room=talk")?;
        drop(flood);
        for (of, apart, ratio) in [
            (P50_US, APART_P50_US, BESIDE),
            (P99_US, APART_P99_US, BESIDE_P99),
        ] {
            sample.insert(ratio.key.to_owned(), sample[of.key] / control[of.key]);
            sample.insert(apart.key.to_owned(), control[of.key]);
        }
        Ok(sample)
    }
}

impl Flooded {
    /// Everything that runs beside the flood in one process, the end of which is the last.
    fn beside(&self, stage: &Stage) -> Result<Sample, String> {
        let address = stage.process.address();
        let flood = Flood::start(address, "/chat", self.torrent)?;
        let (start, before) = (Instant::now(), flood.heard());
        let mut sample = talk(stage, stage.process, "/rooms?room=talk")?;
        let per_second = (flood.heard() - before) as f64 / start.elapsed().as_secs_f64();
        sample.insert(FLOOD_PER_SECOND.key.to_owned(), per_second);
        let mut faults = sample[FAULTS.key] + flood.ended() as f64;
        drop(flood);

        let flood = Flood::start(address, "/rooms?room=flood", self.torrent)?;
        let topic = talk(stage, stage.process, "/rooms?room=talk")?;
        sample.insert(TOPIC_P99_MS.key.to_owned(), topic[P99_US.key] / 1e3);
        faults += topic[FAULTS.key] + flood.ended() as f64;
        let stop_ms = closed_within(stage.process)?;
        sample.insert(STOP_MS.key.to_owned(), stop_ms);
        sample.insert(FAULTS.key.to_owned(), faults);
        Ok(sample)
    }
}

/// Two clients of a room, one of whom speaks.
fn talk(stage: &Stage, process: &Process, path: &str) -> Result<Sample, String> {
    let mut swarm = Swarm::new(process.address())?;
    swarm.connect(&targets(path, TALK.members), Connecting::default())?;
    settle(&mut swarm, TALK)?;
    let stage = Stage {
        process,
        calls_folder: None,
        seconds: WINDOW_SECONDS,
        ..*stage
    };
    let mut script = Room::paced(TALK, PER_SECOND);
    let mut sample = timed(&stage, &mut swarm, &mut script, true)?;
    rest(&mut swarm, &mut script)?;
    add_faults(&mut sample, &swarm, &mut script);
    Ok(sample)
}

/// Milliseconds until everyone who is on another route is closed when the server stops.
fn closed_within(process: &Process) -> Result<f64, String> {
    let mut swarm = Swarm::new(process.address())?;
    swarm.connect(&targets("/echo", ELSEWHERE), Connecting::default())?;
    let start = Instant::now();
    process.ask_to_stop();
    while swarm.ended() < ELSEWHERE {
        if start.elapsed() > STOP_TIMEOUT {
            return Err(format!("{} of {ELSEWHERE} are closed", swarm.ended()));
        }
        swarm.poll(start + STOP_TIMEOUT, &mut Silence)?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
