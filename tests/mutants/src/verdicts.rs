//! What has been found out about changes, in this run and in earlier ones.
//!
//! One is known again by its key ([`crate::mutant::keys`]), so that a whole run can be put together from parts, and what
//! the code has not changed since need not be judged anew. While a run lasts a file grows by a line for each verdict; at
//! its end all of them are put into the file that is kept with the source, so that a new machine need not begin anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use crate::mutant::{Judged, file_of};

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

impl Verdict {
    /// Which of two of one change says more.
    fn worth(&self) -> (bool, u64) {
        (self.fate.is_noticed(), self.seconds)
    }
}

/// All verdicts; each worker adds its own.
pub(crate) struct Verdicts {
    file: Mutex<File>,
    by_key: Mutex<BTreeMap<String, Verdict>>,
}

impl Verdicts {
    /// Reads those of a run that was stopped (`path`) and those that are kept, without those of tests that are no more.
    pub(crate) fn open(
        path: &Path,
        kept: &Path,
        tests: &BTreeSet<String>,
    ) -> Result<Verdicts, String> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (kept, text) = (read(kept), read(path));
        let kept = kept.lines().filter_map(parse_kept).flatten();
        let mut by_key: BTreeMap<String, Verdict> = BTreeMap::new();
        for (key, verdict) in kept.chain(text.lines().filter_map(parse)) {
            if verdict.fate.is_noticed() && !tests.contains(&verdict.by) {
                continue;
            }
            let is_better = |than: &Verdict| than.worth() <= verdict.worth();
            if by_key.get(&key).is_none_or(is_better) {
                by_key.insert(key, verdict);
            }
        }
        let file = OpenOptions::new().append(true).create(true).open(path);
        Ok(Verdicts {
            file: Mutex::new(file.map_err(|error| format!("{}: {error}", path.display()))?),
            by_key: Mutex::new(by_key),
        })
    }

    /// Writes those of `all` into the file that is kept, and leaves there what it has of other files of the source.
    pub(crate) fn keep(&self, all: &[Judged], source: &Path, kept: &Path) -> Result<(), String> {
        let listed: BTreeSet<&str> = all.iter().map(|one| file_of(&one.name)).collect();
        let mut lines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in fs::read_to_string(kept).unwrap_or_default().lines() {
            let file = line.split('\t').next().unwrap_or_default();
            if let Some((before, keys)) = line.rsplit_once('\t')
                && !listed.contains(file)
                && source.join(file).exists()
            {
                let keys = keys.split(' ').map(str::to_owned);
                lines.entry(before.to_owned()).or_default().extend(keys);
            }
        }
        for one in all {
            if let Some(Verdict { fate, by, seconds }) = self.of(one) {
                let before = format!("{}\t{fate:?}\t{by}\t{seconds}", file_of(&one.name));
                lines.entry(before).or_default().insert(one.key.clone());
            }
        }
        let text: String = lines
            .iter()
            .map(|(before, keys)| {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                format!("{before}\t{}\n", keys.join(" "))
            })
            .collect();
        fs::write(kept, text).map_err(|error| format!("{}: {error}", kept.display()))
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

/// A line of the file that is kept: all changes of one source file that fared alike.
fn parse_kept(line: &str) -> Option<Vec<(String, Verdict)>> {
    let (_, rest) = line.split_once('\t')?;
    let mut fields = rest.splitn(4, '\t');
    let verdict = Verdict {
        fate: Fate::parse(fields.next()?)?,
        by: fields.next()?.to_owned(),
        seconds: fields.next()?.parse().ok()?,
    };
    let keys = fields.next()?.split(' ');
    Some(keys.map(|key| (key.to_owned(), verdict.clone())).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{Fate, Verdict, Verdicts};
    use crate::mutant::Judged;

    #[test]
    fn a_later_run_knows_the_best_verdict_of_each_and_a_new_machine_what_is_kept() {
        let path = std::env::temp_dir().join(format!("verdicts.{}", std::process::id()));
        let kept = path.with_extension("kept");
        for path in [&path, &kept] {
            fs::remove_file(path).ok();
        }
        let change = |key: &str| Judged {
            number: 1,
            key: key.to_owned(),
            name: "a.rs:1:1: replace a with b".to_owned(),
        };
        let verdict = |fate, by: &str, seconds| Verdict {
            fate,
            by: by.to_owned(),
            seconds,
        };
        let tests = BTreeSet::from(["a::test".to_owned()]);
        let open = || Verdicts::open(&path, &kept, &tests).expect("it can be read and written");

        let first = open();
        first.add(&change("1"), verdict(Fate::Survived, "-", 4));
        first.add(&change("1"), verdict(Fate::Noticed, "a::test", 40));
        first.add(&change("2"), verdict(Fate::Survived, "-", 40));
        first.add(&change("3"), verdict(Fate::Noticed, "a::gone", 40));
        let second = open();
        let noticed = Some(verdict(Fate::Noticed, "a::test", 40));
        assert_eq!(second.of(&change("1")), noticed);
        assert_eq!(second.of(&change("3")), None);
        assert_eq!(second.of(&change("4")), None);

        fs::write(&kept, "gone.rs\tNoticed\ta::test\t4\t5 6\n").expect("it can be written");
        let all = [change("1"), change("2")];
        let nowhere = std::path::Path::new("/nowhere");
        second
            .keep(&all, nowhere, &kept)
            .expect("it can be written");
        fs::remove_file(&path).ok();
        let third = open();
        assert_eq!(third.of(&change("1")), noticed);
        assert_eq!(
            third.of(&change("2")),
            Some(verdict(Fate::Survived, "-", 40))
        );
        assert_eq!(third.of(&change("5")), None);
        for path in [&path, &kept] {
            fs::remove_file(path).ok();
        }
    }
}
