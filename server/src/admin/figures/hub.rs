//! The work of the hub, all routes together.

use serde::Serialize;

use super::finite;
use super::route::RouteFigures;
use crate::counters::{COUNTERS, Times};

/// The hub since the start.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct HubFigures {
    pub(in crate::admin) rounds: u64,
    pub(in crate::admin) events: u64,
    /// Seconds that it has worked.
    pub(in crate::admin) busy_seconds: f64,
    /// How many of its turns and rounds, and waits for it, were measured; those of routes that there are.
    pub(in crate::admin) turn_count: u64,
    pub(in crate::admin) round_count: u64,
    pub(in crate::admin) wait_count: u64,
    /// Seconds of all these rounds, and waits, together.
    pub(in crate::admin) round_seconds: f64,
    pub(in crate::admin) wait_seconds: f64,
    /// What 99 of 100 of them have not passed, in seconds.
    pub(in crate::admin) turn_p99: Option<f64>,
    pub(in crate::admin) round_p99: Option<f64>,
    pub(in crate::admin) wait_p99: Option<f64>,
    #[serde(skip)]
    pub(in crate::admin) turns: Times,
}

impl HubFigures {
    pub(super) fn read(routes: &[RouteFigures]) -> HubFigures {
        let hub = &COUNTERS.hub;
        let of_routes = |times: fn(&RouteFigures) -> &Times| {
            let each = routes.iter().map(times);
            each.fold(Times::default(), Times::with)
        };
        let turns = hub.turns.times();
        let (rounds, waits) = (of_routes(|of| &of.rounds), of_routes(|of| &of.waits));
        HubFigures {
            rounds: hub.rounds.get(),
            events: hub.events.get(),
            busy_seconds: turns.seconds(),
            turn_count: turns.count(),
            round_count: rounds.count(),
            wait_count: waits.count(),
            round_seconds: rounds.seconds(),
            wait_seconds: waits.seconds(),
            turn_p99: finite(turns.bound_of(0.99)),
            round_p99: finite(rounds.bound_of(0.99)),
            wait_p99: finite(waits.bound_of(0.99)),
            turns,
        }
    }
}
