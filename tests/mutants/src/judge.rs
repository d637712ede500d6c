//! Holds each change against the tests that reach its place, until one of them notices.
//!
//! First those that have noticed other changes of the same function or file, or know of these what few others know, and
//! are quick; a few at once, since most wait for most of their time. All changes are held against unit tests first, and
//! what survives those against end-to-end tests: most are noticed by a unit test, and a run that is cut short has then
//! seen all a little instead of a part in full.
//!
//! On a busy machine a test may fail for reasons of its own. So what failed among others is run alone, with the change
//! and then without it, and counts where it fails the one and passes the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::mutant::{self, Judged, file_of};
use crate::reach::{self, Known};
use crate::test::{self, Ended, PATIENCE, Test};
use crate::verdicts::{Fate, Verdict, Verdicts};

/// How many changes are looked at at once. Most tests wait for most of their time.
const AT_ONCE: usize = 8;
/// How many seconds of unit tests each change is held against in the first round: most are noticed in less, and what
/// survives would keep the others waiting.
const SECONDS_FIRST: u64 = 4;
/// How many tests run together, of those that are likeliest to notice; from one time to the next it is twice as many.
const TOGETHER_FIRST: usize = 4;
const TOGETHER_MAX: usize = 32;

/// What to judge, and for how long.
pub(crate) struct Order<'a> {
    /// The copy of the source, with `mutants.tsv`.
    pub(crate) source: &'a Path,
    /// Where is kept which test reaches what (`reach.tsv`) and, while a run lasts, how each change fared (`verdicts.tsv`).
    /// Of the changes that are listed now `judged.tsv` has the last verdict.
    pub(crate) folder: &'a Path,
    /// The file in which all verdicts are kept from one machine to the next.
    pub(crate) kept: &'a Path,
    pub(crate) time: Duration,
    /// The end-to-end tests of one change take so long at most, by what they take where nothing is changed.
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
    let all = mutant::load(&order.source.join("mutants.tsv"))?;
    let mut tests = BTreeSet::new();
    for binary in binaries {
        tests.extend(
            Test::all(Path::new(binary))?
                .into_iter()
                .map(|test| test.name),
        );
    }
    let verdicts = Verdicts::open(&order.folder.join("verdicts.tsv"), order.kept, &tests)?;
    // What was held against few end-to-end tests only may be noticed by a unit test that is newer than that.
    let is_whole = |verdict: &Verdict| verdict.seconds >= order.seconds_of_one;
    let holds = |one: &Judged| {
        verdicts.of(one).is_some_and(|verdict| {
            verdict.fate.is_noticed() || (!order.again && is_whole(&verdict))
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
    let is_left = |one: &&Judged| {
        verdicts
            .of(one)
            .is_some_and(|verdict| !verdict.fate.is_noticed() && !is_whole(&verdict))
    };
    let left: Vec<&Judged> = all.iter().filter(is_left).collect();
    // Which places the end-to-end tests reach takes long to find out.
    if !left.is_empty() {
        round(&others, left, order.seconds_of_one, deadline)?;
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
    std::fs::write(&path, lines).map_err(|error| format!("{}: {error}", path.display()))?;
    verdicts.keep(all, order.source, order.kept)
}

/// In an order in which each part of it is a sample of the whole.
fn spread(mut list: Vec<&Judged>) -> VecDeque<&Judged> {
    list.sort_by_key(|one| one.number.wrapping_mul(2_654_435_761));
    list.into()
}

/// How often each test has noticed a change of each file, and of each function.
type Luck = BTreeMap<(String, String), u32>;

/// What earlier runs say of it.
fn luck(all: &[Judged], verdicts: &Verdicts) -> Luck {
    let mut luck = Luck::new();
    for one in all {
        if let Some(verdict) = verdicts.of(one).filter(|verdict| verdict.fate.is_noticed()) {
            note_luck(&mut luck, &one.name, &verdict.by);
        }
    }
    luck
}

fn note_luck(luck: &mut Luck, name: &str, test: &str) {
    for part in [file_of(name), function_of(name)] {
        *luck.entry((part.to_owned(), test.to_owned())).or_default() += 1;
    }
}

/// How much of each file and each function a test knows that few others know: its places, each by how few tests reach it,
/// as a share of the most that any test has of that file or function.
struct Depths(BTreeMap<(String, String), f64>);

impl Depths {
    fn of(all: &[Judged], known: &[Known]) -> Depths {
        let names: BTreeMap<u32, &str> = all.iter().map(|one| (one.number, &*one.name)).collect();
        let mut tests_of: BTreeMap<u32, f64> = BTreeMap::new();
        for place in known.iter().flat_map(|known| &known.places) {
            *tests_of.entry(*place).or_default() += 1.0;
        }
        let mut depths = BTreeMap::new();
        for known in known {
            for (place, name) in known
                .places
                .iter()
                .filter_map(|place| Some((place, names.get(place)?)))
            {
                for part in [file_of(name), function_of(name)] {
                    *depths
                        .entry((part.to_owned(), known.test.name.clone()))
                        .or_insert(0.0) += 1.0 / tests_of[place];
                }
            }
        }
        let mut most: BTreeMap<String, f64> = BTreeMap::new();
        for ((part, _), depth) in &depths {
            let most = most.entry(part.clone()).or_default();
            *most = most.max(*depth);
        }
        for ((part, _), depth) in &mut depths {
            *depth /= most[part];
        }
        Depths(depths)
    }
}

/// The function that a change is in, by its name: `... in Lane::work`, or `replace Lane::work -> bool with true`.
fn function_of(name: &str) -> &str {
    let (_, what) = name.split_once(": ").unwrap_or(("", name));
    if let Some((_, function)) = what.rsplit_once(" in ") {
        return function;
    }
    let function = what.strip_prefix("replace ").unwrap_or(what);
    let end = function.find(" -> ").or_else(|| function.find(" with "));
    &function[..end.unwrap_or(function.len())]
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
            for worker in 0..AT_ONCE {
                let queue = &queue;
                scope.spawn(move || {
                    let printed = self.order.source.join(format!("printed.{worker}"));
                    while Instant::now() < deadline {
                        let Some(one) = queue.lock().expect("no worker panics").pop_front() else {
                            return;
                        };
                        let (fate, by) = self.one(one, Duration::from_secs(seconds), &printed);
                        self.verdicts.add(one, Verdict { fate, by, seconds });
                    }
                });
            }
        });
    }

    /// `printed` is a file for what tests print.
    fn one(&self, change: &Judged, time_of_one: Duration, printed: &Path) -> (Fate, String) {
        let reaching = self.reaching(change);
        if reaching.is_empty() {
            return (Fate::Unreached, "-".to_owned());
        }
        let mut chosen = within(reaching, time_of_one);
        let mut many = TOGETHER_FIRST;
        while let Some(first) = chosen.front() {
            let binary = &first.test.binary;
            let of_binary = |known: &&&Known| known.test.binary == *binary;
            let some = chosen.iter().take_while(of_binary).take(many).count();
            let some: Vec<&Known> = chosen.drain(..some).collect();
            many = (many * 2).min(TOGETHER_MAX);
            if let Some(verdict) = self.some(change, &some, printed) {
                return verdict;
            }
        }
        (Fate::Survived, "-".to_owned())
    }

    /// Holds a change against some tests of one binary.
    fn some(&self, change: &Judged, some: &[&Known], printed: &Path) -> Option<(Fate, String)> {
        let source = self.order.source;
        let patience = |time: Duration| time * 10 + PATIENCE;
        let tests: Vec<&Test> = some.iter().map(|known| &known.test).collect();
        let time = patience(some.iter().map(|known| known.time).sum());
        let suspects = test::together(&tests, source, change.number, time, printed);
        for known in suspects.iter().filter_map(|test| {
            let is_it = |known: &&&Known| known.test == **test;
            some.iter().find(is_it)
        }) {
            let time = patience(known.time);
            let ended = known.test.with(source, change.number, time);
            if ended == Ended::Passed || known.test.with(source, 0, time) != Ended::Passed {
                continue;
            }
            let mut luck = self.luck.lock().expect("no worker panics");
            note_luck(&mut luck, &change.name, &known.test.name);
            let fate = if ended == Ended::Failed {
                Fate::Noticed
            } else {
                Fate::NeverEnded
            };
            return Some((fate, known.test.name.clone()));
        }
        None
    }

    /// The tests that reach the place, the one first that is most likely to notice for the time that it takes.
    fn reaching(&self, change: &Judged) -> Vec<&Known> {
        let (file, function) = (file_of(&change.name), function_of(&change.name));
        let mut reaching: Vec<&Known> = self
            .known
            .iter()
            .filter(|known| known.places.contains(&change.number))
            .collect();
        let luck = self.luck.lock().expect("no worker panics");
        let worth = |known: &Known| {
            let key = |part: &str| (part.to_owned(), known.test.name.clone());
            let noticed = |part: &str| f64::from(luck.get(&key(part)).copied().unwrap_or(0));
            let depth = |part: &str| self.depths.0.get(&key(part)).copied().unwrap_or(0.0);
            let luck = noticed(function) * 10.0 + noticed(file);
            // What has noticed much is likely to notice, and no likelier the more that was.
            let luck = luck / (luck + 20.0);
            (luck + depth(function) + depth(file)) / (known.time.as_secs_f64() + 0.1)
        };
        reaching.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
        reaching
    }
}

