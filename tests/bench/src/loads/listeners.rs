//! What somebody costs who listens and says nothing: its server, the kernel, both ends of its socket.

use std::time::{Duration, Instant};

use super::{Ability, Load, Stage};
use crate::metric::{AVAILABLE_KIB, FAULTS, KERNEL_KIB, Metric, RESIDENT_KIB, Sample, sample};
use crate::process::{own_resident_kib, settled_available_kib};
use crate::script::settle_listeners;
use crate::swarm::{Connecting, Protocol, Silence, Swarm, targets};

const CLIENTS: usize = 5_000;
const TARGET: &str = "/push/listeners";
/// Before memory is measured: servers that give memory back to who is silent may do so.
const SILENCE: Duration = Duration::from_secs(3);

/// The rows.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    vec![
        Box::new(Listeners {
            protocol: Protocol::WebSocket,
        }),
        Box::new(Listeners {
            protocol: Protocol::EventStream,
        }),
    ]
}

struct Listeners {
    protocol: Protocol,
}

impl Load for Listeners {
    fn name(&self) -> &'static str {
        match self.protocol {
            Protocol::EventStream => "kept-streams",
            _ => "kept-sockets",
        }
    }

    fn title(&self) -> &'static str {
        match self.protocol {
            Protocol::EventStream => {
                "KiB of the machine for an event stream that has heard a message"
            }
            _ => "KiB of the machine for a WebSocket that has heard a message",
        }
    }

    fn ability(&self) -> Ability {
        Ability::Push
    }

    fn clients(&self) -> usize {
        CLIENTS + 1
    }

    fn main(&self) -> Metric {
        AVAILABLE_KIB
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let memory = stage.process.memory()?;
        let own = own_resident_kib();
        let available = settled_available_kib();
        let mut swarm = Swarm::new(stage.process.address())?;
        for (protocol, count) in [(self.protocol, CLIENTS), (Protocol::Requests, 1)] {
            let connecting = Connecting {
                protocol,
                ..Connecting::default()
            };
            swarm.connect(&targets(TARGET, count), connecting)?;
        }
        settle_listeners(&mut swarm, CLIENTS, TARGET)?;
        swarm.run(Instant::now() + SILENCE, &mut Silence)?;
        let left = settled_available_kib();
        let with_clients = stage.process.memory()?;
        let own = own_resident_kib() - own;
        let each = |kib: f64| kib / CLIENTS as f64;
        Ok(sample([
            (AVAILABLE_KIB, each(available - left - own)),
            (
                RESIDENT_KIB,
                each(with_clients.resident_kib - memory.resident_kib),
            ),
            (
                KERNEL_KIB,
                each(with_clients.kernel_kib - memory.kernel_kib),
            ),
            (FAULTS, swarm.ended() as f64),
        ]))
    }
}
