//! Connections as fast as they come, all of them at once; then all go, and it comes again.

use std::time::Instant;

use super::{Ability, Load, Stage};
use crate::metric::{AGAIN_MS, CONNECT_US, FAULTS, FIRST_MS, Metric, Sample, sample};
use crate::swarm::{Connecting, Swarm, targets};

const CLIENTS: usize = 5_000;

/// The load.
pub(super) struct Storm;

impl Load for Storm {
    fn name(&self) -> &'static str {
        "storm"
    }

    fn title(&self) -> &'static str {
        "storm: ms to connect 5,000 at once, again"
    }

    fn ability(&self) -> Ability {
        Ability::Echo
    }

    fn clients(&self) -> usize {
        CLIENTS
    }

    fn main(&self) -> Metric {
        AGAIN_MS
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        // As many as every server's listen queue takes; the rest follows as soon as one is admitted.
        let connecting = Connecting {
            at_once: 1_000,
            ..Connecting::default()
        };
        let targets = targets("/echo", CLIENTS);
        let cpu = stage.process.cpu()?;
        let mut swarm = Swarm::new(stage.process.address())?;
        let start = Instant::now();
        swarm.connect(&targets, connecting)?;
        let first = start.elapsed();
        swarm.disconnect();
        let start = Instant::now();
        swarm.connect(&targets, connecting)?;
        let again = start.elapsed();
        let cpu = stage.process.cpu()? - cpu;
        Ok(sample([
            (FIRST_MS, first.as_secs_f64() * 1e3),
            (AGAIN_MS, again.as_secs_f64() * 1e3),
            (CONNECT_US, cpu.as_secs_f64() * 1e6 / (2 * CLIENTS) as f64),
            (FAULTS, swarm.ended() as f64),
        ]))
    }
}
