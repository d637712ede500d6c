//! Each route with its clients, callbacks, messages, journal, and its part of the hub's work.

use std::fmt;

use super::writer::{Labels, Writer};
use crate::admin::figures::{Figures, Journal, RouteFigures};

/// A family with a value for each route: its name, what it means, and how it is read.
type Family<T> = (&'static str, &'static str, fn(&T) -> u64);

const GAUGES: [Family<RouteFigures>; 6] = [
    (
        "detent_route_in_service",
        "1 while the route is served, 0 while its plugin is out of service",
        |of| u64::from(of.is_in_service),
    ),
    (
        "detent_slow_clients",
        "Clients of the route whose socket is full",
        |of| of.slow_clients,
    ),
    (
        "detent_backlog_bytes",
        "Bytes that wait for clients whose socket is full",
        |of| of.backlog_bytes,
    ),
    (
        "detent_queue_bytes",
        "Bytes that wait for the hub in the queue of the route; an event counts 2 KiB at least",
        |of| of.queue_bytes,
    ),
    (
        "detent_queue_waiting",
        "Threads that wait for room in that queue",
        |of| of.queue_waiting,
    ),
    (
        "detent_long_callbacks_running",
        "Callbacks that run now and have for 5 seconds or longer",
        |of| of.long_now,
    ),
];

const COUNTERS: [Family<RouteFigures>; 6] = [
    (
        "detent_route_opened",
        "Clients that came onto the route",
        |of| of.opened,
    ),
    (
        "detent_route_dropped_messages",
        "Messages for clients of the route that a full backlog did not take",
        |of| of.dropped,
    ),
    (
        "detent_queue_waited",
        "Calls that had to wait for room in that queue",
        |of| of.queue_waited,
    ),
    (
        "detent_callback_failures",
        "Callbacks that answered with an error",
        |of| of.failed,
    ),
    ("detent_callback_panics", "Callbacks that panicked", |of| {
        of.panicked
    }),
    (
        "detent_long_callbacks",
        "Callbacks that have run for 5 seconds or longer",
        |of| of.long,
    ),
];

/// Of routes on which something was ever kept.
const JOURNAL_GAUGES: [Family<Journal>; 4] = [
    (
        "detent_journal_topics",
        "Topics of which something is kept",
        |of| of.topics,
    ),
    ("detent_journal_messages", "Messages that are kept", |of| {
        of.messages
    }),
    (
        "detent_journal_bytes",
        "Bytes that kept messages count for, 64 of each beside its own",
        |of| of.bytes,
    ),
    (
        "detent_journal_position",
        "Number of the last message that was kept on the route",
        |of| of.position,
    ),
];

const JOURNAL_COUNTERS: [Family<Journal>; 1] = [(
    "detent_journal_let_go",
    "Messages that were kept and let go: too many, too old, or with their topic",
    |of| of.let_go,
)];

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let routes = &figures.routes;
    for (name, help, value) in GAUGES {
        let rows = routes.iter().map(|of| (labels(of), value(of) as f64));
        writer.gauges(name, help, rows)?;
    }
    for (name, help, value) in COUNTERS {
        let rows = routes.iter().map(|of| (labels(of), value(of) as f64));
        writer.counters(name, help, rows)?;
    }
    closes(routes, writer)?;
    messages(routes, writer)?;
    journals(routes, writer)?;
    times(routes, writer)
}

/// What names a route.
fn labels(route: &RouteFigures) -> Labels {
    vec![
        ("route", route.path.clone()),
        ("plugin", route.plugin.clone()),
    ]
}

fn closes(routes: &[RouteFigures], writer: &mut Writer<'_>) -> fmt::Result {
    let rows = routes.iter().flat_map(|route| {
        route.closes.iter().map(|(by, code, count)| {
            let mut labels = labels(route);
            labels.extend([("by", (*by).to_owned()), ("code", code.clone())]);
            (labels, *count as f64)
        })
    });
    let help = "Clients that left the route, by who began and by close code";
    writer.counters("detent_route_closed", help, rows)
}

fn messages(routes: &[RouteFigures], writer: &mut Writer<'_>) -> fmt::Result {
    let rows = |value: fn(&RouteFigures) -> [u64; 3]| {
        routes.iter().flat_map(move |route| {
            let ways = ["in", "answered", "delivered"].into_iter();
            ways.zip(value(route)).map(|(way, count)| {
                let mut labels = labels(route);
                labels.push(("way", way.to_owned()));
                (labels, count as f64)
            })
        })
    };
    let help = "Messages of the route: what clients said, what callbacks answered their own client, what the hub \
                delivered, once for each client";
    let messages = rows(|of| [of.messages_in, of.messages_answered, of.messages_delivered]);
    writer.counters("detent_route_messages", help, messages)?;
    let help = "Bytes of these messages: of the payload, of what was delivered as frames";
    let bytes = rows(|of| [of.bytes_in, of.bytes_answered, of.bytes_delivered]);
    writer.counters("detent_route_message_bytes", help, bytes)
}

fn journals(routes: &[RouteFigures], writer: &mut Writer<'_>) -> fmt::Result {
    let rows = |value: fn(&Journal) -> u64| {
        routes.iter().filter_map(move |route| {
            let journal = route.journal.as_ref()?;
            Some((labels(route), value(journal) as f64))
        })
    };
    for (name, help, value) in JOURNAL_GAUGES {
        writer.gauges(name, help, rows(value))?;
    }
    for (name, help, value) in JOURNAL_COUNTERS {
        writer.counters(name, help, rows(value))?;
    }
    Ok(())
}

fn times(routes: &[RouteFigures], writer: &mut Writer<'_>) -> fmt::Result {
    let rounds = routes.iter().map(|route| (labels(route), &route.rounds));
    let help = "How long the hub works on a round of the route, in all of its turns";
    writer.histograms("detent_hub_round_seconds", help, rounds)?;
    let waits = routes.iter().map(|route| (labels(route), &route.waits));
    let help = "How long an event of the route waits until the hub takes it: one of 31 is measured";
    writer.histograms("detent_queue_wait_sampled_seconds", help, waits)?;
    let callbacks = routes.iter().flat_map(|route| {
        route.callbacks.iter().map(|callback| {
            let mut labels = labels(route);
            labels.push(("callback", callback.name.to_owned()));
            (labels, &callback.times)
        })
    });
    writer.histograms(
        "detent_callback_seconds",
        "How long callbacks take",
        callbacks,
    )
}
