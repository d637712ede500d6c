//! Everything there is to tell of the server at one moment: what `/status.json` says, and `/metrics` in other
//! words.
//!
//! Runs on the thread of one connection. Reads what others have counted; each number is right by itself, two
//! of them may be some moments apart.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::process::{self, Process};
use super::{Reload, View};
use crate::counters::{
    Amount, ByCode, COUNTERS, MetricKind, Number, OTHER, OwnFigures, Times, Totals,
};
use crate::hub::QueueLoad;
use crate::ids::RouteId;
use crate::limits::CALLBACK_SECONDS_MAX;
use crate::outbox::Kind;
use crate::plugin::Route;
use crate::roster::activity::Callback;

/// The server at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) version: &'static str,
    /// Seconds since 1970.
    pub(super) now: f64,
    pub(super) started: f64,
    /// `ready`, or why no client is to be sent here.
    pub(super) state: String,
    pub(super) capacity: Capacity,
    pub(super) connections: Connections,
    pub(super) routes: Vec<RouteFigures>,
    pub(super) counts: Counts,
    pub(super) hub: HubFigures,
    pub(super) process: Process,
    /// Libraries that were loaded so far; none is ever unloaded.
    pub(super) library_loads: u64,
    pub(super) reloads: Reloads,
    pub(super) log_level: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Capacity {
    pub(super) connections: u64,
    /// What sets it, and to what that is set.
    pub(super) limit: &'static str,
    pub(super) value: u64,
}

/// Connections that are there now.
#[derive(Debug, Default, Serialize)]
pub(super) struct Connections {
    pub(super) all: u64,
    /// On a route.
    pub(super) clients: u64,
    pub(super) slow: u64,
    pub(super) backlog_bytes: u64,
}

/// One route.
#[derive(Debug, Serialize)]
pub(super) struct RouteFigures {
    pub(super) path: String,
    pub(super) plugin: String,
    pub(super) plugin_version: String,
    pub(super) library: String,
    pub(super) is_in_service: bool,
    /// The one who runs the server has put it out of service, and not its panics.
    pub(super) is_held_out: bool,
    pub(super) clients: u64,
    pub(super) slow_clients: u64,
    pub(super) backlog_bytes: u64,
    #[serde(skip)]
    pub(super) kinds: Vec<(Kind, u64)>,
    pub(super) queue_bytes: u64,
    pub(super) queue_waiting: u64,
    pub(super) queue_waited: u64,
    pub(super) failed: u64,
    pub(super) panicked: u64,
    /// Callbacks that have run for so long by now that they were reported.
    pub(super) long_now: u64,
    pub(super) long: u64,
    pub(super) callbacks: Vec<CallbackFigures>,
    /// What its plugin counts for itself.
    pub(super) own_metrics: Vec<OwnMetric>,
}

/// A metric of a plugin's own.
#[derive(Debug, Serialize)]
pub(super) struct OwnMetric {
    name: String,
    kind: &'static str,
    help: String,
    labels: Vec<String>,
    rows: Vec<OwnRow>,
    #[serde(skip)]
    pub(super) figures: OwnFigures,
}

/// One series of it.
#[derive(Debug, Serialize)]
struct OwnRow {
    /// Values of the labels.
    labels: Vec<String>,
    /// The number; of a histogram the sum.
    value: f64,
    /// Of a histogram how many there were.
    count: Option<u64>,
}

impl OwnMetric {
    fn of(figures: OwnFigures) -> OwnMetric {
        let declaration = &figures.declaration;
        let rows = figures.rows.iter().map(|(labels, number)| {
            let (value, count) = match number {
                Number::One(value) => (*value, None),
                Number::Buckets(sum, buckets) => {
                    (*sum, Some(buckets.iter().map(|bucket| bucket.1).sum()))
                }
            };
            let labels = labels.clone();
            OwnRow {
                labels,
                value,
                count,
            }
        });
        OwnMetric {
            name: declaration.name.clone(),
            kind: match declaration.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            },
            help: declaration.help.clone(),
            labels: declaration.labels.clone(),
            rows: rows.collect(),
            figures,
        }
    }
}

