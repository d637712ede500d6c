//! Callbacks that block for 10 ms, as a database does, and one client that wants a quick answer meanwhile.

use std::time::Instant;

use super::window::measure;
use super::{Ability, Load, Stage};
use crate::metric::{Metric, P50_US, P99_US, P999_US, PER_SECOND, Sample};
use crate::script::{Echo, Script};
use crate::swarm::{Connecting, Outgoing, Swarm, Traffic, targets};
use crate::tally::Tally;

const SLOW_CLIENTS: usize = 50;
const QUICK_PER_SECOND: f64 = 100.0;

/// The load.
pub(super) struct Slow;

impl Load for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn title(&self) -> &'static str {
        "50 clients whose callback blocks 10 ms"
    }

    fn ability(&self) -> Ability {
        Ability::Slow
    }

    fn clients(&self) -> usize {
        SLOW_CLIENTS + 1
    }

    fn main(&self) -> Metric {
        PER_SECOND
    }

    fn rounds_max(&self) -> usize {
        3
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut swarm = Swarm::new(stage.process.address())?;
        swarm.connect(&targets("/slow", SLOW_CLIENTS), Connecting::default())?;
        swarm.connect(&targets("/echo", 1), Connecting::default())?;
        let mut script = SlowAndQuick {
            slow: Echo::closed(0..SLOW_CLIENTS, 64, 1),
            quick: Echo::paced(SLOW_CLIENTS..SLOW_CLIENTS + 1, 64, QUICK_PER_SECOND),
        };
        let mut sample = measure(stage, &mut swarm, &mut script)?;
        // The latency that matters is that of the client who does not block.
        for (metric, quantile) in [(P50_US, 0.5), (P99_US, 0.99), (P999_US, 0.999)] {
            let latency = script.quick.tally().quantile_us(quantile);
            sample.insert(metric.key.to_owned(), latency);
        }
        Ok(sample)
    }
}

struct SlowAndQuick {
    slow: Echo,
    quick: Echo,
}

impl Traffic for SlowAndQuick {
    fn message(&mut self, client: usize, payload: &[u8], now: Instant, outgoing: &mut Outgoing) {
        if self.slow.has(client) {
            self.slow.message(client, payload, now, outgoing);
        } else {
            self.quick.message(client, payload, now, outgoing);
        }
    }
}

impl Script for SlowAndQuick {
    fn begin(&mut self, outgoing: &mut Outgoing) {
        self.slow.begin(outgoing);
        self.quick.begin(outgoing);
    }

    fn due(&self) -> Option<Instant> {
        self.quick.due()
    }

    fn speak(&mut self, outgoing: &mut Outgoing) {
        self.quick.speak(outgoing);
    }

    fn stop(&mut self) {
        self.slow.stop();
        self.quick.stop();
    }

    fn missing(&self) -> u64 {
        self.slow.missing() + self.quick.missing()
    }

    fn tally(&mut self) -> &mut Tally {
        self.slow.tally()
    }
}
