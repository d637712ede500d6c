//! What a server tells of itself: its metrics, asked for on a unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The answer takes a moment on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The metrics at one moment.
pub struct Scrape {
    text: String,
    /// Messages that are in a file.
    pub stored: f64,
    /// Messages that a file did not take.
    pub lost: f64,
}

/// The hub's rounds of one route within some time.
pub struct Rounds {
    /// How long one takes on average.
    pub mean_us: f64,
    /// A bound that 99 of 100 do not pass.
    pub p99_us: f64,
}

impl Scrape {
    /// Asks for them.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn take(socket: &Path) -> Result<Scrape, String> {
        let failed = |error| format!("{}: {error}", socket.display());
        let mut stream = UnixStream::connect(socket).map_err(failed)?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
        let request = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(failed)?;
        let of = |name: &str| {
            let start = format!("{name} ");
            let mut values = text.lines().filter_map(|line| line.strip_prefix(&start));
            values.next().and_then(|value| value.parse::<f64>().ok())
        };
        let missing = || format!("{}: no metrics of journals", socket.display());
        Ok(Scrape {
            stored: of("detent_journal_stored_total").ok_or_else(missing)?,
            lost: of("detent_journal_unstored_total").ok_or_else(missing)?,
            text,
        })
    }

    /// The rounds of a route since another look.
    pub fn rounds_since(&self, before: &Scrape, route: &str) -> Rounds {
        let more = |of: &str, bound: Option<&str>| {
            self.round(route, of, bound) - before.round(route, of, bound)
        };
        let count = more("_count", None).max(1.0);
        let mut p99_us = f64::INFINITY;
        for bound in self.bounds(route) {
            if more("_bucket", Some(bound)) >= 0.99 * count {
                p99_us = bound
                    .parse::<f64>()
                    .map_or(f64::INFINITY, |bound| bound * 1e6);
                break;
            }
        }
        Rounds {
            mean_us: more("_sum", None) * 1e6 / count,
            p99_us,
        }
    }

    fn rows<'s>(&'s self, route: &str, of: &str) -> impl Iterator<Item = &'s str> {
        let start = format!("detent_hub_round_seconds{of}{{");
        let label = format!("route=\"{route}\"");
        let lines = self.text.lines();
        lines.filter(move |line| line.starts_with(&start) && line.contains(&label))
    }

    fn bounds<'s>(&'s self, route: &str) -> impl Iterator<Item = &'s str> {
        self.rows(route, "_bucket").filter_map(bound_of)
    }

    fn round(&self, route: &str, of: &str, bound: Option<&str>) -> f64 {
        let mut rows = self.rows(route, of).filter(|row| bound_of(row) == bound);
        let value = rows.next().and_then(|row| row.rsplit_once(' '));
        value
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0.0)
    }
}

fn bound_of(row: &str) -> Option<&str> {
    row.split_once("le=\"")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::Scrape;

    fn scrape(sum: f64, counts: [u64; 3]) -> Scrape {
        let [first, second, all] = counts;
        let text = format!(
            "detent_hub_round_seconds_sum{{route=\"/a\",plugin=\"p\"}} {sum}\n\
             detent_hub_round_seconds_count{{route=\"/a\",plugin=\"p\"}} {all}\n\
             detent_hub_round_seconds_bucket{{route=\"/a\",plugin=\"p\",le=\"0.001\"}} {first}\n\
             detent_hub_round_seconds_bucket{{route=\"/a\",plugin=\"p\",le=\"0.002\"}} {second}\n\
             detent_hub_round_seconds_bucket{{route=\"/a\",plugin=\"p\",le=\"+Inf\"}} {all}\n"
        );
        Scrape {
            text,
            stored: 0.0,
            lost: 0.0,
        }
    }

    #[test]
    fn rounds_are_those_between_two_looks() {
        let (before, after) = (scrape(1.0, [1, 1, 100]), scrape(1.2, [51, 200, 200]));
        let rounds = after.rounds_since(&before, "/a");
        assert!((rounds.mean_us - 2000.0).abs() < 1e-6);
        assert_eq!(rounds.p99_us, 2000.0);
    }
}
