//! A room in which some do not read: what the others notice of it.

use std::time::{Duration, Instant};

use super::window::{add_faults, timed};
use super::{Ability, Load, Stage};
use crate::metric::{Metric, P50_US, P99_US, QUIET_P50_US, SLOWDOWN, SLOWDOWN_P99, Sample};
use crate::script::{Room, Shape, play, rest, settle};
use crate::swarm::{Connecting, Swarm, targets};

const SHAPE: Shape = Shape {
    rooms: 1,
    members: 1_000,
    speakers: 10,
    deaf: 100,
    // Large, so that sockets and backlogs are full within seconds.
    bytes: 8 * 1024,
};
/// Far from what a server can do, so that it is the sockets that are full and not the processor.
const PER_SECOND: f64 = 40.0;
/// What a socket of the deaf takes before it is full. Less than the kernel's choice, which may be
/// megabytes; far more than a message, or they would be slow already while they read.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;
/// Segments as on Ethernet; a socket of the server then holds one MiB and not four.
const SEGMENT_BYTES: u32 = 1448;
/// Time for sockets to fill; the backlogs behind them fill within the window.
const FILL: Duration = Duration::from_secs(4);
const WINDOW_SECONDS: f64 = 4.0;

/// The load.
pub(super) struct Unread;

impl Load for Unread {
    fn name(&self) -> &'static str {
        "unread"
    }

    fn title(&self) -> &'static str {
        "room of 1,000, 100 do not read: p50 against all reading"
    }

    fn ability(&self) -> Ability {
        Ability::Chat
    }

    fn clients(&self) -> usize {
        SHAPE.members
    }

    fn main(&self) -> Metric {
        SLOWDOWN
    }

    fn rounds_max(&self) -> usize {
        2
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut swarm = Swarm::new(stage.process.address())?;
        let hearing = SHAPE.members - SHAPE.deaf;
        swarm.connect(&targets("/chat", hearing), Connecting::default())?;
        let small = Connecting {
            receive_buffer_bytes: Some(RECEIVE_BUFFER_BYTES),
            segment_bytes: Some(SEGMENT_BYTES),
            ..Connecting::default()
        };
        swarm.connect(&targets("/chat", SHAPE.deaf), small)?;
        settle(&mut swarm, SHAPE)?;
        let mut script = Room::paced(SHAPE, PER_SECOND);
        let stage = Stage {
            calls_folder: None,
            seconds: WINDOW_SECONDS,
            ..*stage
        };
        let quiet = timed(&stage, &mut swarm, &mut script, true)?;
        for client in hearing..SHAPE.members {
            swarm.stop_reading(client);
        }
        play(&mut swarm, &mut script, Instant::now() + FILL)?;
        let mut sample = timed(&stage, &mut swarm, &mut script, false)?;
        rest(&mut swarm, &mut script)?;
        add_faults(&mut sample, &swarm, &mut script);
        for (key, metric) in [(SLOWDOWN, P50_US), (SLOWDOWN_P99, P99_US)] {
            let ratio = sample[metric.key] / quiet[metric.key];
            sample.insert(key.key.to_owned(), ratio);
        }
        sample.insert(QUIET_P50_US.key.to_owned(), quiet[P50_US.key]);
        Ok(sample)
    }
}
