//! A change of the code, as cargo-mutants lists it, and the file that passes them on from one step to the next.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A place in a file: a line from 1 and a column from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What kind of change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The body of a function gives this instead.
    Body(String),
    /// This operator instead of the one between two operands.
    Binary(String),
    /// The operator in front is left out.
    Unary,
    /// The guard of a match's arm says `true`, or `false`.
    Guard(bool),
    /// The arm never matches.
    Arm,
    /// The field is left to the base of the struct's expression.
    Field,
}

/// One change.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// The number of its switch, from 1.
    pub(crate) number: u32,
    pub(crate) file: String,
    /// As cargo-mutants names it, with file, line and column in front.
    pub(crate) name: String,
    pub(crate) from: Place,
    /// The lines, from 1, of the function that it is in.
    pub(crate) function: Option<(usize, usize)>,
    pub(crate) change: Change,
}

/// A change that can be judged.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) number: u32,
    /// By which it is known in a later run: see [`keys`].
    pub(crate) key: String,
    pub(crate) name: String,
}

/// Reads what `cargo mutants --list --json` says.
pub(crate) fn parse(json: &str) -> Result<Vec<Mutant>, String> {
    let list: Vec<Value> =
        serde_json::from_str(json).map_err(|error| format!("no list of mutants: {error}"))?;
    list.iter()
        .zip(1..)
        .map(|(value, number)| {
            one(value, number)
                .ok_or_else(|| format!("cargo-mutants says what is not understood: {value}"))
        })
        .collect()
}

fn one(value: &Value, number: u32) -> Option<Mutant> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let place = |key: &str| {
        let place = &value["span"][key];
        Some(Place {
            line: usize::try_from(place["line"].as_u64()?).ok()?,
            column: usize::try_from(place["column"].as_u64()?).ok()?,
        })
    };
    let replacement = text("replacement")?;
    let change = match value["genre"].as_str()? {
        "FnValue" => Change::Body(replacement),
        "BinaryOperator" => Change::Binary(replacement),
        "UnaryOperator" => Change::Unary,
        "MatchArmGuard" => Change::Guard(replacement == "true"),
        "MatchArm" => Change::Arm,
        "StructField" => Change::Field,
        _ => return None,
    };
    Some(Mutant {
        number,
        file: text("file")?,
        name: text("name")?,
        from: place("start")?,
        function: lines_of(&value["function"]["span"]),
        change,
    })
}

fn lines_of(span: &Value) -> Option<(usize, usize)> {
    let line = |key: &str| usize::try_from(span[key]["line"].as_u64()?).ok();
    Some((line("start")?, line("end")?))
}

/// A key for each of `mutants`, by number: the same as in an earlier run where its function's text is the same, wherever
/// that has moved to. It is made of what is changed into what, how many of that name stand before it in the function, and
/// the function's text.
pub(crate) fn keys(
    mutants: &[Mutant],
    originals: &BTreeMap<String, String>,
) -> BTreeMap<u32, String> {
    let mut seen = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for mutant in mutants {
        let what = without_place(&mutant.name);
        let count = seen
            .entry((&mutant.file, what, mutant.function))
            .or_insert(0_u32);
        let text = originals.get(&mutant.file).map_or("", String::as_str);
        let mut hash = Fnv::new();
        for part in [what, &count.to_string()] {
            hash.add(part);
        }
        let (from, to) = mutant.function.unwrap_or((1, usize::MAX));
        for line in text.lines().skip(from - 1).take(to - from + 1) {
            hash.add(line.trim());
        }
        *count += 1;
        // 48 bits: among some thousands no two are the same, and a file of them stays small.
        keys.insert(mutant.number, format!("{:012x}", hash.0 >> 16));
    }
    keys
}

/// The file that stands in front of a name.
pub(crate) fn file_of(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

/// A name without the file, line and column in front of it.
fn without_place(name: &str) -> &str {
    name.split_once(": ").map_or(name, |(_, what)| what)
}

/// FNV-1a, which stays the same from one compiler to the next, as the standard library's need not.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Writes numbers, keys and names of those that can be judged.
pub(crate) fn save(
    mutants: &[Mutant],
    keys: &BTreeMap<u32, String>,
    path: &Path,
) -> Result<(), String> {
    let lines: String = mutants
        .iter()
        .map(|mutant| {
            let key = &keys[&mutant.number];
            format!("{}\t{key}\t{}\n", mutant.number, mutant.name)
        })
        .collect();
    fs::write(path, lines).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads what [`save`] wrote.
pub(crate) fn load(path: &Path) -> Result<Vec<Judged>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .map(|line| {
            let mut fields = line.splitn(3, '\t');
            Some(Judged {
                number: fields.next()?.parse().ok()?,
                key: fields.next()?.to_owned(),
                name: fields.next()?.to_owned(),
            })
        })
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{} is no list of mutants", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Change, Mutant, Place, keys};

    #[test]
    fn a_change_is_known_again_where_its_function_has_moved_and_not_where_it_has_changed() {
        let key = |text: &str, line: usize| {
            let one = |number, column| Mutant {
                number,
                file: "a.rs".to_owned(),
                name: format!("a.rs:{line}:{column}: replace + with - in f"),
                from: Place { line, column },
                function: Some((line, line)),
                change: Change::Binary("-".to_owned()),
            };
            let texts = BTreeMap::from([("a.rs".to_owned(), text.to_owned())]);
            keys(&[one(1, 5), one(2, 9)], &texts)
        };
        let first = key("fn f() { 1 + 2 + 3 }\n", 1);
        assert_ne!(first[&1], first[&2]);
        assert_eq!(first, key("// moved\n\nfn f() { 1 + 2 + 3 }\n", 3));
        assert_ne!(first[&1], key("fn f() { 1 + 2 + 4 }\n", 1)[&1]);
    }
}
