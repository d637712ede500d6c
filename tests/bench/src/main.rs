//! Detent against two bare servers and its peers; `scripts/bench` builds and runs it.
//!
//! A load (`loads/`) runs on a fresh process of each server (`servers/`) in turn, round by round. Its
//! clients are one thread of this program (`swarm/`), which checks every answer (`script/`). What
//! comes out (`report/`) is a table of medians, compared with the stored run.

mod arguments;
mod calls;
mod choose;
mod instructions;
mod loads;
mod metric;
mod pace;
mod process;
mod report;
mod rounds;
mod scrape;
mod script;
mod secured;
mod servers;
mod speech;
mod swarm;
mod tally;

use std::process::ExitCode;

fn main() -> ExitCode {
    match rounds::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Progress and remarks; stdout is for the table.
fn say(text: &str) {
    eprintln!("bench: {text}");
}
