//! Echo: one client, many, pipelined, large, and at a fixed rate.

use super::window::measure;
use super::{Ability, Load, Stage};
use crate::metric::{CPU_US, Metric, P50_US, P99_US, PER_SECOND, RATE, Sample};
use crate::script::Echo;
use crate::swarm::{Connecting, targets};

struct EchoLoad {
    name: &'static str,
    title: &'static str,
    main: Metric,
    clients: usize,
    bytes: usize,
    in_flight: usize,
    /// Messages a second in all; none for a closed loop.
    rate: Option<f64>,
    ability: Ability,
    is_quick: bool,
}

const BUSY: EchoLoad = EchoLoad {
    name: "echo-100",
    title: "echo, 100 busy clients",
    main: CPU_US,
    clients: 100,
    bytes: 64,
    in_flight: 1,
    rate: None,
    ability: Ability::Echo,
    is_quick: true,
};

/// All of them.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    boxed([
        EchoLoad {
            name: "echo-1",
            title: "echo, 1 client",
            main: P50_US,
            clients: 1,
            ..BUSY
        },
        BUSY,
        EchoLoad {
            name: "echo-1000",
            title: "echo, 1,000 busy clients",
            clients: 1000,
            is_quick: false,
            ..BUSY
        },
        EchoLoad {
            name: "echo-pipelined",
            title: "echo, 50 clients, 64 in flight each",
            main: PER_SECOND,
            clients: 50,
            in_flight: 64,
            ..BUSY
        },
        EchoLoad {
            name: "echo-large",
            title: "echo, 256 KiB messages, 10 clients",
            clients: 10,
            bytes: 256 * 1024,
            ..BUSY
        },
        EchoLoad {
            name: "echo-paced",
            title: "echo, 100 clients at 5,000/s",
            main: P99_US,
            rate: Some(5000.0),
            is_quick: false,
            ..BUSY
        },
    ])
}

/// Those by TLS.
pub(super) fn secured() -> Vec<Box<dyn Load>> {
    boxed([
        EchoLoad {
            name: "tls-echo-100",
            title: "TLS: echo, 100 busy clients",
            ability: Ability::SecuredEcho,
            is_quick: false,
            ..BUSY
        },
        EchoLoad {
            name: "tls-echo-256k",
            title: "TLS: echo, 256 KiB messages, 10 clients",
            clients: 10,
            bytes: 256 * 1024,
            ability: Ability::SecuredEcho,
            is_quick: false,
            ..BUSY
        },
    ])
}

fn boxed<const N: usize>(loads: [EchoLoad; N]) -> Vec<Box<dyn Load>> {
    loads.map(|load| -> Box<dyn Load> { Box::new(load) }).into()
}

impl Load for EchoLoad {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn ability(&self) -> Ability {
        self.ability
    }

    fn clients(&self) -> usize {
        self.clients
    }

    fn main(&self) -> Metric {
        self.main
    }

    fn is_quick(&self) -> bool {
        self.is_quick
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let mut swarm = stage.swarm(self.ability)?;
        swarm.connect(&targets("/echo", self.clients), Connecting::default())?;
        let clients = 0..self.clients;
        let Some(rate) = self.rate else {
            let mut script = Echo::closed(clients, self.bytes, self.in_flight);
            return measure(stage, &mut swarm, &mut script);
        };
        let mut script = Echo::paced(clients, self.bytes, rate);
        let mut sample = measure(stage, &mut swarm, &mut script)?;
        sample.insert(RATE.key.to_owned(), rate);
        Ok(sample)
    }
}
