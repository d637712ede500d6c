//! A run as it is stored, and medians, spreads and ratios out of it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Machine;
use crate::metric::Sample;
use crate::servers::{Kind, Server};

/// One run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Where and when.
    pub machine: Machine,
    /// Rounds that were asked for.
    pub rounds: usize,
    /// Length of a timed window.
    pub seconds: f64,
    /// Who took part.
    pub servers: Vec<ServerInfo>,
    /// Loads by servers.
    pub rows: Vec<Row>,
}

/// One server of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Name.
    pub name: String,
    /// Versions of what it is made of.
    pub version: String,
    /// Its part.
    pub kind: Kind,
}

impl From<&Server> for ServerInfo {
    fn from(server: &Server) -> ServerInfo {
        ServerInfo {
            name: server.name.clone(),
            version: server.version.clone(),
            kind: server.kind,
        }
    }
}

/// One load on one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Name of the load.
    pub load: String,
    /// Its title.
    pub title: String,
    /// Key of its main metric.
    pub main: String,
    /// More of that is better.
    pub is_gain: bool,
    /// Name of the server.
    pub server: String,
    /// By round; none where it failed.
    pub samples: Vec<Option<Sample>>,
    /// Why it failed, or why it was left out.
    pub problem: Option<String>,
}

/// A median and what lies around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The lowest of all rounds.
    pub low: f64,
    /// The one in the middle.
    pub median: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// Of these values; none where there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Spread { low, median, high })
    }

    /// Distance between the extremes as a share of the median.
    pub fn share(self) -> f64 {
        (self.high - self.low) / self.median.abs().max(f64::MIN_POSITIVE)
    }
}

impl Row {
    /// A metric over all rounds.
    pub fn spread(&self, key: &str) -> Option<Spread> {
        let samples = self.samples.iter().flatten();
        Spread::of(
            samples
                .filter_map(|sample| sample.get(key).copied())
                .collect(),
        )
    }

    /// The main metric over that of `other`, round by round.
    pub fn ratio(&self, other: &Row) -> Option<Spread> {
        let rounds = self.samples.iter().zip(&other.samples);
        let ratios = rounds.filter_map(|(mine, others)| {
            let (mine, others) = (mine.as_ref()?, others.as_ref()?);
            let others = *others.get(&self.main)?;
            (others > 0.0).then_some(mine.get(&self.main)? / others)
        });
        Spread::of(ratios.collect())
    }

    /// Whether it has anything to show.
    pub fn is_measured(&self) -> bool {
        self.samples.iter().any(Option::is_some)
    }
}

impl Results {
    /// The row of one load and one server.
    pub fn row(&self, load: &str, server: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.load == load && row.server == server)
    }

    /// The limit that a load is compared with: the kernel's, or that of the shape where the bare loop
    /// cannot do it.
    pub fn limit(&self, load: &str) -> Option<&Row> {
        ["bare", "bare-threads"]
            .into_iter()
            .filter_map(|name| self.row(load, name))
            .find(|row| row.is_measured())
    }

    /// Loads in their order, each once.
    pub fn loads(&self) -> Vec<&Row> {
        let mut firsts: Vec<&Row> = Vec::new();
        for row in &self.rows {
            if firsts.iter().all(|first| first.load != row.load) {
                firsts.push(row);
            }
        }
        firsts
    }

    /// This run, and of the one that was stored the loads that this one did not measure.
    pub fn over(mut self, stored: Option<Results>) -> Results {
        let Some(stored) = stored else {
            return self;
        };
        // Servers are compared within a run, so a load is replaced whole, in its place.
        let measured: HashSet<String> = self.rows.iter().map(|row| row.load.clone()).collect();
        let mut rows = Vec::new();
        for row in stored.rows {
            if measured.contains(&row.load) {
                rows.extend(self.rows.extract_if(.., |new| new.load == row.load));
            } else {
                rows.push(row);
            }
        }
        rows.append(&mut self.rows);
        let mut servers = stored.servers;
        for server in self.servers.drain(..) {
            match servers.iter_mut().find(|old| old.name == server.name) {
                Some(old) => *old = server,
                None => servers.push(server),
            }
        }
        Results {
            rows,
            servers,
            ..self
        }
    }

    /// Reads a stored run; none where there is none that can be read.
    pub fn read(path: &Path) -> Option<Results> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    /// Stores it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn medians_lie_in_the_middle() {
        let of = |values: &[f64]| Spread::of(values.to_vec()).map(|spread| spread.median);
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(of(&[]), None);
    }
}
