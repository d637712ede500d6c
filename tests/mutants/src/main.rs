//! Changes the server's code in one place after another, and says which changes no test notices.
//!
//! A build for each change would take a day. So every change that cargo-mutants lists is written into one copy of the
//! source, each behind a switch of its own ([`switched`]), and that is built once. Which of them is on is told to a
//! process by its environment. Each test runs once with all of them off and says which places it reaches ([`reach`]);
//! a change is then held against the tests that reach its place, one after the other until one notices ([`judge`]).
//!
//! ```text
//! mutants switch SOURCE < what `cargo mutants --list --json` says    # writes SOURCE/mutants.tsv
//! mutants judge SOURCE FOLDER KEPT SECONDS SECONDS-OF-ONE kept|again TEST-BINARY...
//!                                              # writes reach.tsv, verdicts.tsv and judged.tsv in FOLDER, and KEPT
//! ```
//!
//! Run by `scripts/mutants`, which see.

mod judge;
mod mutant;
mod reach;
mod switched;
mod test;
mod verdicts;
mod viable;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::judge::Order;

fn seconds(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text} is no number of seconds"))
}

/// Its whole path: tests run in a folder of their own.
fn folder(path: &str) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["switch", source] => folder(source).and_then(|source| viable::switch(&source)),
        [
            "judge",
            source,
            folder_of_run,
            kept,
            time,
            of_one,
            again @ ("kept" | "again"),
            binaries @ ..,
        ] if !binaries.is_empty() => folder(source).and_then(|source| {
            let order = Order {
                source: &source,
                folder: Path::new(folder_of_run),
                kept: Path::new(kept),
                time: Duration::from_secs(seconds(time)?),
                seconds_of_one: seconds(of_one)?,
                again: *again == "again",
            };
            judge::judge(&order, binaries)
        }),
        _ => Err("see the head of tests/mutants/src/main.rs".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("mutants: {problem}");
            ExitCode::FAILURE
        }
    }
}
