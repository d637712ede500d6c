//! Which places each test reaches, and how long it takes: one run of all tests with every change off.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::test::{Ended, Test};

/// A test that takes longer is left out: it is for a soak, not for this.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What is known of a test that passes where nothing is changed.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) test: Test,
    pub(crate) time: Duration,
    pub(crate) places: BTreeSet<u32>,
}

/// Runs all tests of `binaries`, several at a time; what an earlier call found out about them is taken from `file`.
pub(crate) fn all(
    source: &Path,
    file: &Path,
    binaries: &[&str],
    at_once: usize,
) -> Result<Vec<Known>, String> {
    let mut tests = VecDeque::new();
    for binary in binaries {
        tests.extend(Test::all(Path::new(binary))?);
    }
    let text = fs::read_to_string(file).unwrap_or_default();
    let known: Vec<Known> = text
        .lines()
        .filter_map(|line| parse(line, &tests))
        .collect();
    tests.retain(|test| known.iter().all(|known| known.test != *test));
    let count = known.len() + tests.len();
    let queue = Mutex::new(tests);
    let known = Mutex::new(known);
    thread::scope(|scope| {
        for worker in 0..at_once {
            let (queue, known) = (&queue, &known);
            scope.spawn(move || {
                let places = source.join(format!("reached.{worker}"));
                loop {
                    let Some(test) = queue.lock().expect("no worker panics").pop_front() else {
                        return;
                    };
                    let (ended, time, places) = test.reach(source, &places, TIME_MAX);
                    if ended == Ended::Passed {
                        known
                            .lock()
                            .expect("no worker panics")
                            .push(Known { test, time, places });
                    } else {
                        eprintln!(
                            "mutants: {} is left out: with nothing changed it {ended:?}",
                            test.name
                        );
                    }
                }
            });
        }
    });
    let known = known.into_inner().expect("no worker panics");
    eprintln!(
        "mutants: {} of {count} tests pass with nothing changed",
        known.len()
    );
    let of_others = text.lines().filter(|line| {
        let binary = line.split('\t').next();
        binary.is_some_and(|of| !binaries.contains(&of))
    });
    let of_others = of_others.map(|line| format!("{line}\n"));
    let lines: String = known.iter().map(line).chain(of_others).collect();
    fs::write(file, lines).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(known)
}

fn line(known: &Known) -> String {
    let places: Vec<String> = known.places.iter().map(u32::to_string).collect();
    let binary = known.test.binary.display();
    format!(
        "{binary}\t{}\t{}\t{}\n",
        known.test.name,
        known.time.as_millis(),
        places.join(" ")
    )
}

fn parse(line: &str, tests: &VecDeque<Test>) -> Option<Known> {
    let mut fields = line.split('\t');
    let test = Test {
        binary: fields.next()?.into(),
        name: fields.next()?.to_owned(),
    };
    if !tests.contains(&test) {
        return None;
    }
    let time = Duration::from_millis(fields.next()?.parse().ok()?);
    let places = fields
        .next()?
        .split_whitespace()
        .filter_map(|place| place.parse().ok())
        .collect();
    Some(Known { test, time, places })
}
