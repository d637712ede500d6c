//! What plugins count for themselves, in Prometheus' words.
//!
//! A family is a metric of a plugin over all of its routes. Where two routes declare it in different ways, the first
//! one says what it is, and the other is left out: Prometheus takes a name in one way only.

use std::collections::BTreeMap;
use std::fmt;

use super::writer::Writer;
use crate::admin::figures::{Figures, RouteFigures};
use crate::counters::{Declaration, MetricKind, Number, OwnFigures};

type Labels = Vec<(String, String)>;

/// Those of one name, each with its route.
type Family<'a> = Vec<(&'a RouteFigures, &'a OwnFigures)>;

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let mut families: BTreeMap<String, Family<'_>> = BTreeMap::new();
    for route in &figures.routes {
        for own in &route.own_metrics {
            let name = full_name(&route.plugin, &own.figures.declaration);
            let family = families.entry(name).or_default();
            let is_same = |first: &(&RouteFigures, &OwnFigures)| {
                let (one, other) = (&first.1.declaration, &own.figures.declaration);
                (one.kind, &one.labels, &one.bounds) == (other.kind, &other.labels, &other.bounds)
            };
            if family.first().is_none_or(is_same) {
                family.push((route, &own.figures));
            }
        }
    }
    families
        .iter()
        .try_for_each(|(name, family)| write_family(name, family, writer))
}

fn write_family(name: &str, family: &Family<'_>, writer: &mut Writer<'_>) -> fmt::Result {
    let Some((_, first)) = family.first() else {
        return Ok(());
    };
    let Declaration { kind, help, .. } = &first.declaration;
    let rows = family.iter().flat_map(|(route, own)| {
        own.rows.iter().map(move |(values, number)| {
            let own_labels = own.declaration.labels.iter().cloned();
            let mut labels: Labels = vec![
                ("route".to_owned(), route.path.clone()),
                ("plugin".to_owned(), route.plugin.clone()),
            ];
            labels.extend(own_labels.zip(values.iter().cloned()));
            (labels, number)
        })
    });
    let one = |(labels, number): (Labels, &Number)| match number {
        Number::One(value) | Number::Buckets(value, _) => (labels, *value),
    };
    match kind {
        MetricKind::Counter => writer.counters(name, help, rows.map(one)),
        MetricKind::Gauge => writer.gauges(name, help, rows.map(one)),
        MetricKind::Histogram => {
            let buckets = rows.map(|(labels, number)| match number {
                Number::Buckets(sum, buckets) => (labels, *sum, buckets.clone()),
                Number::One(sum) => (labels, *sum, Vec::new()),
            });
            writer.buckets(name, help, buckets)
        }
    }
}

/// Without the ending that a counter gets anyway.
fn full_name(plugin: &str, declaration: &Declaration) -> String {
    let name = match declaration.kind {
        MetricKind::Counter => declaration.name.strip_suffix("_total"),
        MetricKind::Gauge | MetricKind::Histogram => None,
    };
    let name = name.unwrap_or(&declaration.name);
    format!("detent_plugin_{}_{name}", plugin.replace('-', "_"))
}
