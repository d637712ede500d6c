//! What TLS costs: an idle client above one that comes without it, a connection by a full handshake and by a ticket,
//! and messages.

use std::sync::Arc;

use rustls::ClientConfig;

use super::connect::quiet_cpu;
use super::{Ability, Load, Stage, echo, kept, room};
use crate::metric::{
    ABOVE_KIB, ABOVE_RESIDENT_KIB, ABOVE_US, AVAILABLE_KIB, CONNECT_US, FAULTS, Metric,
    RESIDENT_KIB, Sample, sample,
};
use crate::process::Process;
use crate::script::{Echo, Script, rest};
use crate::swarm::{Connecting, Swarm, targets};

/// Those who connect.
const CLIENTS: usize = 2_000;

/// The rows.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    let mut loads: Vec<Box<dyn Load>> = vec![
        Box::new(Idle),
        Box::new(Handshake { is_resumed: false }),
        Box::new(Handshake { is_resumed: true }),
        room::secured(),
    ];
    loads.extend(echo::secured());
    loads
}

/// Adds what each of `metrics` is above that of the same server without TLS.
fn add_above(sample: &mut Sample, plain: &Sample, metrics: &[(Metric, Metric)]) {
    for (metric, above) in metrics {
        if let (Some(secured), Some(plain)) = (sample.get(metric.key), plain.get(metric.key)) {
            sample.insert(above.key.to_owned(), secured - plain);
        }
    }
}

/// Of one room, after one broadcast, as in `kept`.
struct Idle;

impl Load for Idle {
    fn name(&self) -> &'static str {
        "tls-idle"
    }

    fn title(&self) -> &'static str {
        "TLS: KiB of the machine for an idle chat client, above plain"
    }

    fn ability(&self) -> Ability {
        Ability::SecuredChat
    }

    fn clients(&self) -> usize {
        kept::CLIENTS
    }

    fn main(&self) -> Metric {
        ABOVE_KIB
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        // What stands before another server has no plain clients.
        let plain = if stage.abilities.contains(&Ability::Chat) {
            let process = (stage.another)()?;
            let mut swarm = Swarm::new(process.address())?;
            kept::measure(&process, &mut swarm, kept::hear_once)?
        } else {
            Sample::new()
        };
        let mut swarm = stage.swarm(self.ability())?;
        let mut sample = kept::measure(stage.process, &mut swarm, kept::hear_once)?;
        let metrics = [
            (AVAILABLE_KIB, ABOVE_KIB),
            (RESIDENT_KIB, ABOVE_RESIDENT_KIB),
        ];
        add_above(&mut sample, &plain, &metrics);
        Ok(sample)
    }
}

/// One after the other, when as many have been there and gone, as in `connect-reused`; up to the answer that lets the
/// client in.
struct Handshake {
    is_resumed: bool,
}

impl Load for Handshake {
    fn name(&self) -> &'static str {
        match self.is_resumed {
            true => "tls-resumed",
            false => "tls-handshake",
        }
    }

    fn title(&self) -> &'static str {
        match self.is_resumed {
            true => "TLS: CPU µs to connect one of 2,000 by the ticket of an earlier session",
            false => "TLS: CPU µs to connect one of 2,000 by a full handshake",
        }
    }

    fn ability(&self) -> Ability {
        Ability::SecuredEcho
    }

    fn clients(&self) -> usize {
        CLIENTS
    }

    fn main(&self) -> Metric {
        CONNECT_US
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let trust = match self.is_resumed {
            true => stage.identity.trust_again()?,
            false => {
                let trust = stage.identity.trust()?;
                [trust.clone(), trust]
            }
        };
        let mut sample = connect(stage.process, Some(trust), self.is_resumed)?;
        if stage.abilities.contains(&Ability::Echo) {
            let plain = connect(&(stage.another)()?, None, false)?;
            add_above(&mut sample, &plain, &[(CONNECT_US, ABOVE_US)]);
        }
        Ok(sample)
    }
}

fn connect(
    process: &Process,
    trust: Option<[Arc<ClientConfig>; 2]>,
    is_resumed: bool,
) -> Result<Sample, String> {
    let one_by_one = Connecting {
        at_once: 1,
        ..Connecting::default()
    };
    let targets = targets("/echo", CLIENTS);
    let (first, again) = match trust {
        Some([first, again]) => (Some(first), Some(again)),
        None => (None, None),
    };
    let swarm = |trust| {
        let swarm = Swarm::new(process.address())?;
        Ok::<_, String>(match trust {
            Some(trust) => swarm.secure(trust),
            None => swarm,
        })
    };
    swarm(first)?.connect(&targets, one_by_one)?;
    let mut swarm = swarm(again)?;
    let before = quiet_cpu(process)?;
    swarm.connect(&targets, one_by_one)?;
    let cpu = quiet_cpu(process)? - before;
    let others = match is_resumed {
        true => CLIENTS - swarm.resumed(),
        false => swarm.resumed(),
    };
    // Each of them is really served.
    let mut script = Echo::closed(0..CLIENTS, 64, 1);
    swarm.say(|outgoing| script.begin(outgoing));
    rest(&mut swarm, &mut script)?;
    let missing = script.missing() + (swarm.ended() + others) as u64;
    Ok(sample([
        (CONNECT_US, cpu.as_secs_f64() * 1e6 / CLIENTS as f64),
        (FAULTS, script.tally().faults(missing)),
    ]))
}