/// The calls of one callback of one route.
#[derive(Debug, Serialize)]
pub(super) struct CallbackFigures {
    pub(super) name: &'static str,
    pub(super) count: u64,
    pub(super) seconds: f64,
    /// What 99 of 100 have not passed, in seconds; none where it is more than all bounds.
    pub(super) p99: Option<f64>,
    #[serde(skip)]
    pub(super) times: Times,
}

/// What has happened since the start.
#[derive(Debug, Serialize)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) refused: u64,
    pub(super) messages_in: u64,
    pub(super) bytes_in: u64,
    pub(super) messages_answered: u64,
    pub(super) bytes_answered: u64,
    pub(super) messages_delivered: u64,
    pub(super) bytes_delivered: u64,
    pub(super) dropped: u64,
    pub(super) stalled: u64,
    /// Requests and newcomers by the status of their answer.
    pub(super) statuses: Vec<(String, u64)>,
    /// Clients that left: by whom, close code, number.
    pub(super) closes: Vec<(&'static str, String, u64)>,
    pub(super) log_lines_lost: u64,
    pub(super) log_lines_left_out: u64,
    #[serde(skip)]
    pub(super) refused_at_door: ByCode,
    #[serde(skip)]
    pub(super) answered: ByCode,
    #[serde(skip)]
    pub(super) unanswered: u64,
}

/// The hub since the start.
#[derive(Debug, Serialize)]
pub(super) struct HubFigures {
    pub(super) rounds: u64,
    pub(super) events: u64,
    /// Seconds that it has worked.
    pub(super) busy_seconds: f64,
    /// How many of its turns, and waits for it, were measured.
    pub(super) turn_count: u64,
    pub(super) wait_count: u64,
    /// What 99 of 100 of them have not passed, in seconds.
    pub(super) turn_p99: Option<f64>,
    pub(super) wait_p99: Option<f64>,
    #[serde(skip)]
    pub(super) turns: Times,
    #[serde(skip)]
    pub(super) waits: Times,
}

#[derive(Debug, Serialize)]
pub(super) struct Reloads {
    pub(super) done: u64,
    pub(super) refused: u64,
    pub(super) swaps_done: u64,
    pub(super) swaps_refused: u64,
    pub(super) last: Option<Reload>,
}

impl Figures {
    /// Reads everything. Looks at every place for a connection once.
    pub(super) fn read(view: &View) -> Figures {
        let site = view.sites.current();
        let seen = Seen::look(view);
        let route = |route: &std::sync::Arc<Route>| seen.route(route);
        let routes: Vec<_> = site.routes.iter().map(route).collect();
        let totals = COUNTERS.totals(&view.roster.all_traffic());
        let published = view.published.lock().clone();
        let main = &COUNTERS.main;
        Figures {
            version: env!("CARGO_PKG_VERSION"),
            now: seconds_since_1970(SystemTime::now()),
            started: seconds_since_1970(view.started),
            state: match view.readiness.check() {
                Ok(()) => "ready".to_owned(),
                Err(why) => why.to_string(),
            },
            capacity: Capacity {
                connections: published.capacity.connections,
                limit: published.capacity.limit(),
                value: published.capacity.value(),
            },
            connections: seen.all,
            routes,
            counts: Counts::of(totals),
            hub: HubFigures::read(),
            process: process::read(),
            library_loads: published.library_loads,
            reloads: Reloads {
                done: main.reloads_done.get(),
                refused: main.reloads_refused.get(),
                swaps_done: main.swaps_done.get(),
                swaps_refused: main.swaps_refused.get(),
                last: published.last_reload,
            },
            log_level: log::max_level().to_string().to_ascii_lowercase(),
        }
    }
}

/// What a look at all connections has found.
struct Seen {
    all: Connections,
    by_route: HashMap<RouteId, OnRoute>,
    long: HashMap<RouteId, u64>,
}

