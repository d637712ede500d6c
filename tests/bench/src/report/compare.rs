//! This run against the stored one: where Detent got worse by more than the rounds differ.

use super::{Results, Spread, number};
use crate::metric::ABSOLUTE;

/// Differences below this are not told, however alike the rounds were.
const NOISE_SHARE: f64 = 0.05;

/// One line for each load where this tree's Detent got worse or better. What is compared is the ratio to
/// the limit measured in the same run, so that another machine or a busy one matters less; where there
/// is no limit, or next to none (memory of an idle client), the value itself.
pub fn compare(now: &Results, stored: &Results) -> Vec<String> {
    let mut lines = Vec::new();
    for load in now.loads() {
        let of = |results| figure(results, &load.load);
        let (Some((new, is_ratio)), Some((old, was_ratio))) = (of(now), of(stored)) else {
            continue;
        };
        if is_ratio != was_ratio {
            continue;
        }
        let change = new.median / old.median;
        let tolerance = 1.0 + new.share().max(old.share()).max(NOISE_SHARE);
        let cost = if load.is_gain { 1.0 / change } else { change };
        let verdict = if cost > tolerance {
            "WORSE"
        } else if cost < 1.0 / tolerance {
            "better"
        } else {
            continue;
        };
        let what = if is_ratio { "of the limit" } else { "itself" };
        lines.push(format!(
            "{verdict}: {}: {} {what}, stored {} (differences within {:.0} % are noise)",
            load.title,
            number(new.median),
            number(old.median),
            (tolerance - 1.0) * 100.0,
        ));
    }
    lines
}

/// What Detent is judged by in one load, and whether it is a ratio.
fn figure(results: &Results, load: &str) -> Option<(Spread, bool)> {
    let row = results.row(load, "detent")?;
    if !ABSOLUTE.contains(&&*row.main)
        && let Some(ratio) = results.limit(load).and_then(|limit| row.ratio(limit))
    {
        return Some((ratio, true));
    }
    Some((row.spread(&row.main)?, false))
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::metric::{CPU_US, sample};
    use crate::report::{Results, Row};

    fn results(detent: &[f64], bare: &[f64]) -> Results {
        let row = |server: &str, values: &[f64]| Row {
            load: "chat".to_owned(),
            title: "chat".to_owned(),
            main: CPU_US.key.to_owned(),
            is_gain: false,
            server: server.to_owned(),
            samples: values
                .iter()
                .map(|&value| Some(sample([(CPU_US, value)])))
                .collect(),
            problem: None,
        };
        Results {
            rows: vec![row("detent", detent), row("bare", bare)],
            ..Results::default()
        }
    }

    #[test]
    fn a_slower_machine_is_not_a_slower_server() {
        let stored = results(&[5.0, 5.1], &[4.0, 4.1]);
        assert!(compare(&results(&[10.0, 10.2], &[8.0, 8.2]), &stored).is_empty());
        let worse = compare(&results(&[6.0, 6.1], &[4.0, 4.1]), &stored);
        assert!(worse[0].starts_with("WORSE: chat"), "{worse:?}");
        let better = compare(&results(&[4.0, 4.1], &[4.0, 4.1]), &stored);
        assert!(better[0].starts_with("better"), "{better:?}");
    }

    #[test]
    fn rounds_that_differ_hide_what_is_smaller() {
        let stored = results(&[5.0, 5.0], &[4.0, 4.0]);
        assert!(compare(&results(&[4.5, 6.5], &[4.0, 4.0]), &stored).is_empty());
    }
}
