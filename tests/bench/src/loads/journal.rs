//! What a journal costs the room that has one: in memory for each message heard, in a file for the hub's rounds.

use std::time::Duration;

use super::window::measure;
use super::{Ability, Load, Stage};
use crate::metric::{
    CPU_US, FAULTS, Metric, OTHER_CPU_US, OVER, ROUND_OVER, ROUND_P99_US, ROUND_US, STORED, Sample,
};
use crate::process::Process;
use crate::scrape::Scrape;
use crate::script::{Room, Shape, settle};
use crate::swarm::{Connecting, Swarm, targets};

const ROOM: Shape = Shape {
    rooms: 1,
    members: 100,
    speakers: 1,
    deaf: 0,
    bytes: super::room::BYTES,
};
/// Messages that a file is given in a second, and the rooms in which they are said.
const FILED_PER_SECOND: f64 = 20_000.0;
const FILED: Shape = Shape {
    rooms: 20,
    members: 5,
    speakers: 1,
    deaf: 0,
    bytes: super::room::BYTES,
};
/// Long enough for what a file has to let go.
const FILED_SECONDS: f64 = 4.0;
/// Time for the file to take what was said last.
const STORED_WITHIN: Duration = Duration::from_secs(10);

/// The rows.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    vec![Box::new(InMemory), Box::new(InFile)]
}

struct InMemory;

impl Load for InMemory {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn title(&self) -> &'static str {
        "room of 100 kept in memory, CPU against one that is not"
    }

    fn ability(&self) -> Ability {
        Ability::Journals
    }

    fn clients(&self) -> usize {
        ROOM.members
    }

    fn main(&self) -> Metric {
        OVER
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        // In turns, since the processor's speed drifts.
        let mut cost = [0.0; 2];
        let mut faults = 0.0;
        let mut sample = Sample::new();
        for turn in 0..4 {
            let is_kept = turn % 2 == 1;
            let target = match is_kept {
                true => "/past?room=0&kept",
                false => "/past?room=1",
            };
            let mut swarm = Swarm::new(stage.process.address())?;
            swarm.connect(&targets(target, ROOM.members), Connecting::default())?;
            settle(&mut swarm, ROOM)?;
            sample = measure(stage, &mut swarm, &mut Room::closed(ROOM))?;
            cost[usize::from(is_kept)] += sample[CPU_US.key] / 2.0;
            faults += sample[FAULTS.key];
        }
        let [plain, kept] = cost;
        for (metric, value) in [
            (OVER, kept / plain),
            (CPU_US, kept),
            (OTHER_CPU_US, plain),
            (FAULTS, faults),
        ] {
            sample.insert(metric.key.to_owned(), value);
        }
        Ok(sample)
    }
}

/// 20,000 messages a second into a file, against the same in memory.
struct InFile;

impl Load for InFile {
    fn name(&self) -> &'static str {
        "journal-file"
    }

    fn title(&self) -> &'static str {
        "20,000 messages/s into a file: the hub's round against memory"
    }

    fn ability(&self) -> Ability {
        Ability::Journals
    }

    fn clients(&self) -> usize {
        FILED.rooms * FILED.members
    }

    fn main(&self) -> Metric {
        ROUND_OVER
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let (process, metrics) = (stage.filing)()?;
        let stage = Stage {
            process: &process,
            seconds: FILED_SECONDS,
            calls_folder: None,
            ..*stage
        };
        let look = || Scrape::take(&metrics);
        let (in_memory, before, after) = in_rooms(&stage, "/past", &look)?;
        let memory = after.rounds_since(&before, "/past");
        let (mut sample, before, _) = in_rooms(&stage, "/filed", &look)?;
        let after = wait_for_store(&process, &look, &before)?;
        let file = after.rounds_since(&before, "/filed");
        let stored = after.stored - before.stored;
        let lost = after.lost - before.lost;
        let faults = sample[FAULTS.key] + in_memory[FAULTS.key] + lost;
        for (metric, value) in [
            (ROUND_OVER, file.mean_us / memory.mean_us),
            (ROUND_US, file.mean_us),
            (ROUND_P99_US, file.p99_us),
            (OVER, sample[CPU_US.key] / in_memory[CPU_US.key]),
            (OTHER_CPU_US, in_memory[CPU_US.key]),
            (STORED, stored / (stage.seconds + stage.warm_up_seconds)),
            (FAULTS, faults),
        ] {
            sample.insert(metric.key.to_owned(), value);
        }
        Ok(sample)
    }
}

type Look<'a> = &'a dyn Fn() -> Result<Scrape, String>;

/// The same rooms, kept by one route or another; what the server counted before and after.
fn in_rooms(stage: &Stage, path: &str, look: Look) -> Result<(Sample, Scrape, Scrape), String> {
    let clients = 0..FILED.rooms * FILED.members;
    let targets: Vec<_> = clients
        .map(|client| format!("{path}?room={}&kept", client / FILED.members))
        .collect();
    let mut swarm = Swarm::new(stage.process.address())?;
    swarm.connect(&targets, Connecting::default())?;
    settle(&mut swarm, FILED)?;
    let before = look()?;
    let mut script = Room::paced(FILED, FILED_PER_SECOND);
    let sample = measure(stage, &mut swarm, &mut script)?;
    Ok((sample, before, look()?))
}

/// Waits until the file has, or has not got, everything that was kept.
fn wait_for_store(process: &Process, look: Look, before: &Scrape) -> Result<Scrape, String> {
    let deadline = std::time::Instant::now() + STORED_WITHIN;
    let mut last = look()?;
    while std::time::Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(100));
        let now = look()?;
        if now.stored == last.stored && now.stored > before.stored {
            return Ok(now);
        }
        last = now;
        process.cpu()?;
    }
    Ok(last)
}
