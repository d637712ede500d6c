//! The ways of shared routes to other hosts.

use std::fmt;

use super::writer::{Labels, Writer, one};
use crate::admin::figures::{Engine, Figures};

/// A family with a value for each shared route: its name, what it means, and how it is read.
type Family = (&'static str, &'static str, fn(&Engine) -> u64);

const GAUGES: [Family; 5] = [
    (
        "detent_engine_up",
        "1 while Redis is there, 0 while it is away",
        |of| u64::from(of.away.is_none()),
    ),
    (
        "detent_engine_waiting",
        "Messages of this host that are on their way through the stream",
        |of| of.waiting,
    ),
    (
        "detent_engine_waiting_bytes",
        "Bytes of these messages, a message counting 2 KiB at least",
        |of| of.waiting_bytes,
    ),
    (
        "detent_engine_hosts",
        "Hosts that share the route and are known to be there, this one included",
        |of| of.hosts.len() as u64,
    ),
    (
        "detent_engine_clients_elsewhere",
        "Clients that the other hosts have on the route, as far as that is known",
        |of| of.hosts.iter().skip(1).map(|host| host.clients).sum(),
    ),
];

const COUNTERS: [Family; 8] = [
    (
        "detent_engine_returned",
        "Messages of this host that came back by the stream",
        |of| of.returned,
    ),
    ("detent_engine_heard", "Messages of other hosts", |of| {
        of.heard
    }),
    (
        "detent_engine_undelivered",
        "Messages and closes of other hosts that were for a client which had gone from this one",
        |of| of.undelivered,
    ),
    (
        "detent_engine_refused",
        "Messages of this host that were given up or refused, since Redis was away or did not keep up",
        |of| of.refused,
    ),
    (
        "detent_engine_alone",
        "Messages of this host that were heard here while Redis was away, and elsewhere later",
        |of| of.alone,
    ),
    ("detent_engine_aways", "Times that Redis was away", |of| {
        of.aways
    }),
    (
        "detent_engine_epochs",
        "Times that the stream went on in another epoch, since Redis was started anew or failed over",
        |of| of.epochs,
    ),
    (
        "detent_engine_gaps",
        "Times that something of the stream could not be had any more, and clients were told",
        |of| of.gaps,
    ),
];

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    // Nothing of it stands there where nothing is shared.
    let shared: Vec<_> = figures
        .routes
        .iter()
        .filter_map(|route| Some((one("route", &*route.path), route.engine.as_ref()?)))
        .collect();
    if shared.is_empty() {
        return Ok(());
    }
    let rows = |value: fn(&Engine) -> u64| -> Vec<(Labels, f64)> {
        let rows = shared.iter();
        rows.map(|(labels, of)| (labels.clone(), value(of) as f64))
            .collect()
    };
    for (name, help, value) in GAUGES {
        writer.gauges(name, help, rows(value))?;
    }
    for (name, help, value) in COUNTERS {
        writer.counters(name, help, rows(value))?;
    }
    let times = shared
        .iter()
        .map(|(labels, of)| (labels.clone(), &of.returns));
    let help =
        "How long messages of this host are on their way through the stream, until they are back";
    writer.histograms("detent_engine_return_seconds", help, times)
}