#[derive(Default)]
struct OnRoute {
    clients: Connections,
    kinds: HashMap<Kind, u64>,
}

impl Connections {
    fn add(&mut self, is_client: bool, figures: &crate::outbox::Figures) {
        self.all += 1;
        self.clients += u64::from(is_client);
        self.slow += u64::from(figures.is_slow);
        self.backlog_bytes += figures.backlog;
    }
}

impl Seen {
    fn look(view: &View) -> Seen {
        let mut seen = Seen {
            all: Connections::default(),
            by_route: HashMap::new(),
            long: HashMap::new(),
        };
        view.roster.for_each_connection(|_, route, outbox, _| {
            let figures = outbox.figures();
            seen.all.add(route.is_some(), &figures);
            if let Some(route) = route {
                let on_route = seen.by_route.entry(route).or_default();
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

    fn route(&self, route: &std::sync::Arc<Route>) -> RouteFigures {
        let none = OnRoute::default();
        let on_route = self.by_route.get(&route.id()).unwrap_or(&none);
        let (library, times) = (route.library(), route.times());
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
            slow_clients: on_route.clients.slow,
            backlog_bytes: on_route.clients.backlog_bytes,
            kinds: kinds
                .map(|kind| (kind, on_route.kinds.get(&kind).copied().unwrap_or(0)))
                .collect(),
            queue_bytes: bytes,
            queue_waiting: waiting,
            queue_waited: waited,
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

impl Counts {
    fn of(totals: Totals) -> Counts {
        let of = |codes: &ByCode| codes.values().sum::<u64>();
        let mut statuses = totals.refused.clone();
        for (status, count) in &totals.answered {
            *statuses.entry(*status).or_default() += count;
        }
        let closed = &totals.closed;
        let closes = [
            ("peer", &closed.by_peer),
            ("plugin", &closed.by_plugin),
            ("server", &closed.by_server),
        ];
        let closes = closes.into_iter().flat_map(|(by, codes)| {
            let of_one = |(&code, &count): (&u16, &u64)| (by, code_text(code), count);
            codes.iter().map(of_one).collect::<Vec<_>>()
        });
        let Amount { messages, bytes } = totals.incoming;
        Counts {
            accepted: totals.accepted,
            opened: totals.opened,
            closed: closed.all(),
            refused: of(&totals.refused) + totals.unanswered,
            messages_in: messages,
            bytes_in: bytes,
            messages_answered: totals.answers.messages,
            bytes_answered: totals.answers.bytes,
            messages_delivered: totals.deliveries.messages,
            bytes_delivered: totals.deliveries.bytes,
            dropped: totals.dropped,
            stalled: totals.stalled,
            statuses: statuses
                .iter()
                .map(|(&status, &count)| (code_text(status), count))
                .collect(),
            closes: closes.collect(),
            log_lines_lost: totals.log_lines_lost,
            log_lines_left_out: totals.log_lines_left_out,
            refused_at_door: totals.refused,
            answered: totals.answered,
            unanswered: totals.unanswered,
        }
    }
}

impl HubFigures {
    fn read() -> HubFigures {
        let hub = &COUNTERS.hub;
        let (turns, waits) = (hub.turns.times(), hub.waits.times());
        HubFigures {
            rounds: hub.rounds.get(),
            events: hub.events.get(),
            busy_seconds: turns.seconds(),
            turn_count: turns.count(),
            wait_count: waits.count(),
            turn_p99: finite(turns.bound_of(0.99)),
            wait_p99: finite(waits.bound_of(0.99)),
            turns,
            waits,
        }
    }
}

/// A status or close code as labels have it.
pub(super) fn code_text(code: u16) -> String {
    match code {
        OTHER => "other".to_owned(),
        code => code.to_string(),
    }
}

/// JSON has no infinity.
fn finite(bound: Option<f64>) -> Option<f64> {
    bound.filter(|bound| bound.is_finite())
}

fn seconds_since_1970(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}
