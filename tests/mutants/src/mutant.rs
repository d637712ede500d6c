//! A change of the code, as cargo-mutants lists it, and the file that passes them on from one step to the next.

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
    pub(crate) change: Change,
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
        change,
    })
}

/// Writes numbers and names of those that can be judged.
pub(crate) fn save(mutants: &[Mutant], path: &Path) -> Result<(), String> {
    let lines: String = mutants
        .iter()
        .map(|mutant| format!("{}\t{}\n", mutant.number, mutant.name))
        .collect();
    fs::write(path, lines).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads numbers and names.
pub(crate) fn load(path: &Path) -> Result<Vec<(u32, String)>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .map(|line| {
            let (number, name) = line.split_once('\t')?;
            Some((number.parse().ok()?, name.to_owned()))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{} is no list of mutants", path.display()))
}
