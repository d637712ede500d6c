//! Holds each change against the tests that reach its place, until one of them notices.
//!
//! First those that have noticed other changes of the same file, then those that reach much of it and are quick. All
//! changes are held against a few seconds of unit tests first, and what survives that against everything: most are
//! noticed by a unit test, and a run that is cut short has then seen all a little instead of a part in full. A test that
//! fails is run a second time, since on a busy machine one may fail for reasons of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::mutant::{self, Judged};
use crate::reach::{self, Known};
use crate::test::{Ended, Test};
use crate::verdicts::{Fate, Verdict, Verdicts};

/// How many changes are looked at at once. Most tests wait for most of their time.
const AT_ONCE: usize = 6;
/// What a test takes at least before it counts as one that never ends.
const PATIENCE: Duration = Duration::from_secs(40);
/// How many seconds of unit tests each change is held against in the first round.
const SECONDS_FIRST: u64 = 4;

/// What to judge, and for how long.
pub(crate) struct Order<'a> {
    /// The copy of the source, with `mutants.tsv`.
    pub(crate) source: &'a Path,
    /// Where is kept from run to run which test reaches what (`reach.tsv`) and how each change fared (`verdicts.tsv`).
    /// Of the changes that are listed now `judged.tsv` has the last verdict.
    pub(crate) folder: &'a Path,
    pub(crate) time: Duration,
    /// The tests of one change take so long at most, by what they take where nothing is changed.
    pub(crate) seconds_of_one: u64,
    /// Whether what survived an earlier run is held against the tests as they are now.
    pub(crate) again: bool,
}

/// Judges those of which no verdict holds.
pub(crate) fn judge(order: &Order<'_>, binaries: &[&str]) -> Result<(), String> {
    let has_unit_tests = |binary: &&str| binary.contains("/server-");
    let (units, others): (Vec<&str>, Vec<&str>) =
        binaries.iter().partition(|of| has_unit_tests(of));
    let binaries = &[&units[..], &others[..]].concat()[..];
    let deadline = Instant::now() + order.time;
    let file = order.folder.join("reach.tsv");
    let verdicts = Verdicts::open(&order.folder.join("verdicts.tsv"))?;
    let all = mutant::load(&order.source.join("mutants.tsv"))?;
    let mut tests = BTreeSet::new();
    for binary in binaries {
        tests.extend(
            Test::all(Path::new(binary))?
                .into_iter()
                .map(|test| test.name),
        );
    }
    let holds = |one: &Judged| {
        verdicts.of(one).is_some_and(|verdict| match verdict.fate {
            Fate::Noticed | Fate::NeverEnded => tests.contains(&verdict.by),
            Fate::Unreached | Fate::Survived => !order.again,
        })
    };
    let new: Vec<&Judged> = all.iter().filter(|one| !holds(one)).collect();
    eprintln!("mutants: {} of {} are to be judged", new.len(), all.len());
    let round = |binaries: &[&str], list: Vec<&Judged>, seconds: u64, deadline: Instant| {
        let known = reach::all(order.source, &file, binaries, AT_ONCE)?;
        let work = Work {
            order,
            depths: Depths::of(&all, &known),
            known: &known,
            verdicts: &verdicts,
            luck: Mutex::new(luck(&all, &verdicts)),
        };
        work.round(list, seconds, deadline);
        Ok::<(), String>(())
    };
    let first = SECONDS_FIRST.min(order.seconds_of_one);
    round(&units, new.clone(), first, deadline)?;
    // What an earlier run held against few tests only goes on where that stopped.
    let is_left = |one: &&Judged| {
        verdicts.of(one).is_some_and(|verdict| {
            !verdict.fate.is_noticed() && verdict.seconds < order.seconds_of_one
        })
    };
    let left: Vec<&Judged> = all.iter().filter(is_left).collect();
    // Which places the end-to-end tests reach takes long to find out.
    if !left.is_empty() {
        round(binaries, left, order.seconds_of_one, deadline)?;
    }
    save(&all, &verdicts, order)
}

