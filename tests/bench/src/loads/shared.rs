//! Two hosts and a Redis between them: what a message costs there, how late it is, and what a shared room costs its host.

use super::window::measure;
use super::{Ability, Load, Stage};
use crate::metric::{
    CPU_US, FAULTS, HOST_OVER, Metric, OTHER_CPU_US, P50_US, PER_CPU_SECOND, REDIS_OVER, REDIS_US,
    Sample,
};
use crate::process::Process;
use crate::script::{Pace, Publishers, Voice, settle_listeners};
use crate::servers::{Group, cost_of_stream};
use crate::swarm::{Connecting, Protocol, Swarm, targets};

const TARGET: &str = "/push/shared";

/// The rows.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    vec![
        Box::new(Shared {
            name: "shared-publish",
            title: "two hosts, 16 publish 1 KiB to 100",
            main: REDIS_OVER,
            shape: Shape {
                publishers: 16,
                listeners: 100,
                bytes: 1024,
                pace: Pace::Taken,
            },
        }),
        Box::new(Shared {
            name: "shared-latency",
            title: "two hosts, one publishes to 100",
            main: P50_US,
            shape: Shape {
                publishers: 1,
                listeners: 100,
                bytes: super::room::BYTES,
                pace: Pace::Heard,
            },
        }),
        Box::new(Shared {
            name: "shared-room",
            title: "two hosts, one publishes to 1,000",
            main: PER_CPU_SECOND,
            shape: ROOM,
        }),
        Box::new(FanOut),
    ]
}

const ROOM: Shape = Shape {
    publishers: 1,
    listeners: 1000,
    bytes: super::room::BYTES,
    pace: Pace::Heard,
};

/// Who publishes to whom, both spread evenly over the hosts.
#[derive(Clone, Copy)]
struct Shape {
    publishers: usize,
    listeners: usize,
    bytes: usize,
    pace: Pace,
}

struct Shared {
    name: &'static str,
    title: &'static str,
    main: Metric,
    shape: Shape,
}

impl Load for Shared {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn ability(&self) -> Ability {
        Ability::Shared
    }

    fn clients(&self) -> usize {
        self.shape.publishers + self.shape.listeners
    }

    fn main(&self) -> Metric {
        self.main
    }

    /// Processor time is that of all hosts and of Redis; the latter's alone beside it.
    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let group = (stage.sharing)()?;
        let (first, others) = group.hosts.split_first().ok_or("no hosts")?;
        let beside: Vec<&Process> = others.iter().chain([&group.redis]).collect();
        let whole = Stage {
            process: first,
            beside: &beside,
            ..*stage
        };
        let hosts: Vec<&Process> = group.hosts.iter().collect();
        let mut sample = play(&whole, &hosts, self.shape, Some(&group))?;
        sample.insert(PER_CPU_SECOND.key.to_owned(), 1e6 / sample[CPU_US.key]);
        if self.main == REDIS_OVER {
            let (put, read) = cost_of_stream(&group.redis, self.shape.bytes)?;
            let bare = put + read * group.hosts.len() as u32;
            let over = sample[REDIS_US.key] / (bare.as_secs_f64() * 1e6);
            sample.insert(REDIS_OVER.key.to_owned(), over);
        }
        Ok(sample)
    }
}

/// What a room costs its host where it is shared, over what it costs where it is not. What Redis does is not in it.
struct FanOut;

impl Load for FanOut {
    fn name(&self) -> &'static str {
        "shared-fan-out"
    }

    fn title(&self) -> &'static str {
        "room of 1,000 on one host, shared against not"
    }

    fn ability(&self) -> Ability {
        Ability::Shared
    }

    fn clients(&self) -> usize {
        ROOM.publishers + ROOM.listeners
    }

    fn main(&self) -> Metric {
        HOST_OVER
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        if !stage.abilities.contains(&Ability::Push) {
            return Err("does nothing alone".to_owned());
        }
        let group = (stage.sharing)()?;
        let first = group.hosts.first().ok_or("no hosts")?;
        let shared = Stage {
            process: first,
            ..*stage
        };
        let mut sample = play(&shared, &[first], ROOM, Some(&group))?;
        let alone = play(stage, &[stage.process], ROOM, None)?;
        let over = sample[CPU_US.key] / alone[CPU_US.key];
        sample.insert(HOST_OVER.key.to_owned(), over);
        sample.insert(OTHER_CPU_US.key.to_owned(), alone[CPU_US.key]);
        let faults = sample[FAULTS.key] + alone[FAULTS.key];
        sample.insert(FAULTS.key.to_owned(), faults);
        Ok(sample)
    }
}

/// Publishes by requests; with the processor time that a group's Redis took for each message published.
fn play(
    stage: &Stage,
    hosts: &[&Process],
    shape: Shape,
    group: Option<&Group>,
) -> Result<Sample, String> {
    let mut swarm = Swarm::new(stage.process.address())?;
    for (protocol, count) in [
        (stage.protocol, shape.listeners),
        (Protocol::Requests, shape.publishers),
    ] {
        let connecting = Connecting {
            protocol,
            ..Connecting::default()
        };
        let mut left = count;
        for (index, host) in hosts.iter().enumerate() {
            let here = left.div_ceil(hosts.len() - index);
            left -= here;
            swarm.turn_to(host.address());
            swarm.connect(&targets(TARGET, here), connecting)?;
        }
    }
    settle_listeners(&mut swarm, shape.listeners, TARGET)?;
    let mut script = Publishers::new(
        (Voice::Requests, shape.pace),
        TARGET,
        (shape.publishers, shape.listeners),
        shape.bytes,
    );
    let redis = group.map(|group| group.redis.cpu()).transpose()?;
    let mut sample = measure(stage, &mut swarm, &mut script)?;
    if let Some((group, before)) = group.zip(redis) {
        let used = group.redis.cpu()? - before;
        let each = used.as_secs_f64() * 1e6 / script.published() as f64;
        sample.insert(REDIS_US.key.to_owned(), each);
    }
    Ok(sample)
}
