//! Holds each change against the tests that reach its place, until one of them notices.
//!
//! First those that have noticed other changes of the same file, then those that reach much of it and are quick, and for
//! so long in all. A test that fails is run a second time, since on a busy machine one may fail for reasons of its own.

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::mutant;
use crate::reach::{self, Known};
use crate::test::Ended;

/// How many changes are looked at at once. Most tests wait for most of their time.
const AT_ONCE: usize = 6;
/// What a test takes at least before it counts as one that never ends.
const PATIENCE: Duration = Duration::from_secs(40);

/// How a change fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Noticed,
    NeverEnded,
    /// No test reaches its place.
    Unreached,
    Survived,
}

/// Judges the mutants of `source/mutants.tsv` that `source/judged.tsv` does not have yet, for `time` at most, and
/// writes each there with its fate. The tests of one take `time_of_one` at most, by what they take where nothing is
/// changed.
pub(crate) fn judge(
    source: &Path,
    time: Duration,
    time_of_one: Duration,
    binaries: &[&str],
) -> Result<(), String> {
    let deadline = Instant::now() + time;
    let known = reach::all(source, binaries, AT_ONCE)?;
    let path = source.join("judged.tsv");
    let done = std::fs::read_to_string(&path).unwrap_or_default();
    let done: Vec<&str> = done
        .lines()
        .filter_map(|line| line.split('\t').nth(2))
        .collect();
    let all = mutant::load(&source.join("mutants.tsv"))?;
    let depths = Depths::of(&all, &known);
    let left = all
        .into_iter()
        .filter(|(_, name)| !done.contains(&name.as_str()))
        .collect();
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let file = Mutex::new(file.map_err(|error| format!("{}: {error}", path.display()))?);
    let queue = Mutex::new(spread(left));
    let luck = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while Instant::now() < deadline {
                    let Some((number, name)) = queue.lock().expect("no worker panics").pop_front()
                    else {
                        return;
                    };
                    let (fate, by) =
                        one(source, number, &name, &known, &depths, time_of_one, &luck);
                    let line = format!("{fate:?}\t{by}\t{name}\n");
                    file.lock()
                        .expect("no worker panics")
                        .write_all(line.as_bytes())
                        .expect("the file takes a line");
                }
            });
        }
    });
    Ok(())
}

/// In an order in which each part of it is a sample of the whole.
fn spread(list: Vec<(u32, String)>) -> VecDeque<(u32, String)> {
    let mut list: Vec<_> = list
        .into_iter()
        .map(|one| (one.0.wrapping_mul(2_654_435_761), one))
        .collect();
    list.sort();
    list.into_iter().map(|(_, one)| one).collect()
}

/// How often each test has noticed a change of each file.
type Luck = Mutex<BTreeMap<(String, String), u32>>;

/// How many places of each file each test reaches, as a share of the most that any test does.
struct Depths(BTreeMap<(String, String), f64>);

impl Depths {
    fn of(all: &[(u32, String)], known: &[Known]) -> Depths {
        let files: BTreeMap<u32, &str> = all
            .iter()
            .map(|(number, name)| (*number, file_of(name)))
            .collect();
        let mut depths = BTreeMap::new();
        for known in known {
            for file in known.places.iter().filter_map(|place| files.get(place)) {
                *depths
                    .entry(((*file).to_owned(), known.test.name.clone()))
                    .or_insert(0.0) += 1.0;
            }
        }
        let mut most: BTreeMap<String, f64> = BTreeMap::new();
        for ((file, _), depth) in &depths {
            let most = most.entry(file.clone()).or_default();
            *most = most.max(*depth);
        }
        for ((file, _), depth) in &mut depths {
            *depth /= most[file];
        }
        Depths(depths)
    }
}

fn file_of(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

fn one(
    source: &Path,
    number: u32,
    name: &str,
    known: &[Known],
    depths: &Depths,
    time_of_one: Duration,
    luck: &Luck,
) -> (Fate, String) {
    let file = file_of(name);
    let mut reaching: Vec<&Known> = known
        .iter()
        .filter(|known| known.places.contains(&number))
        .collect();
    if reaching.is_empty() {
        return (Fate::Unreached, "-".to_owned());
    }
    {
        let luck = luck.lock().expect("no worker panics");
        let worth = |known: &Known| {
            let key = (file.to_owned(), known.test.name.clone());
            let noticed = luck.get(&key).copied().unwrap_or(0);
            let depth = depths.0.get(&key).copied().unwrap_or(0.0);
            (f64::from(noticed) + depth * depth) / (known.time.as_secs_f64() + 0.1)
        };
        reaching.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
    }
    let mut taken = Duration::ZERO;
    for known in reaching {
        if taken > Duration::ZERO && taken + known.time > time_of_one {
            continue;
        }
        taken += known.time;
        let time_max = known.time * 10 + PATIENCE;
        let mut ended = known.test.with(source, number, time_max);
        if ended == Ended::Failed {
            ended = known.test.with(source, number, time_max);
        }
        if ended != Ended::Passed {
            *luck
                .lock()
                .expect("no worker panics")
                .entry((file.to_owned(), known.test.name.clone()))
                .or_default() += 1;
            let fate = if ended == Ended::Failed {
                Fate::Noticed
            } else {
                Fate::NeverEnded
            };
            return (fate, known.test.name.clone());
        }
    }
    (Fate::Survived, "-".to_owned())
}
