//! How the way of a shared route to other hosts stands.

use serde::Serialize;

use super::finite;
use crate::counters::{EngineCounts, EngineState, Times};
use crate::engine::{machine, this_host};
use crate::plugin::Route;

/// Of one route.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct Engine {
    /// Where Redis is.
    pub(in crate::admin) address: String,
    /// The server that was reached last, of those that the address leads to.
    pub(in crate::admin) server: String,
    /// Why it is away; none where it is there.
    pub(in crate::admin) away: Option<String>,
    /// The last entry of the stream that was read here.
    pub(in crate::admin) position: String,
    /// The hosts that share the route, this one first, as far as they are known.
    pub(in crate::admin) hosts: Vec<HostFigures>,
    /// Messages of this host that are on their way through the stream, and their bytes.
    pub(in crate::admin) waiting: u64,
    pub(in crate::admin) waiting_bytes: u64,
    /// Messages of this host that came back, and of others.
    pub(in crate::admin) returned: u64,
    pub(in crate::admin) heard: u64,
    /// What 99 of 100 have not passed on their way through the stream, in seconds.
    pub(in crate::admin) return_p99: Option<f64>,
    /// What other hosts had for one client each that had gone.
    pub(in crate::admin) undelivered: u64,
    /// Messages that were given up or refused.
    pub(in crate::admin) refused: u64,
    /// Messages that were heard here before Redis had them.
    pub(in crate::admin) alone: u64,
    /// Times that Redis was away, that it went on in another epoch, that something was missing.
    pub(in crate::admin) aways: u64,
    pub(in crate::admin) epochs: u64,
    pub(in crate::admin) gaps: u64,
    #[serde(skip)]
    pub(in crate::admin) returns: Times,
}

/// One of the hosts that share a route.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct HostFigures {
    /// Its number, which its clients' numbers begin with.
    pub(in crate::admin) host: String,
    /// What its machine is called.
    pub(in crate::admin) machine: String,
    /// Clients that it has on the route.
    pub(in crate::admin) clients: u64,
}

impl Engine {
    pub(super) fn of(counts: &EngineCounts, route: &Route) -> Engine {
        let EngineState {
            away,
            server,
            position,
            waiting,
            waiting_bytes,
        } = counts.state.lock().clone();
        let returns = counts.returned.times();
        Engine {
            address: counts.address.clone(),
            server,
            away,
            position,
            hosts: hosts(route),
            waiting,
            waiting_bytes,
            returned: returns.count(),
            heard: counts.heard.get(),
            return_p99: finite(returns.bound_of(0.99)),
            undelivered: counts.undelivered.get(),
            refused: counts.refused.get(),
            alone: counts.alone.get(),
            aways: counts.aways.get(),
            epochs: counts.epochs.get(),
            gaps: counts.gaps.get(),
            returns,
        }
    }
}

fn hosts(route: &Route) -> Vec<HostFigures> {
    let mut hosts = vec![HostFigures {
        host: this_host().to_string(),
        machine: machine().to_owned(),
        clients: route.client_count(),
    }];
    let known = route.shared().and_then(|shared| shared.elsewhere().now());
    if let Some(known) = known {
        hosts.extend(known.of(&route.path()).map(|(host, of)| HostFigures {
            host: host.number.to_string(),
            machine: host.machine.to_string(),
            clients: of.clients,
        }));
    }
    hosts
}
