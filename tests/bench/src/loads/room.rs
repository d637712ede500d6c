//! Chat: one room or many, in a closed and in an open loop.

use super::window::measure;
use super::{Ability, Load, Stage};
use crate::metric::{CPU_US, Metric, P99_US, PER_SECOND, RATE, Sample};
use crate::script::{Room, Shape, settle};
use crate::swarm::{Connecting, targets};

/// Bytes of what is said in rooms.
pub(super) const BYTES: usize = 64;
/// Asked for a second where no rate of a server is known.
const DELIVERIES_DEFAULT: f64 = 50_000.0;
/// Deliveries a second at which the cost of one is compared: a third of what one thread makes.
const DELIVERIES_EQUAL: f64 = 100_000.0;

/// When something is said.
#[derive(Clone, Copy, PartialEq)]
enum Rate {
    /// As soon as the speaker has heard what it said before.
    Closed,
    /// [`DELIVERIES_EQUAL`] for every server: who is faster does not work under another load then.
    Equal,
    /// At half of the best rate that a peer reached.
    Half,
}

struct Chat {
    name: &'static str,
    title: &'static str,
    shape: Shape,
    is_quick: bool,
    is_secured: bool,
    rate: Rate,
}

fn chat(name: &'static str, title: &'static str, members: usize, speakers: usize) -> Chat {
    Chat {
        name,
        title,
        shape: Shape {
            rooms: 1,
            members,
            speakers,
            deaf: 0,
            bytes: BYTES,
        },
        is_quick: members == 100 || speakers > 1,
        is_secured: false,
        rate: Rate::Closed,
    }
}

/// Rooms in a closed loop.
pub(super) fn closed() -> Vec<Box<dyn Load>> {
    vec![
        Box::new(chat("chat-100", "chat, 1 sender to 100", 100, 1)),
        Box::new(chat("chat-1000", "chat, 1 sender to 1,000", 1000, 1)),
        Box::new(chat("chat-10000", "chat, 1 sender to 10,000", 10_000, 1)),
        Box::new(chat("chat-busy", "chat, 100 senders to 1,000", 1000, 100)),
    ]
}

/// One sender, at the same rate for every server.
pub(super) fn equal() -> Vec<Box<dyn Load>> {
    let at_rate = |name, title, members| -> Box<dyn Load> {
        Box::new(Chat {
            is_quick: false,
            rate: Rate::Equal,
            ..chat(name, title, members, 1)
        })
    };
    vec![
        at_rate(
            "chat-100-equal",
            "chat, 1 sender to 100, 100,000 deliveries/s",
            100,
        ),
        at_rate(
            "chat-1000-equal",
            "chat, 1 sender to 1,000, 100,000 deliveries/s",
            1000,
        ),
        at_rate(
            "chat-10000-equal",
            "chat, 1 sender to 10,000, 100,000 deliveries/s",
            10_000,
        ),
    ]
}

/// A room of 1,000 at half of the best rate that a peer reached.
pub(super) fn paced() -> Box<dyn Load> {
    let title = "chat, 10 senders to 1,000 at a fixed rate";
    Box::new(Chat {
        is_quick: false,
        rate: Rate::Half,
        ..chat("chat-paced", title, 1000, 10)
    })
}

/// A room whose members come by TLS.
pub(super) fn secured() -> Box<dyn Load> {
    Box::new(Chat {
        is_secured: true,
        ..chat("tls-chat-1000", "TLS: chat, 1 sender to 1,000", 1000, 1)
    })
}

/// Many small rooms.
pub(super) fn many() -> Box<dyn Load> {
    let mut load = chat("rooms", "200 rooms of 50, 1 sender each", 50, 1);
    load.shape.rooms = 200;
    load.is_quick = false;
    Box::new(load)
}

impl Load for Chat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn ability(&self) -> Ability {
        match self.shape.rooms {
            1 if self.is_secured => Ability::SecuredChat,
            1 => Ability::Chat,
            _ => Ability::Rooms,
        }
    }

    fn clients(&self) -> usize {
        self.shape.rooms * self.shape.members
    }

    fn main(&self) -> Metric {
        match (self.rate, self.shape.speakers) {
            (Rate::Half, _) => P99_US,
            (_, 1) => CPU_US,
            _ => PER_SECOND,
        }
    }

    fn is_quick(&self) -> bool {
        self.is_quick
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let shape = self.shape;
        let targets = match shape.rooms {
            1 => targets("/chat", shape.members),
            rooms => (0..rooms * shape.members)
                .map(|client| format!("/rooms?room={}", client / shape.members))
                .collect(),
        };
        let mut swarm = stage.swarm(self.ability())?;
        swarm.connect(&targets, Connecting::default())?;
        settle(&mut swarm, shape)?;
        let deliveries = match self.rate {
            Rate::Closed => return measure(stage, &mut swarm, &mut Room::closed(shape)),
            Rate::Equal => DELIVERIES_EQUAL,
            Rate::Half => stage
                .best_room_rate
                .map_or(DELIVERIES_DEFAULT, |best| best / 2.0),
        };
        let rate = (deliveries / shape.members as f64).max(1.0).round();
        let mut sample = measure(stage, &mut swarm, &mut Room::paced(shape, rate))?;
        sample.insert(RATE.key.to_owned(), rate);
        Ok(sample)
    }
}