/// As many of `tests`, in their order, as take so long one after the other, and one at least; those of one binary together.
fn within(tests: Vec<&Known>, time_max: Duration) -> VecDeque<&Known> {
    let mut taken = Duration::ZERO;
    let mut chosen: Vec<&Known> = Vec::new();
    for known in tests {
        if chosen.is_empty() || taken + known.time <= time_max {
            taken += known.time;
            chosen.push(known);
        }
    }
    let mut binaries: Vec<&Path> = Vec::new();
    for known in &chosen {
        if !binaries.contains(&&*known.test.binary) {
            binaries.push(&known.test.binary);
        }
    }
    chosen.sort_by_key(|known| binaries.iter().position(|of| *of == known.test.binary));
    chosen.into()
}

#[cfg(test)]
mod tests {
    use super::{file_of, function_of};

    #[test]
    fn a_name_says_file_and_function() {
        for (name, function) in [
            ("a.rs:1:2: replace >= with < in Lane::work", "Lane::work"),
            (
                "a.rs:1:2: replace Lane::work -> bool with true",
                "Lane::work",
            ),
            ("a.rs:1:2: replace Bell::get_up with ()", "Bell::get_up"),
            (
                "a.rs:1:2: delete field x from struct T expression in times",
                "times",
            ),
        ] {
            assert_eq!(file_of(name), "a.rs");
            assert_eq!(function_of(name), function, "{name}");
        }
    }
}
