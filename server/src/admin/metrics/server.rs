//! The server as a whole: its capacity, its connections, the hub, reloads, the log.

use std::fmt;

use super::writer::{Labels, Writer, one};
use crate::admin::figures::Figures;

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let (capacity, here) = (&figures.capacity, &figures.connections);
    let version = [(one("version", figures.version), 1.0)];
    writer.gauges("detent_build_info", "The version that runs", version)?;
    let is_ready = f64::from(u8::from(figures.state == "ready"));
    let help = "1 while clients may be sent here, as /readyz says";
    writer.gauge("detent_ready", help, is_ready)?;
    let help = "Connections that are there now, those in their handshake included";
    writer.gauge("detent_connections", help, here.all as f64)?;
    let most = [(one("limit", capacity.limit), capacity.connections as f64)];
    let help = "Connections that there may be, and the limit that says so";
    writer.gauges("detent_connections_max", help, most)?;
    let clients = figures.routes.iter().flat_map(|route| {
        let of_kind = |&(kind, count): &(&str, u64)| {
            let mut labels = one("route", &*route.path);
            labels.push(("kind", kind.to_owned()));
            (labels, count as f64)
        };
        route.kinds.iter().map(of_kind).collect::<Vec<_>>()
    });
    let on_none = here.all
        - figures
            .routes
            .iter()
            .map(|route| route.clients)
            .sum::<u64>()
            .min(here.all);
    let mut labels = one("route", "");
    labels.push(("kind", "plain".to_owned()));
    let clients = clients.chain([(labels, on_none as f64)]);
    let help = "Connections by route and kind; without a route those that have asked for none yet";
    writer.gauges("detent_clients", help, clients)?;
    hub(figures, writer)?;
    life(figures, writer)
}

fn hub(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let hub = &figures.hub;
    let help = "Rounds of the hub: what is said on a route is collected and sent";
    writer.counter("detent_hub_rounds", help, hub.rounds)?;
    writer.counter("detent_hub_events", "Events that the hub took", hub.events)?;
    let help =
        "How long the hub works on one route without a break; a long round takes several turns";
    let turns = [(Labels::new(), &hub.turns)];
    writer.histograms("detent_hub_turn_seconds", help, turns)
}

fn life(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let reloads = &figures.reloads;
    let by_result = |done, refused| {
        let rows = [("done", done), ("refused", refused)];
        rows.map(|(result, count)| (one("result", result), count as f64))
    };
    let rows = by_result(reloads.done, reloads.refused);
    writer.counters("detent_reloads", "Reloads by result", rows)?;
    let help = "Replacements of a route's code by result";
    let rows = by_result(reloads.swaps_done, reloads.swaps_refused);
    writer.counters("detent_swaps", help, rows)?;
    if let Some(last) = &reloads.last {
        let help = "When the last reload was, in seconds since 1970";
        writer.gauge("detent_last_reload_timestamp_seconds", help, last.at)?;
        let help = "1 where the last reload was carried out";
        let is_done = f64::from(u8::from(last.is_done));
        writer.gauge("detent_last_reload_successful", help, is_done)?;
    }
    let help = "Libraries that were loaded, those that were replaced included";
    writer.counter("detent_library_loads", help, figures.library_loads)?;
    let counts = &figures.counts;
    let help = "Log lines that were not written, since the writer or the disk did not keep up";
    writer.counter("detent_log_lines_lost", help, counts.log_lines_lost)?;
    let help = "Log lines about clients that were too many";
    writer.counter("detent_log_lines_left_out", help, counts.log_lines_left_out)
}
