//! Publishing by HTTP: how many messages it takes, and what one costs on its way to WebSockets and to event streams.

use super::window::measure;
use super::{Ability, Load, Stage};
use crate::metric::{CPU_US, Metric, OTHER_CPU_US, OVER, PER_SECOND, SHARE, Sample};
use crate::script::{Pace, Publishers, Shape, Voice, settle, settle_listeners};
use crate::swarm::{Connecting, Protocol, Swarm, targets};

const PUBLISHERS: usize = 16;
const LISTENERS: usize = 100;
/// A message of an application.
const BYTES: usize = 1024;
/// Who hears one publisher where it is the hearing that counts.
const AUDIENCE: usize = 1000;

/// The rows.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    vec![
        Box::new(Publish),
        Box::new(FanOut {
            protocol: Protocol::WebSocket,
        }),
        Box::new(FanOut {
            protocol: Protocol::EventStream,
        }),
    ]
}

/// 16 publishers that wait for their answers, against 16 WebSockets that wait until they hear themselves.
struct Publish;

impl Load for Publish {
    fn name(&self) -> &'static str {
        "publish"
    }

    fn title(&self) -> &'static str {
        "HTTP publish, 16 kept alive, 1 KiB to 100"
    }

    fn ability(&self) -> Ability {
        Ability::Push
    }

    fn clients(&self) -> usize {
        PUBLISHERS + LISTENERS
    }

    fn main(&self) -> Metric {
        PER_SECOND
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut sample = by_requests(stage, Protocol::WebSocket, Pace::Taken)?;
        if stage.abilities.contains(&Ability::Rooms) {
            let other = by_saying(stage)?;
            let share = sample[PER_SECOND.key] / other[PER_SECOND.key];
            sample.insert(SHARE.key.to_owned(), share);
            sample.insert(OTHER_CPU_US.key.to_owned(), other[CPU_US.key]);
        }
        Ok(sample)
    }
}

/// Publishers by HTTP, and listeners who speak a protocol.
fn by_requests(stage: &Stage, protocol: Protocol, pace: Pace) -> Result<Sample, String> {
    let (publishers, listeners, bytes) = match pace {
        Pace::Taken => (PUBLISHERS, LISTENERS, BYTES),
        Pace::Heard => (1, AUDIENCE, super::room::BYTES),
    };
    let target = match protocol {
        Protocol::EventStream => "/push/streams",
        _ => "/push/sockets",
    };
    let mut swarm = Swarm::new(stage.process.address())?;
    for (protocol, count) in [(protocol, listeners), (Protocol::Requests, publishers)] {
        let connecting = Connecting {
            protocol,
            ..Connecting::default()
        };
        swarm.connect(&targets(target, count), connecting)?;
    }
    settle_listeners(&mut swarm, listeners, target)?;
    let count = (publishers, listeners);
    let mut script = Publishers::new((Voice::Requests, pace), target, count, bytes);
    measure(stage, &mut swarm, &mut script)
}

/// As many WebSockets in a room, of whom 16 say what the publishers have sent.
fn by_saying(stage: &Stage) -> Result<Sample, String> {
    let mut swarm = Swarm::new(stage.process.address())?;
    swarm.connect(&targets("/rooms?room=0", LISTENERS), Connecting::default())?;
    let shape = Shape {
        rooms: 1,
        members: LISTENERS,
        speakers: PUBLISHERS,
        deaf: 0,
        bytes: BYTES,
    };
    settle(&mut swarm, shape)?;
    let how = (Voice::Room, Pace::Taken);
    let mut script = Publishers::new(how, "", (PUBLISHERS, LISTENERS), BYTES);
    measure(stage, &mut swarm, &mut script)
}

/// One publisher to 1,000, who all hear a message before the next.
struct FanOut {
    protocol: Protocol,
}

impl Load for FanOut {
    fn name(&self) -> &'static str {
        match self.protocol {
            Protocol::EventStream => "push-streams",
            _ => "push-sockets",
        }
    }

    fn title(&self) -> &'static str {
        match self.protocol {
            Protocol::EventStream => "HTTP publish to 1,000 event streams",
            _ => "HTTP publish to 1,000 WebSockets",
        }
    }

    fn ability(&self) -> Ability {
        Ability::Push
    }

    fn clients(&self) -> usize {
        1 + AUDIENCE
    }

    fn main(&self) -> Metric {
        CPU_US
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut sample = by_requests(stage, self.protocol, Pace::Heard)?;
        if self.protocol == Protocol::EventStream {
            let other = by_requests(stage, Protocol::WebSocket, Pace::Heard)?;
            let over = sample[CPU_US.key] / other[CPU_US.key];
            sample.insert(OVER.key.to_owned(), over);
            sample.insert(OTHER_CPU_US.key.to_owned(), other[CPU_US.key]);
        }
        Ok(sample)
    }
}
