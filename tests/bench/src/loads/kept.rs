//! What a silent client keeps of the whole machine's memory: its server, the kernel, both ends of its socket.
//!
//! Resident memory shows neither the kernel's stacks nor what it holds for sockets and for threads that have sent
//! something; what the machine has left shows all of it. The clients of a server without rooms get back what
//! each of them says, instead of what one says to all.

use std::time::{Duration, Instant};

use bench::wire::{self, PING};

use super::{Ability, Load, Stage};
use crate::metric::{AVAILABLE_KIB, FAULTS, KERNEL_KIB, Metric, RESIDENT_KIB, Sample, sample};
use crate::process::{Process, own_resident_kib, settled_available_kib};
use crate::script::{Echo, Script, Shape, rest, settle};
use crate::speech::Speech;
use crate::swarm::{Connecting, Outgoing, Silence, Swarm, Traffic, targets};

pub(super) const CLIENTS: usize = 5_000;
/// Of those who speak: each hears 50, so that no server is busy for long.
const ROOMS: usize = 100;
/// Before memory is measured: servers that give memory back to who is silent may do so.
const SILENCE: Duration = Duration::from_secs(3);
/// What each of those who speak has asked before, with a pause between.
const PINGS: usize = 8;
const PAUSE: Duration = Duration::from_millis(400);
/// Time for what all have said to all.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

pub(super) fn all() -> Vec<Box<dyn Load>> {
    vec![
        Box::new(Kept { speaks: false }),
        Box::new(Kept { speaks: true }),
    ]
}

/// One load under two names.
struct Kept {
    /// The clients have been alive for a while: pings, and a message of each.
    speaks: bool,
}

impl Load for Kept {
    fn name(&self) -> &'static str {
        if self.speaks { "kept-spoken" } else { "kept" }
    }

    fn title(&self) -> &'static str {
        if self.speaks {
            "KiB of the machine for an idle chat client after 8 pings and a message of each"
        } else {
            "KiB of the machine for an idle chat client after one broadcast"
        }
    }

    fn ability(&self) -> Ability {
        Ability::Echo
    }

    fn clients(&self) -> usize {
        CLIENTS
    }

    fn main(&self) -> Metric {
        AVAILABLE_KIB
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut swarm = Swarm::new(stage.process.address())?;
        measure(stage.process, &mut swarm, |swarm| {
            if stage.abilities.contains(&Ability::Rooms) {
                return self.chat(swarm);
            }
            swarm.connect(&targets("/echo", CLIENTS), Connecting::default())?;
            let mut script = Echo::closed(0..CLIENTS, 64, 1);
            swarm.say(|outgoing| script.begin(outgoing));
            rest(swarm, &mut script)
        })
    }
}

/// What each of the clients costs that `come`, once they are silent.
///
/// # Errors
/// They cannot, or the server has ended.
pub(super) fn measure(
    process: &Process,
    swarm: &mut Swarm,
    come: impl FnOnce(&mut Swarm) -> Result<(), String>,
) -> Result<Sample, String> {
    let memory = process.memory()?;
    let own = own_resident_kib();
    let available = settled_available_kib();
    come(swarm)?;
    swarm.run(Instant::now() + SILENCE, &mut Silence)?;
    let left = settled_available_kib();
    let with_clients = process.memory()?;
    let own = own_resident_kib() - own;
    let clients = CLIENTS as f64;
    Ok(sample([
        (AVAILABLE_KIB, (available - left - own) / clients),
        (
            RESIDENT_KIB,
            (with_clients.resident_kib - memory.resident_kib) / clients,
        ),
        (
            KERNEL_KIB,
            (with_clients.kernel_kib - memory.kernel_kib) / clients,
        ),
        (FAULTS, swarm.ended() as f64),
    ]))
}

/// Clients of one room that have heard one thing.
pub(super) fn hear_once(swarm: &mut Swarm) -> Result<(), String> {
    Kept { speaks: false }.chat(swarm)
}

impl Kept {
    fn chat(&self, swarm: &mut Swarm) -> Result<(), String> {
        let rooms = if self.speaks { ROOMS } else { 1 };
        let members = CLIENTS / rooms;
        let targets: Vec<_> = match rooms {
            1 => targets("/chat", CLIENTS),
            _ => (0..CLIENTS)
                .map(|client| format!("/rooms?room={}", client / members))
                .collect(),
        };
        swarm.connect(&targets, Connecting::default())?;
        let shape = Shape {
            rooms,
            members,
            speakers: 1,
            deaf: 0,
            bytes: super::room::BYTES,
        };
        settle(swarm, shape)?;
        if !self.speaks {
            return Ok(());
        }
        for _ in 0..PINGS {
            swarm.say(|outgoing| {
                for client in 0..CLIENTS {
                    wire::append_masked(outgoing.of(client), PING, b"there?");
                }
            });
            swarm.run(Instant::now() + PAUSE, &mut Silence)?;
        }
        say_once(swarm, members)
    }
}

/// Each says one thing to its room; waits until all of it is heard.
fn say_once(swarm: &mut Swarm, members: usize) -> Result<(), String> {
    let speech = Speech::new(super::room::BYTES);
    swarm.say(|outgoing| {
        for client in 0..CLIENTS {
            speech.append(outgoing.of(client), client as u32, 0);
        }
    });
    let wanted = CLIENTS * members;
    let mut ears = Ears { speech, heard: 0 };
    let deadline = Instant::now() + HEARD_WITHIN;
    while ears.heard < wanted && Instant::now() < deadline {
        swarm.poll(deadline, &mut ears)?;
    }
    match wanted - ears.heard {
        0 => Ok(()),
        lost => Err(format!("{lost} of {wanted} messages are missing")),
    }
}

struct Ears {
    speech: Speech,
    heard: usize,
}

impl Traffic for Ears {
    fn message(&mut self, _: usize, payload: &[u8], _: Instant, _: &mut Outgoing) {
        self.heard += usize::from(self.speech.read_line(payload).is_some());
    }
}
