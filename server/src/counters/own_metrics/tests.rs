//! What plugins count, kind by kind, and what is refused.

use super::{Declaration, MetricError, MetricKind, Number, OwnMetrics};
use crate::limits::{METRIC_SERIES_MAX, METRICS_MAX};

fn declaration(kind: MetricKind, name: &str, labels: &[&str]) -> Declaration {
    let is_histogram = kind == MetricKind::Histogram;
    Declaration {
        kind,
        name: name.to_owned(),
        help: "what it means".to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        bounds: if is_histogram {
            vec![1.0, 10.0]
        } else {
            vec![]
        },
    }
}

#[test]
fn each_kind_counts_in_its_way() {
    let own = OwnMetrics::default();
    let made = [
        MetricKind::Counter,
        MetricKind::Gauge,
        MetricKind::Histogram,
    ]
    .map(|kind| {
        let name = format!("{kind:?}").to_lowercase();
        let metric = own.declare(declaration(kind, &name, &["shop"]));
        let series = own.series(metric.expect("it is well-formed"), &["berlin"]);
        series.expect("there is room")
    });
    let [counter, gauge, histogram] = made;
    own.add(counter, 2.5).expect("a counter");
    own.add(gauge, 5.0).expect("a gauge");
    own.add(gauge, -7.0).expect("a gauge");
    for number in [0.5, 1.0, 9.0, 11.0] {
        own.observe(histogram, number).expect("a histogram");
    }
    let rows: Vec<_> = own.read().into_iter().flat_map(|of| of.rows).collect();
    let of = |number| (vec!["berlin".to_owned()], number);
    assert_eq!(
        rows,
        [
            of(Number::One(2.5)),
            of(Number::One(-2.0)),
            of(Number::Buckets(
                21.5,
                vec![(1.0, 2), (10.0, 1), (f64::INFINITY, 1)]
            )),
        ]
    );
    own.set(gauge, 1.0).expect("a gauge");
    let wrong = [
        own.add(counter, -1.0),
        own.add(counter, f64::NAN),
        own.set(counter, 1.0),
        own.add(histogram, 1.0),
        own.observe(gauge, 1.0),
        own.set(gauge, f64::INFINITY),
        own.add(0, 1.0),
        own.add(99, 1.0),
        own.series(1, &[]).map(drop),
        own.series(9, &["x"]).map(drop),
    ];
    assert!(
        wrong.iter().all(|of| *of == Err(MetricError::Unknown)),
        "{wrong:?}"
    );
}

#[test]
fn what_is_declared_again_goes_on_and_what_is_declared_otherwise_begins_anew() {
    let own = OwnMetrics::default();
    let count = |own: &OwnMetrics, labels: &[&str], values: &[&str]| {
        let metric = own.declare(declaration(MetricKind::Counter, "orders", labels));
        let series = own.series(metric.expect("it is well-formed"), values);
        own.add(series.expect("there is room"), 1.0)
            .expect("a counter");
        own.read()[0].rows.clone()
    };
    count(&own, &["shop"], &["a"]);
    let again = count(&own, &["shop"], &["a"]);
    assert_eq!(again, [(vec!["a".to_owned()], Number::One(2.0))]);
    assert_eq!(count(&own, &[], &[]), [(vec![], Number::One(1.0))]);
    assert_eq!(own.read().len(), 1);
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let own = OwnMetrics::default();
    for number in 0..METRICS_MAX {
        let name = format!("m{number}");
        own.declare(declaration(MetricKind::Gauge, &name, &["x"]))
            .expect("there is room");
    }
    let more = own.declare(declaration(MetricKind::Gauge, "more", &[]));
    assert_eq!(more, Err(MetricError::TooMany("64 metrics")));
    for number in 0..METRIC_SERIES_MAX {
        own.series(1, &[&number.to_string()])
            .expect("there is room");
    }
    for _ in 0..3 {
        assert_eq!(
            own.series(1, &["more"]),
            Err(MetricError::TooMany("1000 series"))
        );
    }
    assert_eq!(own.series(1, &["7"]), Ok(8), "what is there is found");
}

#[test]
fn a_declaration_that_cannot_stand_is_refused() {
    let own = OwnMetrics::default();
    let good = declaration(MetricKind::Counter, "orders", &["shop"]);
    let with = |change: &dyn Fn(&mut Declaration)| {
        let mut declaration = good.clone();
        change(&mut declaration);
        own.declare(declaration)
    };
    let wrong: [&dyn Fn(&mut Declaration); 10] = [
        &|of| of.name = "Orders".to_owned(),
        &|of| of.name = String::new(),
        &|of| of.name = "x".repeat(65),
        &|of| of.help = String::new(),
        &|of| of.labels = vec!["route".to_owned()],
        &|of| of.labels = vec!["a".to_owned(), "a".to_owned()],
        &|of| of.labels = (0..9).map(|at| format!("l{at}")).collect(),
        &|of| of.bounds = vec![1.0],
        &|of| of.kind = MetricKind::Histogram,
        &|of| {
            of.kind = MetricKind::Histogram;
            of.bounds = vec![2.0, 1.0];
        },
    ];
    for (at, change) in wrong.into_iter().enumerate() {
        assert!(
            matches!(with(change), Err(MetricError::Invalid { .. })),
            "{at}"
        );
    }
}
