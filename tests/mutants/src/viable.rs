//! Writes the switched files into the copy, and takes back what the compiler does not accept, until it accepts all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use serde_json::Value;

use crate::mutant::{self, Mutant};
use crate::switched;

/// How often the compiler is asked at most: it tells of types first, and of lives only where all types are right.
const ROUNDS_MAX: usize = 16;

/// What stands in the file of the switches.
const SWITCH: &str = include_str!("mutant_switch.rs.in");

/// Reads the list from stdin, switches the files in `source`, and writes there which mutants can be judged.
pub(crate) fn switch(source: &Path) -> Result<(), String> {
    let mut list = String::new();
    io::stdin()
        .read_to_string(&mut list)
        .map_err(|error| error.to_string())?;
    let all = mutant::parse(&list)?;
    let mut originals: BTreeMap<String, String> = BTreeMap::new();
    for mutant in &all {
        if !originals.contains_key(&mutant.file) {
            originals.insert(mutant.file.clone(), read(&source.join(&mutant.file))?);
        }
    }
    add_switch(source)?;
    let mut left_out = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let placed = write(source, &originals, &all, &left_out)?;
        let refused = check(source)?;
        if refused.is_empty() {
            let viable: Vec<Mutant> = all
                .iter()
                .filter(|mutant| placed.contains(&mutant.number))
                .cloned()
                .collect();
            eprintln!(
                "mutants: {} of {} stand in one build, each behind a switch; the others are no code, or not where one can stand",
                viable.len(),
                all.len()
            );
            let keys = mutant::keys(&all, &originals);
            return mutant::save(&viable, &keys, &source.join("mutants.tsv"));
        }
        left_out.extend(refused);
    }
    Err("the compiler still refuses some".to_owned())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn add_switch(source: &Path) -> Result<(), String> {
    put(&source.join("server/src/mutant_switch.rs"), SWITCH)?;
    let library = source.join("server/src/lib.rs");
    let text = read(&library)?;
    put(
        &library,
        &format!("{text}\n#[doc(hidden)]\npub mod mutant_switch;\n"),
    )
}

fn write(
    source: &Path,
    originals: &BTreeMap<String, String>,
    all: &[Mutant],
    left_out: &BTreeSet<u32>,
) -> Result<BTreeSet<u32>, String> {
    let mut placed = BTreeSet::new();
    for (file, original) in originals {
        let mutants: Vec<Mutant> = all
            .iter()
            .filter(|mutant| mutant.file == *file && !left_out.contains(&mutant.number))
            .cloned()
            .collect();
        let (text, numbers) =
            switched::switch(original, &mutants).map_err(|error| format!("{file}: {error}"))?;
        placed.extend(numbers);
        put(&source.join(file), &text)?;
    }
    Ok(placed)
}

/// Compiles the copy, and gives the numbers of what the compiler complains of.
fn check(source: &Path) -> Result<BTreeSet<u32>, String> {
    let output = Command::new("cargo")
        .current_dir(source)
        .args([
            "check",
            "--quiet",
            "--package",
            "server",
            "--lib",
            "--message-format=json",
        ])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let mut refused = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let message = &value["message"];
        if message["level"] != "error" {
            continue;
        }
        let numbers = blamed(source, message)?;
        // The last message of a failed build names no place.
        if numbers.is_empty()
            && message["spans"]
                .as_array()
                .is_some_and(|spans| !spans.is_empty())
        {
            return Err(format!(
                "no switch is to blame for this:\n{}",
                message["rendered"].as_str().unwrap_or_default()
            ));
        }
        refused.extend(numbers);
    }
    if refused.is_empty() && !output.status.success() {
        return Err("the copy does not compile, and no place is named".to_owned());
    }
    Ok(refused)
}

/// The mutants in which the message's places lie; where there are none, all that stand in the lines of the first.
fn blamed(source: &Path, message: &Value) -> Result<BTreeSet<u32>, String> {
    let mut numbers = BTreeSet::new();
    let mut lines = BTreeSet::new();
    for span in message["spans"].as_array().into_iter().flatten() {
        let (Some(file), Some(start), Some(end)) = (
            span["file_name"].as_str(),
            span["byte_start"].as_u64(),
            span["byte_end"].as_u64(),
        ) else {
            continue;
        };
        let Ok(text) = fs::read_to_string(source.join(file)) else {
            continue;
        };
        let start = usize::try_from(start).unwrap_or(0);
        let end = usize::try_from(end).unwrap_or(0);
        let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        for (number, from, to) in marks(&text) {
            if from <= start && end <= to {
                numbers.insert(number);
            } else if span["is_primary"] == true && from < line_end && to > line_start {
                lines.insert(number);
            }
        }
    }
    Ok(if numbers.is_empty() { lines } else { numbers })
}

/// Each change in the text, with where it begins and ends.
fn marks(text: &str) -> Vec<(u32, usize, usize)> {
    text.match_indices("/*<")
        .filter_map(|(from, _)| {
            let rest = &text[from + 3..];
            let number: u32 = rest[..rest.find("*/")?].parse().ok()?;
            let to = from + text[from..].find(&format!("/*{number}>*/"))?;
            Some((number, from, to))
        })
        .collect()
}
