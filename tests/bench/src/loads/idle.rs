//! Clients that have said one thing and then nothing: what they cost to connect, and to keep.

use std::time::{Duration, Instant};

use super::window::add_faults;
use super::{Ability, Load, Stage};
use crate::metric::{
    CONNECT_US, CPU_PERCENT, KERNEL_KIB, Metric, PINGS, RESIDENT_KIB, Sample, sample,
};
use crate::script::{Echo, Script, rest};
use crate::speech::Speech;
use crate::swarm::{Connecting, Silence, Swarm, targets};

/// Enough that what a server allocates in steps does not show.
pub(super) const CLIENTS: usize = 2_000;
/// The most that machines with default limits can hold.
const CLIENTS_PINGED: usize = 15_000;
/// Before memory is measured.
const SILENCE: Duration = Duration::from_secs(3);
/// The server's default `--ping-interval`.
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Long enough for one ping to each client, the kernel's timers being up to an eighth late, and too
/// short for two.
const WATCHED: Duration = Duration::from_secs(30);

pub(super) fn all() -> Vec<Box<dyn Load>> {
    vec![
        Box::new(Idle { main: RESIDENT_KIB }),
        Box::new(Idle { main: CONNECT_US }),
        Box::new(Pinged),
    ]
}

/// One load under two names, so that each of the two has its row.
struct Idle {
    main: Metric,
}

impl Load for Idle {
    fn name(&self) -> &'static str {
        match self.main {
            RESIDENT_KIB => "idle",
            _ => "connect",
        }
    }

    fn title(&self) -> &'static str {
        match self.main {
            RESIDENT_KIB => "resident KiB for an idle client",
            _ => "CPU µs to connect one client",
        }
    }

    fn ability(&self) -> Ability {
        Ability::Echo
    }

    fn clients(&self) -> usize {
        CLIENTS
    }

    fn main(&self) -> Metric {
        self.main
    }

    fn is_quick(&self) -> bool {
        true
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        run(stage, Connecting::default(), Speech::new(64))
    }
}

/// Connects clients, lets each say one thing, and looks what they cost then.
pub(super) fn run(stage: &Stage, connecting: Connecting, speech: Speech) -> Result<Sample, String> {
    let mut swarm = Swarm::new(stage.process.address())?;
    // What is allocated once, for the first clients, is not what a client costs.
    swarm.connect(&targets("/echo", 100), connecting)?;
    let (memory, cpu) = (stage.process.memory()?, stage.process.cpu()?);
    swarm.connect(&targets("/echo", CLIENTS), connecting)?;
    let cpu = stage.process.cpu()? - cpu;
    let mut script = Echo::closed(0..swarm.len(), 64, 1).saying(speech);
    swarm.say(|outgoing| script.begin(outgoing));
    script.stop();
    rest(&mut swarm, &mut script)?;
    // Idle is who has been silent for a while: servers that give memory back then may do so.
    std::thread::sleep(SILENCE);
    let with_clients = stage.process.memory()?;
    let clients = CLIENTS as f64;
    let mut sample = sample([
        (CONNECT_US, cpu.as_secs_f64() * 1e6 / clients),
        (
            RESIDENT_KIB,
            (with_clients.resident_kib - memory.resident_kib) / clients,
        ),
        (
            KERNEL_KIB,
            (with_clients.kernel_kib - memory.kernel_kib) / clients,
        ),
    ]);
    add_faults(&mut sample, &swarm, &mut script);
    Ok(sample)
}

/// 15,000 clients that only answer pings.
struct Pinged;

impl Load for Pinged {
    fn name(&self) -> &'static str {
        "pings"
    }

    fn title(&self) -> &'static str {
        "15,000 idle clients, pings only"
    }

    fn ability(&self) -> Ability {
        Ability::Pings
    }

    fn clients(&self) -> usize {
        CLIENTS_PINGED
    }

    fn main(&self) -> Metric {
        CPU_PERCENT
    }

    fn rounds_max(&self) -> usize {
        1
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut swarm = Swarm::new(stage.process.address())?;
        swarm.connect(&targets("/echo", CLIENTS_PINGED), Connecting::default())?;
        // What follows the handshakes in the server is over when every client has its echo.
        let mut script = Echo::closed(0..CLIENTS_PINGED, 64, 1);
        swarm.say(|outgoing| script.begin(outgoing));
        rest(&mut swarm, &mut script)?;
        let (start, cpu) = (Instant::now(), stage.process.cpu()?);
        swarm.run(start + WATCHED, &mut Silence)?;
        let cpu = stage.process.cpu()? - cpu;
        let share = cpu.as_secs_f64() / PING_INTERVAL.as_secs_f64();
        let mut sample = sample([(CPU_PERCENT, share * 100.0), (PINGS, swarm.pings() as f64)]);
        add_faults(&mut sample, &swarm, &mut script);
        Ok(sample)
    }
}
