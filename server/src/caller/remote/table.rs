//! What a server has answered in JSON, for a person at a terminal.
//!
//! Pure functions on text; none where it is not what a server of this version answers.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

/// The year 10,000.
const SECONDS_OF_DATES: u64 = 253_402_300_800;

/// The sentence of an order's answer.
pub(super) fn result(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    answer["result"].as_str().map(str::to_owned)
}

/// `server status`.
pub(super) fn status(answer: &str) -> Option<String> {
    let of: Value = serde_json::from_str(answer).ok()?;
    let number = |path: &str| of.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let size = |path: &str| bytes(number(path));
    let up = of["now"].as_f64()? - of["started"].as_f64()?;
    let mut text = format!(
        "detent {}, {}, pid {}, up {}\n",
        of["version"].as_str()?,
        of["state"].as_str()?,
        number("/process/pid"),
        time(up),
    );
    let mut line = |name: &str, what: String| writeln!(text, "{name:<12} {what}").ok();
    line(
        "connections",
        format!(
            "{} of {} ({}); {} on a route, {} slow, {} wait for them",
            number("/connections/all"),
            number("/capacity/connections"),
            of["capacity"]["limit"].as_str()?,
            number("/connections/clients"),
            number("/connections/slow"),
            size("/connections/backlog_bytes"),
        ),
    );
    line(
        "messages",
        format!(
            "{} in ({}), {} answered ({}), {} delivered ({}), {} dropped",
            number("/counts/messages_in"),
            size("/counts/bytes_in"),
            number("/counts/messages_answered"),
            size("/counts/bytes_answered"),
            number("/counts/messages_delivered"),
            size("/counts/bytes_delivered"),
            number("/counts/dropped"),
        ),
    );
    line(
        "process",
        format!(
            "{} resident (at most {}), {} of the kernel's TCP, {} threads, {} of {} files, {:.1} s of CPU",
            size("/process/resident_bytes"),
            size("/process/peak_resident_bytes"),
            size("/process/kernel_tcp_bytes"),
            number("/process/threads"),
            number("/process/open_files"),
            number("/process/open_files_max"),
            of["process"]["cpu_seconds"].as_f64()?,
        ),
    );
    if let Some(last) = of["reloads"]["last"].as_object() {
        let at = UNIX_EPOCH + duration(last["at"].as_f64()?);
        let at = humantime::format_rfc3339_seconds(at);
        let word = if last["is_done"] == true {
            "done"
        } else {
            "given up"
        };
        line(
            "last reload",
            format!("{at}, {word}: {}", last["outcome"].as_str()?),
        );
    }
    text.push('\n');
    text += &columns(
        &[
            "ROUTE", "PLUGIN", "SERVICE", "CLIENTS", "SLOW", "BACKLOG", "QUEUE", "FAILED",
            "PANICKED", "LONG",
        ],
        of["routes"].as_array()?.iter().map(|route| {
            let number = |name: &str| route[name].as_u64().unwrap_or(0);
            let text = |name: &str| route[name].as_str().unwrap_or("-").to_owned();
            let service = if route["is_in_service"] == true {
                "in"
            } else {
                "out"
            };
            vec![
                text("path"),
                format!("{} {}", text("plugin"), text("plugin_version")),
                service.to_owned(),
                number("clients").to_string(),
                number("slow_clients").to_string(),
                bytes(number("backlog_bytes")),
                bytes(number("queue_bytes")),
                number("failed").to_string(),
                number("panicked").to_string(),
                number("long_now").to_string(),
            ]
        }),
    );
    Some(text)
}

