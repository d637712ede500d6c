//! The figures as Prometheus reads them (text format 0.0.4).
//!
//! The one place that names prometheus-client. Labels are routes, plugins, callbacks, statuses and close codes
//! that have a place of their own, so that their number is bounded by the configuration.

mod own_metrics;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::figures::{Figures, RouteFigures, code_text};
use crate::counters::Times;

/// What the answer says it is.
pub(super) const TYPE: &str = CONTENT_TYPE;

/// All metrics as text.
pub(super) fn text(figures: Figures) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Arc::new(Page(figures))));
    let mut text = String::new();
    // Writing to a string cannot fail.
    encode(&mut text, &registry).ok();
    text
}

#[derive(Debug)]
struct Page(Figures);

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        server(&self.0, &mut writer)?;
        traffic(&self.0, &mut writer)?;
        routes(&self.0, &mut writer)?;
        hub(&self.0, &mut writer)?;
        life(&self.0, &mut writer)?;
        process(&self.0, &mut writer)?;
        own_metrics::write(&self.0, &mut writer)
    }
}

type Labels = Vec<(&'static str, String)>;

/// Writes families: a name, what it means, and a value for each set of labels.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (impl EncodeLabelSet, f64)>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in rows {
            let mut one = family.encode_family(&labels)?;
            one.encode_counter::<NoLabelSet, f64, f64>(&value, None)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, help, [(Labels::new(), value as f64)])
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (impl EncodeLabelSet, f64)>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in rows {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.gauges(name, help, [(Labels::new(), value)])
    }

    fn histograms<'t>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, &'t Times)>,
    ) -> fmt::Result {
        let rows = rows.into_iter();
        let rows = rows.map(|(labels, times)| (labels, times.seconds(), times.buckets().collect()));
        self.buckets(name, help, rows)
    }

    fn buckets(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (impl EncodeLabelSet, f64, Vec<(f64, u64)>)>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, sum, buckets) in rows {
            let count = buckets.iter().map(|bucket| bucket.1).sum();
            let mut one = family.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

fn one(name: &'static str, value: &dyn ToString) -> Labels {
    vec![(name, value.to_string())]
}

fn of_route(route: &RouteFigures) -> Labels {
    vec![
        ("route", route.path.clone()),
        ("plugin", route.plugin.clone()),
    ]
}

fn server(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let (capacity, here) = (&figures.capacity, &figures.connections);
    let version = [(one("version", &figures.version), 1.0)];
    writer.gauges("detent_build_info", "The version that runs", version)?;
    let is_ready = f64::from(u8::from(figures.state == "ready"));
    let help = "1 while clients may be sent here, as /readyz says";
    writer.gauge("detent_ready", help, is_ready)?;
    let help = "Connections that are there now, those in their handshake included";
    writer.gauge("detent_connections", help, here.all as f64)?;
    let most = [(one("limit", &capacity.limit), capacity.connections as f64)];
    let help = "Connections that there may be, and the limit that says so";
    writer.gauges("detent_connections_max", help, most)?;
    let clients = figures.routes.iter().flat_map(|route| {
        let of_kind = |&(kind, count): &(crate::outbox::Kind, u64)| {
            let mut labels = one("route", &route.path);
            labels.push(("kind", kind.name().to_owned()));
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
    let mut labels = one("route", &"");
    labels.push(("kind", "plain".to_owned()));
    let clients = clients.chain([(labels, on_none as f64)]);
    let help = "Connections by route and kind; without a route those that have asked for none yet";
    writer.gauges("detent_clients", help, clients)
}

fn traffic(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let counts = &figures.counts;
    let help = "Connections that were accepted, refused ones included";
    writer.counter("detent_accepted", help, counts.accepted)?;
    let by_status =
        |(&status, &count): (&u16, &u64)| (one("status", &code_text(status)), count as f64);
    let gone = (one("status", &"none"), counts.unanswered as f64);
    let refused = counts.refused_at_door.iter().map(by_status).chain([gone]);
    let help = "Connections that were refused before their request was read, by status";
    writer.counters("detent_refused", help, refused)?;
    let help = "Requests by the status of their answer; 101 is a client that was let in";
    writer.counters(
        "detent_requests",
        help,
        counts.answered.iter().map(by_status),
    )?;
    let help = "Clients that came onto a route";
    writer.counter("detent_opened", help, counts.opened)?;
    let closed = counts.closes.iter().map(|(by, code, count)| {
        let labels = vec![("by", (*by).to_owned()), ("code", code.clone())];
        (labels, *count as f64)
    });
    let help = "Clients that left their route, by who began and by close code";
    writer.counters("detent_closed", help, closed)?;
    let ways = [
        ("in", counts.messages_in, counts.bytes_in),
        ("answered", counts.messages_answered, counts.bytes_answered),
        (
            "delivered",
            counts.messages_delivered,
            counts.bytes_delivered,
        ),
    ];
    let messages = ways.map(|(way, messages, _)| (one("way", &way), messages as f64));
    let help = "Messages: what clients said, what callbacks answered their own client, what the hub delivered, \
                once for each client";
    writer.counters("detent_messages", help, messages)?;
    let bytes = ways.map(|(way, _, bytes)| (one("way", &way), bytes as f64));
    let help = "Bytes of these messages: of the payload, of what was delivered as frames";
    writer.counters("detent_message_bytes", help, bytes)?;
    let help = "Messages that a full backlog did not take";
    writer.counter("detent_dropped_messages", help, counts.dropped)?;
    let help = "Clients that were cut off since their socket took no byte for too long";
    writer.counter("detent_stalled_clients", help, counts.stalled)
}

fn routes(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let routes = &figures.routes;
    let rows = |value: fn(&RouteFigures) -> f64| {
        routes
            .iter()
            .map(move |route| (of_route(route), value(route)))
    };
    let help = "1 while the route is served, 0 while its plugin is out of service";
    writer.gauges(
        "detent_route_in_service",
        help,
        rows(|of| f64::from(u8::from(of.is_in_service))),
    )?;
    let help = "Clients of the route whose socket is full";
    writer.gauges(
        "detent_slow_clients",
        help,
        rows(|of| of.slow_clients as f64),
    )?;
    let help = "Bytes that wait for clients whose socket is full";
    writer.gauges(
        "detent_backlog_bytes",
        help,
        rows(|of| of.backlog_bytes as f64),
    )?;
    let help =
        "Bytes that wait for the hub in the queue of the route; an event counts 1 KiB at least";
    writer.gauges("detent_queue_bytes", help, rows(|of| of.queue_bytes as f64))?;
    let help = "Threads that wait for room in that queue";
    writer.gauges(
        "detent_queue_waiting",
        help,
        rows(|of| of.queue_waiting as f64),
    )?;
    let help = "Calls that had to wait for room in that queue";
    writer.counters(
        "detent_queue_waited",
        help,
        rows(|of| of.queue_waited as f64),
    )?;
    let help = "Callbacks that answered with an error";
    writer.counters(
        "detent_callback_failures",
        help,
        rows(|of| of.failed as f64),
    )?;
    let help = "Callbacks that panicked";
    writer.counters(
        "detent_callback_panics",
        help,
        rows(|of| of.panicked as f64),
    )?;
    let help = "Callbacks that run now and have for 5 seconds or longer";
    writer.gauges(
        "detent_long_callbacks_running",
        help,
        rows(|of| of.long_now as f64),
    )?;
    let help = "Callbacks that have run for 5 seconds or longer";
    writer.counters("detent_long_callbacks", help, rows(|of| of.long as f64))?;
    let times = routes.iter().flat_map(|route| {
        route.callbacks.iter().map(|callback| {
            let mut labels = of_route(route);
            labels.push(("callback", callback.name.to_owned()));
            (labels, &callback.times)
        })
    });
    let help = "How long callbacks take";
    writer.histograms("detent_callback_seconds", help, times)
}

fn hub(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let hub = &figures.hub;
    let help = "Rounds of the hub: what is said on a route is collected and sent";
    writer.counter("detent_hub_rounds", help, hub.rounds)?;
    writer.counter("detent_hub_events", "Events that the hub took", hub.events)?;
    let help =
        "How long the hub works on one route without a break; a long round takes several turns";
    let none = Labels::new;
    writer.histograms("detent_hub_turn_seconds", help, [(none(), &hub.turns)])?;
    let help = "How long the first of what is said on a silent route waits until the hub takes it";
    writer.histograms("detent_queue_wait_seconds", help, [(none(), &hub.waits)])
}

fn life(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let reloads = &figures.reloads;
    let results = |done, refused| [("done", done), ("refused", refused)];
    let rows =
        |of: [(&str, u64); 2]| of.map(|(result, count)| (one("result", &result), count as f64));
    let help = "Reloads by result";
    writer.counters(
        "detent_reloads",
        help,
        rows(results(reloads.done, reloads.refused)),
    )?;
    let help = "Replacements of a route's code by result";
    let swaps = results(reloads.swaps_done, reloads.swaps_refused);
    writer.counters("detent_swaps", help, rows(swaps))?;
    if let Some(last) = &reloads.last {
        let help = "When the last reload was, in seconds since 1970";
        writer.gauge("detent_last_reload_timestamp_seconds", help, last.at)?;
        let help = "1 where the last reload was carried out";
        let is_done = f64::from(u8::from(last.is_done));
        writer.gauge("detent_last_reload_successful", help, is_done)?;
    }
    let help = "Libraries that were loaded, those that were replaced included";
    writer.counter("detent_library_loads", help, figures.library_loads)?;
    let help = "Log lines that were not written, since the writer or the disk did not keep up";
    writer.counter("detent_log_lines_lost", help, figures.counts.log_lines_lost)?;
    let help = "Log lines about clients that were too many";
    writer.counter(
        "detent_log_lines_left_out",
        help,
        figures.counts.log_lines_left_out,
    )
}

fn process(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let process = &figures.process;
    let help = "Processor time that the process has used";
    writer.counters(
        "process_cpu_seconds",
        help,
        [(Labels::new(), process.cpu_seconds)],
    )?;
    let help = "When the process started, in seconds since 1970";
    writer.gauge("process_start_time_seconds", help, figures.started)?;
    for (name, help, value) in [
        (
            "process_resident_memory_bytes",
            "Memory of the process that is resident",
            process.resident_bytes,
        ),
        (
            "process_resident_memory_peak_bytes",
            "The most that it ever was",
            process.peak_resident_bytes,
        ),
        ("process_threads", "Threads of the process", process.threads),
        (
            "process_open_fds",
            "Open files of the process",
            process.open_files,
        ),
        (
            "process_max_fds",
            "Files that it may have open",
            process.open_files_max,
        ),
        (
            "detent_kernel_tcp_bytes",
            "Kernel buffers of TCP, of the whole machine or network namespace: no memory of the process",
            process.kernel_tcp_bytes,
        ),
    ] {
        writer.gauge(name, help, value as f64)?;
    }
    Ok(())
}
