//! The routes, each with its clients, its callbacks, and its part of the hub's work.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::counts::{Closes, closes};
use super::engine::Engine;
use super::own::OwnMetric;
use super::{Connections, finite};
use crate::admin::View;
use crate::counters::{Exchanged, JournalFigures, Times, Visited};
use crate::hub::QueueLoad;
use crate::ids::RouteId;
use crate::limits::CALLBACK_SECONDS_MAX;
use crate::outbox::{self, Kind};
use crate::plugin::Route;
use crate::roster::activity::Callback;

/// One route.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct RouteFigures {
    pub(in crate::admin) path: String,
    pub(in crate::admin) plugin: String,
    pub(in crate::admin) plugin_version: String,
    pub(in crate::admin) library: String,
    pub(in crate::admin) is_in_service: bool,
    /// The one who runs the server has put it out of service, and not its panics.
    pub(in crate::admin) is_held_out: bool,
    pub(in crate::admin) clients: u64,
    /// Clients that came, and that left, since the start.
    pub(in crate::admin) opened: u64,
    pub(in crate::admin) closed: u64,
    pub(in crate::admin) closes: Closes,
    pub(in crate::admin) slow_clients: u64,
    pub(in crate::admin) backlog_bytes: u64,
    /// By what they are.
    pub(in crate::admin) kinds: Vec<(&'static str, u64)>,
    /// What clients said, what callbacks answered their own client, and what the hub gave to clients, once for each.
    pub(in crate::admin) messages_in: u64,
    pub(in crate::admin) bytes_in: u64,
    pub(in crate::admin) messages_answered: u64,
    pub(in crate::admin) bytes_answered: u64,
    pub(in crate::admin) messages_delivered: u64,
    pub(in crate::admin) bytes_delivered: u64,
    /// Messages that a full backlog did not take.
    pub(in crate::admin) dropped: u64,
    pub(in crate::admin) queue_bytes: u64,
    pub(in crate::admin) queue_waiting: u64,
    pub(in crate::admin) queue_waited: u64,
    /// What 99 of 100 rounds of the hub, and waits for it, have not passed, in seconds.
    pub(in crate::admin) round_p99: Option<f64>,
    pub(in crate::admin) wait_p99: Option<f64>,
    /// What is kept of its topics; none where nothing ever was.
    pub(in crate::admin) journal: Option<Journal>,
    /// How its way to other hosts stands; none where it is this host's alone.
    pub(in crate::admin) engine: Option<Engine>,
    pub(in crate::admin) failed: u64,
    pub(in crate::admin) panicked: u64,
    /// Callbacks that have run for so long by now that they were reported.
    pub(in crate::admin) long_now: u64,
    pub(in crate::admin) long: u64,
    pub(in crate::admin) callbacks: Vec<CallbackFigures>,
    /// What its plugin counts for itself.
    pub(in crate::admin) own_metrics: Vec<OwnMetric>,
    #[serde(skip)]
    pub(in crate::admin) rounds: Times,
    #[serde(skip)]
    pub(in crate::admin) waits: Times,
}

/// What is kept of the topics of one route.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct Journal {
    pub(in crate::admin) topics: u64,
    pub(in crate::admin) messages: u64,
    pub(in crate::admin) bytes: u64,
    /// Number of the last message that was kept.
    pub(in crate::admin) position: u64,
    /// Messages that were let go: too many, too old, or with their topic.
    pub(in crate::admin) let_go: u64,
}

impl Journal {
    fn of(figures: JournalFigures) -> Option<Journal> {
        let JournalFigures {
            topics,
            messages,
            bytes,
            position,
            let_go,
        } = figures;
        (position > 0).then_some(Journal {
            topics,
            messages,
            bytes,
            position,
            let_go,
        })
    }
}

/// The calls of one callback of one route.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct CallbackFigures {
    pub(in crate::admin) name: &'static str,
    pub(in crate::admin) count: u64,
    pub(in crate::admin) seconds: f64,
    /// What 99 of 100 have not passed, in seconds; none where it is more than all bounds.
    pub(in crate::admin) p99: Option<f64>,
    #[serde(skip)]
    pub(in crate::admin) times: Times,
}

/// What a look at all connections has found.
pub(super) struct Seen {
    pub(super) all: Connections,
    by_route: HashMap<RouteId, OnRoute>,
    long: HashMap<RouteId, u64>,
}

