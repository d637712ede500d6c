//! What compression costs and saves: JSON lines of a KiB to a room and back to their sender, plain and compressed, and what
//! an idle client holds that has agreed to it.

use super::window::measure;
use super::{Ability, Load, Stage, idle};
use crate::metric::{CPU_US, Metric, RESIDENT_KIB, Sample, WIRE_BYTES};
use crate::script::{Echo, Room, Shape, settle};
use crate::speech::Speech;
use crate::swarm::{Connecting, Swarm, targets};

const MEMBERS: usize = 1000;
const TALKERS: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum What {
    Room,
    Echo,
    Idle,
}

struct Lines {
    what: What,
    compresses: bool,
}

/// Each thing plain and compressed.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    let mut loads: Vec<Box<dyn Load>> = Vec::new();
    for what in [What::Room, What::Echo] {
        for compresses in [false, true] {
            loads.push(Box::new(Lines { what, compresses }));
        }
    }
    let compresses = true;
    loads.push(Box::new(Lines {
        what: What::Idle,
        compresses,
    }));
    loads
}

impl Load for Lines {
    fn name(&self) -> &'static str {
        match (self.what, self.compresses) {
            (What::Room, false) => "lines-room",
            (What::Room, true) => "lines-room-compressed",
            (What::Echo, false) => "lines-echo",
            (What::Echo, true) => "lines-echo-compressed",
            (What::Idle, _) => "idle-compressed",
        }
    }

    fn title(&self) -> &'static str {
        match (self.what, self.compresses) {
            (What::Room, false) => "1 KiB of JSON to 1,000, plain",
            (What::Room, true) => "1 KiB of JSON to 1,000, compressed",
            (What::Echo, false) => "echo of 1 KiB of JSON, 100 busy clients, plain",
            (What::Echo, true) => "echo of 1 KiB of JSON, 100 busy clients, compressed",
            (What::Idle, _) => "resident KiB for an idle client that compresses",
        }
    }

    fn ability(&self) -> Ability {
        match (self.what, self.compresses) {
            (_, true) => Ability::Compress,
            (What::Room, false) => Ability::Chat,
            _ => Ability::Echo,
        }
    }

    fn clients(&self) -> usize {
        match self.what {
            What::Room => MEMBERS,
            What::Echo => TALKERS,
            What::Idle => idle::CLIENTS,
        }
    }

    fn main(&self) -> Metric {
        match self.what {
            What::Idle => RESIDENT_KIB,
            _ => CPU_US,
        }
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let connecting = Connecting {
            compresses: self.compresses,
            ..Connecting::default()
        };
        if self.what == What::Idle {
            return idle::run(stage, connecting, Speech::new(64).compressed());
        }
        let speech = match self.compresses {
            true => Speech::of_lines().compressed(),
            false => Speech::of_lines(),
        };
        let mut swarm = Swarm::new(stage.process.address())?;
        let mut sample = if self.what == What::Echo {
            swarm.connect(&targets("/echo", TALKERS), connecting)?;
            let mut script = Echo::closed(0..TALKERS, 64, 1).saying(speech);
            measure(stage, &mut swarm, &mut script)?
        } else {
            swarm.connect(&targets("/chat", MEMBERS), connecting)?;
            let shape = Shape {
                rooms: 1,
                members: MEMBERS,
                speakers: 1,
                deaf: 0,
                bytes: super::room::BYTES,
            };
            settle(&mut swarm, shape)?;
            let mut script = Room::closed(shape).saying(speech);
            measure(stage, &mut swarm, &mut script)?
        };
        sample.insert(WIRE_BYTES.key.to_owned(), swarm.bytes_per_message());
        Ok(sample)
    }
}
