//! What it costs to let a client in, by how clients come: one after the other to a fresh server, the same to one
//! that has had as many before, and all at once.

use std::thread;
use std::time::{Duration, Instant};

use super::{Ability, Load, Stage};
use crate::metric::{CONNECT_US, FAULTS, Metric, PAGE_FAULTS, Sample, sample};
use crate::process::Process;
use crate::script::{Echo, Script, rest};
use crate::swarm::{Connecting, Swarm, targets};

const CLIENTS: usize = 5_000;
/// As many as every server's listen queue takes.
const AT_ONCE: usize = 1_000;
/// A server without work for so long has done all that a client's coming or going asks for.
const QUIET: Duration = Duration::from_millis(300);
const QUIET_WITHIN: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq)]
enum How {
    /// One after the other, the first the server has seen.
    Cold,
    /// One after the other, when as many have been there and gone.
    Reused,
    /// At once, when as many have been there and gone.
    Storm,
}

pub(super) fn all() -> Vec<Box<dyn Load>> {
    let load = |how| -> Box<dyn Load> { Box::new(Connect { how }) };
    [How::Cold, How::Reused, How::Storm].map(load).into()
}

struct Connect {
    how: How,
}

impl Load for Connect {
    fn name(&self) -> &'static str {
        match self.how {
            How::Cold => "connect-cold",
            How::Reused => "connect-reused",
            How::Storm => "connect-storm",
        }
    }

    fn title(&self) -> &'static str {
        match self.how {
            How::Cold => "CPU µs to connect one of 5,000, one by one to a fresh server",
            How::Reused => "CPU µs to connect one of 5,000, one by one when 5,000 have gone",
            How::Storm => "CPU µs to connect one of 5,000, 1,000 at once when 5,000 have gone",
        }
    }

    fn ability(&self) -> Ability {
        Ability::Echo
    }

    fn clients(&self) -> usize {
        CLIENTS
    }

    fn main(&self) -> Metric {
        CONNECT_US
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let one_by_one = Connecting {
            at_once: 1,
            ..Connecting::default()
        };
        let storm = Connecting {
            at_once: AT_ONCE,
            ..Connecting::default()
        };
        let targets = targets("/echo", CLIENTS);
        let mut swarm = Swarm::new(stage.process.address())?;
        let connecting = if self.how == How::Storm {
            storm
        } else {
            one_by_one
        };
        if self.how != How::Cold {
            swarm.connect(&targets, connecting)?;
            swarm.disconnect();
        }
        let before = quiet_cpu(stage.process)?;
        let pages = stage.process.page_faults()?;
        swarm.connect(&targets, connecting)?;
        let cpu = quiet_cpu(stage.process)? - before;
        let pages = stage.process.page_faults()? - pages;
        // Each of them is really served.
        let mut script = Echo::closed(0..swarm.len(), 64, 1);
        swarm.say(|outgoing| script.begin(outgoing));
        rest(&mut swarm, &mut script)?;
        let missing = script.missing();
        let faults = script.tally().faults(missing) + swarm.ended() as f64;
        let clients = CLIENTS as f64;
        Ok(sample([
            (CONNECT_US, cpu.as_secs_f64() * 1e6 / clients),
            (PAGE_FAULTS, pages / clients),
            (FAULTS, faults),
        ]))
    }
}

/// The server's processor time once it does nothing any more.
pub(super) fn quiet_cpu(process: &Process) -> Result<Duration, String> {
    let deadline = Instant::now() + QUIET_WITHIN;
    let mut before = process.cpu()?;
    loop {
        thread::sleep(QUIET);
        let now = process.cpu()?;
        // What a server does at rest: a garbage collector, a look at a clock.
        if now - before < QUIET / 100 || Instant::now() >= deadline {
            return Ok(now);
        }
        before = now;
    }
}