/// `server clients`.
pub(super) fn clients(answer: &str) -> Option<String> {
    let of: Value = serde_json::from_str(answer).ok()?;
    let (found, clients) = (of["found"].as_u64()?, of["clients"].as_array()?);
    let mut text = columns(
        &[
            "CLIENT", "ADDRESS", "LABEL", "ROUTE", "KIND", "AGE", "MESSAGES", "IN", "OUT",
            "BACKLOG", "STATE",
        ],
        clients.iter().map(|client| {
            let number = |name: &str| client[name].as_u64().unwrap_or(0);
            let text = |name: &str| client[name].as_str().unwrap_or("-").to_owned();
            vec![
                number("client").to_string(),
                text("address"),
                text("label"),
                text("route"),
                text("kind"),
                time(client["age_seconds"].as_f64().unwrap_or(0.0)),
                number("messages_in").to_string(),
                bytes(number("bytes_in")),
                bytes(number("bytes_out")),
                bytes(number("backlog_bytes")),
                state(client),
            ]
        }),
    );
    if found > clients.len() as u64 {
        writeln!(
            text,
            "{} more are not listed: --limit, --route, --address",
            found - clients.len() as u64
        )
        .ok();
    }
    let found = of["found_elsewhere"].as_u64().unwrap_or(0);
    let clients = of["elsewhere"].as_array().map_or(&[][..], Vec::as_slice);
    if found > 0 {
        text += "\n";
        text += &columns(
            &[
                "ON OTHER HOSTS",
                "MACHINE",
                "ADDRESS",
                "LABEL",
                "ROUTE",
                "AGE",
            ],
            clients.iter().map(|client| {
                let text = |name: &str| client[name].as_str().unwrap_or("-").to_owned();
                let age = client["age_seconds"].as_f64().unwrap_or(0.0);
                let [client, machine] = [text("client"), text("machine")];
                let [address, label, route] = [text("address"), text("label"), text("route")];
                vec![client, machine, address, label, route, time(age)]
            }),
        );
    }
    if found > clients.len() as u64 {
        let more = found - clients.len() as u64;
        writeln!(text, "{more} more there are not listed").ok();
    }
    Some(text)
}

fn state(client: &Value) -> String {
    let mut words = Vec::new();
    if client["is_slow"] == true {
        words.push("slow".to_owned());
    }
    if client["is_closing"] == true {
        words.push("closing".to_owned());
    }
    if let (Some(name), Some(seconds)) = (
        client["callback"][0].as_str(),
        client["callback"][1].as_u64(),
    ) {
        words.push(format!("in {name} for {seconds} s"));
    }
    words.join(", ")
}

/// Rows under a head, each column as wide as it has to be; what comes from clients cannot steer the terminal.
fn columns(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    let mut all = vec![head];
    all.extend(rows.map(|row| row.iter().map(|cell| visible(cell)).collect::<Vec<_>>()));
    let count = all[0].len();
    let widths: Vec<usize> = (0..count)
        .map(|at| {
            all.iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(line, "{cell:<width$}  ").ok();
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn visible(cell: &str) -> String {
    let mut text = String::new();
    cell.chars()
        .for_each(|one| crate::logging::push_visible(&mut text, one));
    text
}

fn bytes(bytes: u64) -> String {
    let text = bytesize::ByteSize(bytes).to_string();
    text.replacen(".0 ", " ", 1)
}

/// Zero where no server tells it: below zero, or since 1970 past what can be written as a date.
fn duration(seconds: f64) -> Duration {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    match duration.as_secs() {
        0..SECONDS_OF_DATES => duration,
        _ => Duration::ZERO,
    }
}

/// Whole seconds, and of what is long the largest units only.
fn time(seconds: f64) -> String {
    let seconds = duration(seconds).as_secs();
    let coarse = match seconds {
        0..3600 => seconds,
        3600..86_400 => seconds / 60 * 60,
        _ => seconds / 3600 * 3600,
    };
    humantime::format_duration(Duration::from_secs(coarse)).to_string()
}

#[cfg(test)]
mod tests {
    use super::{columns, result, time};

    #[test]
    fn columns_are_as_wide_as_they_have_to_be_and_cannot_steer() {
        let rows = [vec!["1".to_owned(), "a\u{1b}[2J".to_owned()]];
        assert_eq!(
            columns(&["ONE", "B"], rows.into_iter()),
            "ONE  B\n1    a\\u{1b}[2J\n"
        );
    }

    #[test]
    fn long_times_are_coarse() {
        assert_eq!(time(59.9), "59s");
        assert_eq!(time(3725.0), "1h 2m");
        assert_eq!(time(90_061.0), "1day 1h");
        assert_eq!(
            (time(-1.0), time(1e300)),
            ("0s".to_owned(), "0s".to_owned())
        );
    }

    #[test]
    fn what_is_no_answer_is_none() {
        assert_eq!(result("{\"result\":\"done\"}").as_deref(), Some("done"));
        assert_eq!(result("<html>"), None);
        assert_eq!(super::status("{}"), None);
        assert_eq!(super::clients("[]"), None);
    }
}