#[derive(Default)]
struct OnRoute {
    clients: Connections,
    exchanged: Exchanged,
    kinds: HashMap<Kind, u64>,
}

impl Connections {
    fn add(&mut self, is_client: bool, figures: &outbox::Figures) {
        self.all += 1;
        self.clients += u64::from(is_client);
        self.slow += u64::from(figures.is_slow);
        self.backlog_bytes += figures.backlog;
    }
}

impl Seen {
    /// Looks at every place for a connection once.
    pub(super) fn look<'a>(view: &View, routes: impl Iterator<Item = &'a Arc<Route>>) -> Seen {
        let mut seen = Seen {
            all: Connections::default(),
            by_route: HashMap::new(),
            long: HashMap::new(),
        };
        // Before those who are here: see `RouteCounts::left`.
        for route in routes {
            let on_route = seen.by_route.entry(route.id()).or_default();
            on_route.exchanged = route.counts().left();
        }
        view.roster
            .for_each_connection(|_, route, outbox, traffic| {
                let figures = outbox.figures();
                seen.all.add(route.is_some(), &figures);
                if let Some(route) = route {
                    let on_route = seen.by_route.entry(route).or_default();
                    let own = outbox.own_share(traffic.exchanged());
                    on_route.exchanged = on_route.exchanged.with(own);
                    on_route.clients.add(true, &figures);
                    *on_route.kinds.entry(figures.kind).or_default() += 1;
                }
            });
        let tick = view.roster.clock.tick();
        for (_, running) in view.roster.busy() {
            if tick.saturating_sub(running.since) >= CALLBACK_SECONDS_MAX {
                *seen.long.entry(running.route).or_default() += 1;
            }
        }
        seen
    }

    pub(super) fn route(&self, route: &Arc<Route>) -> RouteFigures {
        let none = OnRoute::default();
        let on_route = self.by_route.get(&route.id()).unwrap_or(&none);
        let (library, times, counts) = (route.library(), route.times(), route.counts());
        let Exchanged { incoming, answers } = counts.never_less(on_route.exchanged);
        let Visited {
            opened,
            closed,
            dropped,
        } = counts.visits.read();
        let deliveries = counts.hub.deliveries.get();
        let (rounds, waits) = (counts.hub.rounds.times(), counts.hub.waits.times());
        let QueueLoad {
            bytes,
            waiting,
            waited,
        } = route.queue_load();
        let kinds = Kind::ALL.into_iter();
        RouteFigures {
            path: route.path().to_string(),
            plugin: library.name.clone(),
            plugin_version: library.version.clone(),
            library: library.file.display().to_string(),
            is_in_service: !route.is_out_of_service(),
            is_held_out: route.is_held_out(),
            clients: on_route.clients.clients,
            opened,
            closed: closed.all(),
            closes: closes(&closed),
            slow_clients: on_route.clients.slow,
            backlog_bytes: on_route.clients.backlog_bytes,
            kinds: kinds
                .map(|kind| (kind.name(), on_route.kinds.get(&kind).copied().unwrap_or(0)))
                .collect(),
            messages_in: incoming.messages,
            bytes_in: incoming.bytes,
            messages_answered: answers.messages,
            bytes_answered: answers.bytes,
            messages_delivered: deliveries.messages,
            bytes_delivered: deliveries.bytes,
            dropped,
            queue_bytes: bytes,
            queue_waiting: waiting,
            queue_waited: waited,
            round_p99: finite(rounds.bound_of(0.99)),
            wait_p99: finite(waits.bound_of(0.99)),
            journal: Journal::of(counts.hub.journal.get()),
            engine: counts.engine().map(|of| Engine::of(of, route)),
            failed: times.failed.get(),
            panicked: times.panicked.get(),
            long_now: self.long.get(&route.id()).copied().unwrap_or(0),
            long: times.long.get(),
            callbacks: Callback::ALL
                .into_iter()
                .filter_map(|callback| CallbackFigures::of(callback, times.of(callback)?))
                .collect(),
            own_metrics: route
                .own_metrics()
                .read()
                .into_iter()
                .map(OwnMetric::of)
                .collect(),
            rounds,
            waits,
        }
    }
}

impl CallbackFigures {
    fn of(callback: Callback, times: Times) -> Option<CallbackFigures> {
        (times.count() > 0).then(|| CallbackFigures {
            name: callback.name(),
            count: times.count(),
            seconds: times.seconds(),
            p99: finite(times.bound_of(0.99)),
            times,
        })
    }
}
