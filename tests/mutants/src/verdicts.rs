//! What has been found out about changes, in this run and in earlier ones: a file that only grows.
//!
//! One is known again by its key ([`crate::mutant::keys`]), so that a whole run can be put together from parts, and what
//! the code has not changed since need not be judged anew.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use crate::mutant::Judged;

/// How a change fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Noticed,
    NeverEnded,
    /// No test reaches its place.
    Unreached,
    Survived,
}

impl Fate {
    fn parse(text: &str) -> Option<Fate> {
        [
            Fate::Noticed,
            Fate::NeverEnded,
            Fate::Unreached,
            Fate::Survived,
        ]
        .into_iter()
        .find(|fate| format!("{fate:?}") == text)
    }

    pub(crate) fn is_noticed(self) -> bool {
        matches!(self, Fate::Noticed | Fate::NeverEnded)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) fate: Fate,
    /// Which test noticed.
    pub(crate) by: String,
    /// How many seconds of tests it was held against at most.
    pub(crate) seconds: u64,
}

/// All verdicts; each worker adds its own.
pub(crate) struct Verdicts {
    file: Mutex<File>,
    by_key: Mutex<BTreeMap<String, Verdict>>,
}

impl Verdicts {
    /// Reads those of earlier runs.
    pub(crate) fn open(path: &Path) -> Result<Verdicts, String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let file = OpenOptions::new().append(true).create(true).open(path);
        Ok(Verdicts {
            file: Mutex::new(file.map_err(|error| format!("{}: {error}", path.display()))?),
            // Of one key the last counts.
            by_key: Mutex::new(text.lines().filter_map(parse).collect()),
        })
    }

    pub(crate) fn add(&self, change: &Judged, verdict: Verdict) {
        let line = format!(
            "{}\t{:?}\t{}\t{}\t{}\n",
            change.key, verdict.fate, verdict.by, verdict.seconds, change.name
        );
        self.file
            .lock()
            .expect("no worker panics")
            .write_all(line.as_bytes())
            .expect("the file takes a line");
        self.by_key
            .lock()
            .expect("no worker panics")
            .insert(change.key.clone(), verdict);
    }

    pub(crate) fn of(&self, change: &Judged) -> Option<Verdict> {
        let by_key = self.by_key.lock().expect("no worker panics");
        by_key.get(&change.key).cloned()
    }
}

fn parse(line: &str) -> Option<(String, Verdict)> {
    let mut fields = line.split('\t');
    let key = fields.next()?.to_owned();
    let verdict = Verdict {
        fate: Fate::parse(fields.next()?)?,
        by: fields.next()?.to_owned(),
        seconds: fields.next()?.parse().ok()?,
    };
    Some((key, verdict))
}

#[cfg(test)]
mod tests {
    use super::{Fate, Verdict, Verdicts};
    use crate::mutant::Judged;

    #[test]
    fn a_later_run_knows_the_last_verdict_of_each() {
        let path = std::env::temp_dir().join(format!("verdicts.{}", std::process::id()));
        std::fs::remove_file(&path).ok();
        let change = |key: &str| Judged {
            number: 1,
            key: key.to_owned(),
            name: "a.rs:1:1: replace a with b".to_owned(),
        };
        let verdict = |fate, seconds| Verdict {
            fate,
            by: "a::test".to_owned(),
            seconds,
        };
        let first = Verdicts::open(&path).expect("it can be written");
        first.add(&change("1"), verdict(Fate::Survived, 4));
        first.add(&change("1"), verdict(Fate::Noticed, 40));
        let second = Verdicts::open(&path).expect("it can be read");
        assert_eq!(second.of(&change("1")), Some(verdict(Fate::Noticed, 40)));
        assert_eq!(second.of(&change("2")), None);
        std::fs::remove_file(&path).ok();
    }
}