/// Writes down those that were noticed, and those that survived all that they were to be held against.
fn save(all: &[Judged], verdicts: &Verdicts, order: &Order<'_>) -> Result<(), String> {
    let is_whole =
        |verdict: &Verdict| verdict.fate.is_noticed() || verdict.seconds >= order.seconds_of_one;
    let lines: String = all
        .iter()
        .filter_map(|one| {
            let verdict = verdicts.of(one).filter(is_whole)?;
            Some(format!(
                "{:?}\t{}\t{}\n",
                verdict.fate, verdict.by, one.name
            ))
        })
        .collect();
    let path = order.folder.join("judged.tsv");
    std::fs::write(&path, lines).map_err(|error| format!("{}: {error}", path.display()))
}

/// In an order in which each part of it is a sample of the whole.
fn spread(mut list: Vec<&Judged>) -> VecDeque<&Judged> {
    list.sort_by_key(|one| one.number.wrapping_mul(2_654_435_761));
    list.into()
}

/// How often each test has noticed a change of each file.
type Luck = BTreeMap<(String, String), u32>;

/// What earlier runs say of it.
fn luck(all: &[Judged], verdicts: &Verdicts) -> Luck {
    let mut luck = Luck::new();
    for one in all {
        if let Some(verdict) = verdicts.of(one).filter(|verdict| verdict.fate.is_noticed()) {
            *luck
                .entry((file_of(&one.name).to_owned(), verdict.by))
                .or_default() += 1;
        }
    }
    luck
}

/// How many places of each file each test reaches, as a share of the most that any test does.
struct Depths(BTreeMap<(String, String), f64>);

impl Depths {
    fn of(all: &[Judged], known: &[Known]) -> Depths {
        let files: BTreeMap<u32, &str> = all
            .iter()
            .map(|one| (one.number, file_of(&one.name)))
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

/// What all workers share.
struct Work<'a> {
    order: &'a Order<'a>,
    known: &'a [Known],
    depths: Depths,
    verdicts: &'a Verdicts,
    luck: Mutex<Luck>,
}

impl Work<'_> {
    /// Holds each of `list` against so many seconds of tests.
    fn round(&self, list: Vec<&Judged>, seconds: u64, deadline: Instant) {
        eprintln!("mutants: {} with {seconds} s of tests each", list.len());
        let queue = Mutex::new(spread(list));
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while Instant::now() < deadline {
                        let Some(one) = queue.lock().expect("no worker panics").pop_front() else {
                            return;
                        };
                        let (fate, by) = self.one(one, Duration::from_secs(seconds));
                        self.verdicts.add(one, Verdict { fate, by, seconds });
                    }
                });
            }
        });
    }

    fn one(&self, change: &Judged, time_of_one: Duration) -> (Fate, String) {
        let file = file_of(&change.name);
        let reaching = self.reaching(change.number, file);
        if reaching.is_empty() {
            return (Fate::Unreached, "-".to_owned());
        }
        let mut taken = Duration::ZERO;
        for known in reaching {
            if taken > Duration::ZERO && taken + known.time > time_of_one {
                continue;
            }
            taken += known.time;
            let time_max = known.time * 10 + PATIENCE;
            let run = || known.test.with(self.order.source, change.number, time_max);
            let mut ended = run();
            if ended == Ended::Failed {
                ended = run();
            }
            if ended != Ended::Passed {
                let key = (file.to_owned(), known.test.name.clone());
                *self
                    .luck
                    .lock()
                    .expect("no worker panics")
                    .entry(key)
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

    /// The tests that reach the place, the one first that is most likely to notice for the time that it takes.
    fn reaching(&self, number: u32, file: &str) -> Vec<&Known> {
        let mut reaching: Vec<&Known> = self
            .known
            .iter()
            .filter(|known| known.places.contains(&number))
            .collect();
        let luck = self.luck.lock().expect("no worker panics");
        let worth = |known: &Known| {
            let key = (file.to_owned(), known.test.name.clone());
            let noticed = luck.get(&key).copied().unwrap_or(0);
            let depth = self.depths.0.get(&key).copied().unwrap_or(0.0);
            (f64::from(noticed) + depth * depth) / (known.time.as_secs_f64() + 0.1)
        };
        reaching.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
        reaching
    }
}
