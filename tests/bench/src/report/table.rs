//! A run as Markdown.

use std::fmt::Write;

use super::{Results, Row};
use crate::metric::{ABSOLUTE, FAULTS, METRICS, Metric};

/// A number with as many digits as it deserves.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 10_000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            let left = digits.len() - index;
            if index > 0 && left.is_multiple_of(3) && digit.is_ascii_digit() {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    match size {
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 0.095 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// One row for each load, one column for each server: the median of the main metric, and in brackets
/// its ratio to the limit.
pub fn overview(results: &Results) -> String {
    let names: Vec<_> = results.servers.iter().map(|server| &*server.name).collect();
    let mut text = format!("| load | measured in | {} |\n", names.join(" | "));
    text += &"| --- ".repeat(2);
    text += &"| --: ".repeat(names.len());
    text += "|\n";
    for load in results.loads() {
        let metric = metric(&load.main);
        // Writing to a string cannot fail.
        write!(text, "| {} | {} |", load.title, metric.title).ok();
        for name in &names {
            let cell = results
                .row(&load.load, name)
                .map_or_else(|| "–".to_owned(), |row| cell(results, row));
            write!(text, " {cell} |").ok();
        }
        text.push('\n');
    }
    text
}

fn cell(results: &Results, row: &Row) -> String {
    let Some(spread) = row.spread(&row.main) else {
        return "–".to_owned();
    };
    let mut text = number(spread.median);
    let limit = results
        .limit(&row.load)
        .filter(|limit| limit.server != row.server && !ABSOLUTE.contains(&&*row.main));
    if let Some(ratio) = limit.and_then(|limit| row.ratio(limit)) {
        write!(text, " ({:.2})", ratio.median).ok();
    }
    if row
        .spread(FAULTS.key)
        .is_some_and(|faults| faults.high > 0.0)
    {
        text.push('!');
    }
    text
}

fn metric(key: &str) -> Metric {
    METRICS
        .into_iter()
        .find(|metric| metric.key == key)
        .unwrap_or(METRICS[0])
}

/// For each load a table with everything that was measured, with the lowest and the highest round.
pub fn details(results: &Results) -> String {
    let mut text = String::new();
    for load in results.loads() {
        let rows: Vec<_> = results
            .rows
            .iter()
            .filter(|row| row.load == load.load)
            .collect();
        let has = |metric: &Metric| rows.iter().any(|row| row.spread(metric.key).is_some());
        let metrics: Vec<_> = METRICS.into_iter().filter(has).collect();
        let titles: Vec<_> = metrics.iter().map(|metric| metric.title).collect();
        write!(text, "\n### {} (`{}`)\n\n", load.title, load.load).ok();
        writeln!(text, "| server | {} | Detent / this |", titles.join(" | ")).ok();
        text += "| --- ";
        text += &"| --: ".repeat(titles.len() + 1);
        text += "|\n";
        let detent = results.row(&load.load, "detent");
        for row in rows.iter().filter(|row| row.is_measured()) {
            let cells: Vec<_> = metrics.iter().map(|metric| spread(row, metric)).collect();
            let ratio = detent.and_then(|detent| detent.ratio(row));
            let ratio = ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median));
            writeln!(text, "| {} | {} | {ratio} |", row.server, cells.join(" | ")).ok();
        }
        for row in rows {
            if let Some(problem) = &row.problem {
                write!(text, "\n{}: {problem}\n", row.server).ok();
            }
        }
    }
    text
}

fn spread(row: &Row, metric: &Metric) -> String {
    let Some(spread) = row.spread(metric.key) else {
        return String::new();
    };
    let median = number(spread.median);
    if number(spread.low) == number(spread.high) {
        return median;
    }
    format!("{median} ({}–{})", number(spread.low), number(spread.high))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_three_digits_or_commas() {
        let texts = [0.0, 0.074, 0.15, 5.123, 23.66, 137.2, 9_999.4, 1_234_567.0].map(number);
        let expected = [
            "0.00",
            "0.074",
            "0.15",
            "5.12",
            "23.7",
            "137",
            "9999",
            "1,234,567",
        ];
        assert_eq!(texts, expected);
    }
}
