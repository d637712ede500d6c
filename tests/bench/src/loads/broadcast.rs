//! Very many clients who hear something once a second.

use super::window::measure;
use super::{Ability, Load, Stage};
use crate::metric::{CPU_US, Metric, Sample};
use crate::script::{Room, Shape, settle};
use crate::swarm::{Connecting, Swarm, targets};

/// The most that machines with default limits can hold.
const CLIENTS: usize = 15_000;
/// Broadcasts that the window holds.
const SECONDS: f64 = 5.0;

/// The load.
pub(super) struct Broadcast;

impl Load for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    fn title(&self) -> &'static str {
        "15,000 clients, one broadcast a second"
    }

    fn ability(&self) -> Ability {
        Ability::Chat
    }

    fn clients(&self) -> usize {
        CLIENTS
    }

    fn main(&self) -> Metric {
        CPU_US
    }

    fn rounds_max(&self) -> usize {
        2
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut swarm = Swarm::new(stage.process.address())?;
        swarm.connect(&targets("/chat", CLIENTS), Connecting::default())?;
        let shape = Shape {
            rooms: 1,
            members: CLIENTS,
            speakers: 1,
            deaf: 0,
            bytes: super::room::BYTES,
        };
        settle(&mut swarm, shape)?;
        let stage = Stage {
            seconds: SECONDS,
            warm_up_seconds: 0.5,
            ..*stage
        };
        measure(&stage, &mut swarm, &mut Room::paced(shape, 1.0))
    }
}
